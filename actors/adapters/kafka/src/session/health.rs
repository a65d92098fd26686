//! What the client tells, and how that is shown.

use super::Session;
use crate::{
    Chunk, PositionStore, TopicPartition,
    context::Told,
    troubles::{Remedy, remedy},
};
use jiff::Timestamp;
use millrace_engine::{Fault, Intake};
use rdkafka::{Statistics, error::KafkaError, types::RDKafkaErrorCode};
use tracing::{debug, warn};

impl<S: PositionStore> Session<S> {
    pub(super) fn hear(&mut self, told: Told, intake: &Intake<Chunk>) -> Result<(), Fault> {
        match told {
            Told::Assigned(list) => {
                self.assigned(list);
                self.works(intake);
            }
            Told::Revoked(list) => self.revoked(list),
            Told::Statistics(statistics) => self.look_at(&statistics, intake),
            Told::Trouble(error, reason) => self.trouble(&error, &reason)?,
            Told::Committed(Ok(())) => {}
            Told::Committed(Err(error)) => {
                debug!(pipeline = self.pipeline, %error, "offsets were not committed; the stored positions are the truth");
            }
        }
        Ok(())
    }

    /// Records can flow.
    fn works(&mut self, intake: &Intake<Chunk>) {
        self.status.turn(true, "");
        if !std::mem::replace(&mut self.said_consuming, true) {
            intake.consuming();
        }
    }

    fn trouble(&mut self, error: &KafkaError, reason: &str) -> Result<(), Fault> {
        match remedy(error) {
            Remedy::Anew(words) => Err(Fault::outage(crate::DEPENDENCY, format!("{words}: {reason}"))),
            Remedy::MissingTopic => {
                if self.said.insert(reason.to_owned()) {
                    warn!(
                        pipeline = self.pipeline,
                        "{reason}; it is waited for, none is made"
                    );
                }
                Ok(())
            }
            Remedy::OutOfRange => Ok(()),
            Remedy::Passes => {
                let code = error.rdkafka_error_code();
                if code == Some(RDKafkaErrorCode::PartitionEOF) {
                    return Ok(());
                }
                debug!(pipeline = self.pipeline, %error, reason, "the client is in trouble; it tries again");
                if code == Some(RDKafkaErrorCode::AllBrokersDown) && self.status.turn(false, reason) {
                    warn!(
                        pipeline = self.pipeline,
                        "no broker answers: {reason}; trying again for ever"
                    );
                }
                Ok(())
            }
        }
    }

    /// Whether we are a member, and how far behind.
    fn look_at(&mut self, statistics: &Statistics, intake: &Intake<Chunk>) {
        let mut brokers = statistics.brokers.values().filter(|broker| broker.nodeid >= 0);
        let connected = brokers.any(|broker| broker.state == "UP");
        let member = statistics.cgrp.as_ref();
        let member = member.is_some_and(|group| group.state == "up" && group.join_state == "steady");
        if connected && member {
            self.works(intake);
        } else if !connected {
            self.status.turn(false, "no broker is connected");
        }
        for partition in self.partitions.values_mut() {
            let topic = statistics.topics.get(&*partition.name.topic);
            let seen = topic.and_then(|topic| topic.partitions.get(&partition.name.partition));
            let Some(seen) = seen else { continue };
            // Behind the last stable offset are transactions that may yet be aborted.
            let end = if seen.ls_offset >= 0 {
                seen.ls_offset
            } else {
                seen.hi_offset
            };
            if end >= 0 {
                partition.end = partition.stored.max(Some(end));
            }
            if seen.eof_offset >= 0 {
                partition.read_end = Some(seen.eof_offset);
            }
        }
        self.show();
    }

    /// Shows the partitions.
    pub(super) fn show(&self) {
        let partitions = self.partitions.iter();
        let shown = partitions.map(|(name, partition)| (name.clone(), partition.status()));
        let shown: std::collections::BTreeMap<TopicPartition, _> = shown.collect();
        let paused = self
            .partitions
            .values()
            .filter(|partition| self.is_paused(partition))
            .count();
        self.metrics.paused.set(i64::try_from(paused).unwrap_or(i64::MAX));
        self.metrics.observe(&shown, Timestamp::now());
        self.status.show(shown);
    }
}
