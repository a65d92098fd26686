//! Partitions come and go.

use super::{Leaving, Session, Step, flow::ACCUSED, listed};
use crate::{
    PositionStore, TopicPartition,
    context::is_cooperative,
    partition::{Partition, Phase},
    placing::{Placed, Way},
};
use futures_util::FutureExt;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer},
};
use std::time::Duration;
use tokio::{
    task::spawn_blocking,
    time::{Instant, timeout},
};
use tracing::{debug, error, info, warn};

/// For the chunk at hand of a partition that is taken back.
const FINISH: Duration = Duration::from_secs(10);
/// For the commit before a partition is given up.
const COMMIT: Duration = Duration::from_secs(5);
/// A partition that waits for a person is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

impl<S: PositionStore> Session<S> {
    /// The group gives partitions. They are taken up as soon as the brokers have said where their logs end, so that the
    /// group need not wait for our position store: nothing is read before the place to begin is known and sought.
    pub(super) fn assigned(&mut self, list: Vec<TopicPartition>) {
        self.metrics.rebalanced("assigned");
        if !is_cooperative(&self.client) {
            self.forget_all();
        }
        for name in &list {
            let Some(mut queue) = self.client.split_partition_queue(&name.topic, name.partition) else {
                continue;
            };
            let wake = self.wake.clone();
            queue.set_nonempty_callback(move || wake.notify_one());
            self.last_serial += 1;
            let partition = Partition::new(name.clone(), self.last_serial, queue);
            self.partitions.insert(name.clone(), partition);
        }
        info!(
            pipeline = self.pipeline,
            kafka.partitions = names(&list),
            "partitions assigned"
        );
        self.last_serial += 1;
        let serial = self.last_serial;
        self.taking_up = Some(serial);
        let ends = self.placing().ends(list);
        self.steps
            .push(ends.map(move |ends| Step::TakeUp(serial, ends)).boxed());
        self.show();
    }

    /// Takes partitions up at the ends of their logs, where nothing is fetched that is not wanted. The ends are numbers: a
    /// seek while the client looks a named one up is undone by the answer.
    pub(super) fn take_up(&mut self, serial: u64, ends: Vec<(TopicPartition, Offset)>) {
        if self.taking_up != Some(serial) {
            return;
        }
        self.taking_up = None;
        let mut list = TopicPartitionList::new();
        for (name, end) in &ends {
            // It fails only for an offset that is none.
            let _ = list.add_partition_offset(&name.topic, name.partition, *end);
        }
        let done = if is_cooperative(&self.client) {
            self.client.incremental_assign(&list)
        } else {
            self.client.assign(&list)
        };
        if let Err(error) = done {
            warn!(pipeline = self.pipeline, %error, "partitions were not taken up");
        }
        let ours = ends.into_iter().map(|(name, _)| name);
        self.place(ours.filter(|name| self.partitions.contains_key(name)).collect());
    }

    /// Assigns a partition anew, at a position: where the client has given up on it, it seeks no more.
    fn take_up_again(&mut self, name: &TopicPartition, at: i64) {
        let done = if is_cooperative(&self.client) {
            let mut list = TopicPartitionList::new();
            let _ = list.add_partition_offset(&name.topic, name.partition, Offset::Offset(at));
            let gone = self
                .client
                .incremental_unassign(&listed(std::slice::from_ref(name)));
            gone.and_then(|()| self.client.incremental_assign(&list))
        } else {
            let mut list = TopicPartitionList::new();
            for (other, partition) in &self.partitions {
                let at = if other == name { at } else { partition.next() };
                let _ = list.add_partition_offset(&other.topic, other.partition, Offset::Offset(at));
            }
            self.client.assign(&list)
        };
        if let Err(error) = done {
            warn!(pipeline = self.pipeline, %error, "a partition was not taken up again");
        }
    }

    /// Looks for the positions of partitions.
    pub(super) fn place(&mut self, names: Vec<TopicPartition>) {
        if names.is_empty() {
            return;
        }
        let serial = |name: &TopicPartition| self.partitions.get(name).map_or(0, |it| it.serial);
        let serials: Vec<_> = names.iter().map(serial).collect();
        let placed = self.placing().place(names).map(move |placed| {
            let with_serial = placed.into_iter().zip(serials);
            Step::Placed(
                with_serial
                    .map(|((name, placed), serial)| (name, serial, placed))
                    .collect(),
            )
        });
        self.steps.push(placed.boxed());
    }

