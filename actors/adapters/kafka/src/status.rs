//! How the source is, seen from outside its actor.

use crate::TopicPartition;
use jiff::Timestamp;
use std::collections::BTreeMap;
use tokio::{sync::watch, time::Instant};

/// The source as health, metrics and reports see it. Clones share it.
#[derive(Clone, Debug)]
pub struct KafkaStatus {
    consuming: watch::Sender<Consuming>,
    progress: watch::Sender<Progress>,
    partitions: watch::Sender<BTreeMap<TopicPartition, PartitionStatus>>,
}

/// Whether records can flow, since when, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consuming {
    /// They can.
    pub yes: bool,
    /// Since when it is so.
    pub since: Timestamp,
    /// Why not; what is wrong with a part of it.
    pub why: String,
}

/// Whether the pipeline moves.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Chunks that are not settled.
    pub in_flight: usize,
    /// When a chunk was last settled, or when the first of these was handed out.
    pub moved_at: Instant,
}

/// A partition that this replica has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionStatus {
    /// The first offset that is not stored; none where there is no position yet.
    pub position: Option<i64>,
    /// Behind the last record that can be read; none where it is not known yet.
    pub end: Option<i64>,
    /// When the newest record that was read was sent.
    pub read_up_to: Option<Timestamp>,
    /// Why it is not read: it waits for a person.
    pub waits: Option<String>,
}

// === impl PartitionStatus ===

impl PartitionStatus {
    /// Records that are not stored.
    pub fn lag(&self) -> u64 {
        let (Some(end), Some(position)) = (self.end, self.position) else {
            return 0;
        };
        u64::try_from(end - position).unwrap_or(0)
    }
}

// === impl KafkaStatus ===

impl Default for KafkaStatus {
    fn default() -> Self {
        let not_yet = Consuming {
            yes: false,
            since: Timestamp::now(),
            why: "not connected yet".to_owned(),
        };
        let progress = Progress {
            in_flight: 0,
            moved_at: Instant::now(),
        };
        Self {
            consuming: watch::Sender::new(not_yet),
            progress: watch::Sender::new(progress),
            partitions: watch::Sender::default(),
        }
    }
}

impl KafkaStatus {
    /// Whether records can flow now. A partition that waits for a person is named, and then it is no.
    pub fn consuming(&self) -> Consuming {
        let mut state = self.consuming.borrow().clone();
        let partitions = self.partitions.borrow();
        let waiting = partitions.iter().filter_map(|(partition, status)| {
            let why = status.waits.as_ref()?;
            Some(format!("{partition}: {why}"))
        });
        let waiting: Vec<_> = waiting.collect();
        if !waiting.is_empty() {
            state.yes = false;
            state.why = [state.why]
                .into_iter()
                .filter(|why| !why.is_empty())
                .chain(waiting)
                .collect::<Vec<_>>()
                .join("; ");
        }
        state
    }

    /// What is in flight, and when that last changed.
    pub fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// The partitions that this replica has.
    pub fn partitions(&self) -> BTreeMap<TopicPartition, PartitionStatus> {
        self.partitions.borrow().clone()
    }

    /// Records of all partitions that are not stored; none where it has no partition.
    pub fn lag(&self) -> Option<u64> {
        let partitions = self.partitions.borrow();
        (!partitions.is_empty()).then(|| partitions.values().map(PartitionStatus::lag).sum())
    }

    /// Says how it is. True where that is news.
    pub(crate) fn turn(&self, yes: bool, why: &str) -> bool {
        self.consuming.send_if_modified(|state| {
            let news = state.yes != yes;
            let changed = news || state.why != why;
            if news {
                state.since = Timestamp::now();
            }
            if changed {
                state.yes = yes;
                why.clone_into(&mut state.why);
            }
            changed
        })
    }

    pub(crate) fn moved(&self, in_flight: usize) {
        self.progress.send_replace(Progress {
            in_flight,
            moved_at: Instant::now(),
        });
    }

    pub(crate) fn show(&self, partitions: BTreeMap<TopicPartition, PartitionStatus>) {
        self.partitions.send_replace(partitions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_that_waits_is_named_and_the_lag_is_of_all() {
        let status = KafkaStatus::default();
        assert!(status.turn(true, ""));
        assert!(!status.turn(true, ""), "no news");
        assert_eq!(status.lag(), None);
        let partition = |partition| TopicPartition {
            topic: "orders".into(),
            partition,
        };
        let reading = PartitionStatus {
            position: Some(3),
            end: Some(10),
            read_up_to: None,
            waits: None,
        };
        let waiting = PartitionStatus {
            position: None,
            waits: Some("truncated".to_owned()),
            ..reading.clone()
        };
        status.show([(partition(0), reading), (partition(7), waiting)].into());
        assert_eq!(status.lag(), Some(7));
        let state = status.consuming();
        assert_eq!((state.yes, state.why.as_str()), (false, "orders/7: truncated"));
    }
}