    /// A partition's position is known.
    pub(super) fn placed(&mut self, name: &TopicPartition, serial: u64, placed: Placed) {
        let Some(partition) = self.partitions.get_mut(name) else {
            return;
        };
        if partition.serial != serial {
            return;
        }
        partition.stored = placed.stored;
        partition.topic_id = placed.topic_id;
        partition.end = Some(placed.end);
        let (topic, number) = (&*name.topic, name.partition);
        match placed.way {
            Way::Read {
                at,
                lost_from,
                behind_group,
                caution,
                sought,
            } => {
                partition.caution = caution;
                partition.accused_until = caution.map(|_| Instant::now() + ACCUSED);
                partition.read_from(at);
                partition.to_commit = placed.stored;
                if let Some(from) = lost_from {
                    self.metrics.lost.inc();
                    error!(
                        pipeline = self.pipeline,
                        topic,
                        partition = number,
                        offset = at,
                        lost.from = from,
                        "retention has eaten records that were not read; going on at the start of the log"
                    );
                }
                if let Some(committed) = behind_group {
                    self.metrics.behind_group.inc();
                    warn!(
                        pipeline = self.pipeline,
                        topic,
                        partition = number,
                        offset = at,
                        kafka.committed = committed,
                        "the group has committed more than is stored; what the database does not have is read again"
                    );
                }
                info!(
                    pipeline = self.pipeline,
                    topic,
                    partition = number,
                    offset = at,
                    "reading"
                );
                if let Err(error) = sought {
                    debug!(
                        pipeline = self.pipeline,
                        topic,
                        partition = number,
                        error,
                        "cannot seek; taking it up again"
                    );
                    self.take_up_again(name, at);
                }
            }
            Way::Wait(wait) => {
                let why = wait.to_string();
                let first = !matches!(&partition.phase, Phase::Waiting { why: said, .. } if *said == why);
                if first && self.said.insert(format!("{name}: {why}")) {
                    error!(
                        pipeline = self.pipeline,
                        topic,
                        partition = number,
                        "the partition waits: {why}"
                    );
                }
                let until = Instant::now() + LOOK_AGAIN;
                partition.phase = Phase::Waiting { why, until };
            }
        }
        self.show();
    }

    /// Partitions that wait for a person are looked at again: perhaps the position was moved.
    pub(super) fn look_again(&mut self) {
        let now = Instant::now();
        let due = self
            .partitions
            .values_mut()
            .filter_map(|partition| match &mut partition.phase {
                Phase::Waiting { until, .. } if *until <= now => {
                    *until = now + LOOK_AGAIN;
                    Some(partition.name.clone())
                }
                _ => None,
            });
        let due = due.collect();
        self.place(due);
    }

    /// The group takes partitions back: their chunks are finished first, unless they are lost already.
    pub(super) fn revoked(&mut self, list: Vec<TopicPartition>) {
        let lost = self.client.assignment_lost();
        self.metrics.rebalanced(if lost { "lost" } else { "revoked" });
        info!(
            pipeline = self.pipeline,
            kafka.partitions = names(&list),
            kafka.lost = lost,
            "partitions taken back"
        );
        if let Some(serial) = self.taking_up {
            // It is answered in its order.
            let placing = self.partitions.values().filter(|it| it.phase == Phase::Placing);
            let rest = placing.filter(|it| !list.contains(&it.name));
            let rest = rest.map(|it| (it.name.clone(), Offset::End)).collect();
            self.take_up(serial, rest);
        }
        let now = Instant::now();
        self.last_serial += 1;
        let earlier = self.leaving.take();
        let earlier = earlier.map(|leaving| leaving.partitions).unwrap_or_default();
        self.leaving = Some(Leaving {
            partitions: earlier.into_iter().chain(list).collect(),
            until: if lost { now } else { now + FINISH },
            committing: lost,
            serial: self.last_serial,
        });
        if lost {
            self.let_go();
        }
    }

    /// Whether a partition is being given up.
    pub(super) fn leaves(&self, name: &TopicPartition) -> bool {
        let leaving = self.leaving.as_ref();
        leaving.is_some_and(|leaving| leaving.partitions.contains(name))
    }

    /// When the last chunk of what is taken back is settled, or its time is over, the offsets are committed.
    pub(super) fn give_up_what_is_finished(&mut self) {
        self.look_again();
        let Some(leaving) = &self.leaving else { return };
        let flies = |name| self.partitions.get(name).is_some_and(|it| it.flight.is_some());
        let flying = leaving.partitions.iter().any(flies);
        if leaving.committing || (flying && Instant::now() < leaving.until) {
            return;
        }
        let (names, serial) = (leaving.partitions.clone(), leaving.serial);
        if let Some(leaving) = &mut self.leaving {
            leaving.committing = true;
        }
        let list = self.take_uncommitted(Some(&names));
        let (client, store) = (self.client.clone(), self.store.clone());
        let committing = async move {
            if list.count() > 0 {
                let commit = spawn_blocking(move || client.commit(&list, CommitMode::Sync));
                // The stored positions are the truth.
                let _ = timeout(COMMIT, commit).await;
            }
            let _ = timeout(COMMIT, store.clear(&names)).await;
            Step::Committed(serial)
        };
        self.steps.push(committing.boxed());
    }

    /// Gives partitions up, and what is in flight of them with it: the stored position decides about that.
    pub(super) fn let_go(&mut self) {
        let Some(leaving) = self.leaving.take() else {
            return;
        };
        for name in &leaving.partitions {
            self.forget(name);
        }
        let done = if is_cooperative(&self.client) {
            self.client.incremental_unassign(&listed(&leaving.partitions))
        } else {
            self.forget_all();
            self.client.unassign()
        };
        if let Err(error) = done {
            warn!(pipeline = self.pipeline, %error, "partitions were not given up");
        }
        self.status.moved(self.tags.len());
        self.show();
    }

    fn forget_all(&mut self) {
        let names: Vec<_> = self.partitions.keys().cloned().collect();
        for name in names {
            self.forget(&name);
        }
    }

    fn forget(&mut self, name: &TopicPartition) {
        if let Some(partition) = self.partitions.remove(name)
            && let Some(tag) = partition.flight.and_then(|flight| flight.tag)
        {
            self.tags.remove(&tag);
        }
    }
}

fn names(list: &[TopicPartition]) -> String {
    let names: Vec<_> = list.iter().map(ToString::to_string).collect();
    names.join(" ")
}
