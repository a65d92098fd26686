//! Deliveries that are settled as ranges, for a source whose broker keeps one position for each partition.

use super::{Acks, DeliveryHandle, Outcome, Settlement};
use std::collections::{BTreeMap, HashMap};

/// The positions at hand, of all partitions of a source such as Kafka. Stages settle them in any order; what may be
/// committed is the lowest that is not settled, so that nothing below is lost when the process ends.
///
/// The broker does not deliver again what was not done. So only *done* settles a position at once; of any other outcome
/// the source is told, and the position stays open until its message is safe elsewhere ([`close`](Self::close)) or is
/// handed out again ([`again`](Self::again)).
#[derive(Debug)]
pub struct Positions<P> {
    acks: Acks,
    last_tag: u64,
    /// What the newest handle of each open position is called.
    open: HashMap<u64, (P, u64)>,
    partitions: BTreeMap<P, Partition>,
}

/// A place in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position<P> {
    /// Which partition.
    pub partition: P,
    /// Where in it.
    pub position: u64,
    /// Of the handle that told of it: what is lost and comes again has another.
    tag: u64,
}

/// What is at hand of one partition.
#[derive(Debug, Default)]
struct Partition {
    /// The newest handle of each open position.
    open: BTreeMap<u64, u64>,
    /// Behind the highest position that was taken.
    end: u64,
}

// === impl Positions ===

impl<P: Clone + Ord> Positions<P> {
    /// None at hand; handles are settled through `acks`, whose other end feeds [`hear`](Self::hear).
    pub fn new(acks: Acks) -> Self {
        Self {
            acks,
            last_tag: 0,
            open: HashMap::new(),
            partitions: BTreeMap::new(),
        }
    }

    /// Takes the message at a position. An earlier handle of the same position, where there is one, settles nothing.
    pub fn take(&mut self, partition: P, position: u64) -> DeliveryHandle {
        self.last_tag += 1;
        let tag = self.last_tag;
        let at_hand = self.partitions.entry(partition.clone()).or_default();
        at_hand.end = at_hand.end.max(position.saturating_add(1));
        if let Some(earlier) = at_hand.open.insert(position, tag) {
            self.open.remove(&earlier);
        }
        self.open.insert(tag, (partition, position));
        DeliveryHandle::new(tag, self.acks.clone())
    }

    /// Hears of an outcome. None for a handle that has ended: its partition was lost, or its position taken again.
    pub fn hear(&mut self, settlement: Settlement) -> Option<(Position<P>, Outcome)> {
        let Settlement { tag, outcome } = settlement;
        let (partition, position) = self.open.get(&tag)?.clone();
        let position = Position {
            partition,
            position,
            tag,
        };
        if outcome == Outcome::Done {
            self.close(&position);
        }
        Some((position, outcome))
    }

    /// Settles a position whose message is safe elsewhere: as a dead letter, or in a topic for retries.
    pub fn close(&mut self, position: &Position<P>) {
        if self.open.remove(&position.tag).is_some()
            && let Some(at_hand) = self.partitions.get_mut(&position.partition)
        {
            at_hand.open.remove(&position.position);
        }
    }

    /// A new handle for a message that is tried again from memory. None where the position is no longer ours.
    pub fn again(&mut self, position: &Position<P>) -> Option<DeliveryHandle> {
        self.open.contains_key(&position.tag).then(|| {
            let Position {
                partition, position, ..
            } = position.clone();
            self.take(partition, position)
        })
    }

    /// The position to commit: all messages before it are settled. None where nothing was taken.
    pub fn committable(&self, partition: &P) -> Option<u64> {
        let at_hand = self.partitions.get(partition)?;
        let lowest = at_hand.open.first_key_value();
        Some(lowest.map_or(at_hand.end, |(position, _)| *position))
    }

    /// The partition belongs to another consumer now: its handles have ended, and whatever they say later is not heard.
    pub fn lose(&mut self, partition: &P) {
        let lost = self.partitions.remove(partition).unwrap_or_default();
        for tag in lost.open.values() {
            self.open.remove(tag);
        }
    }

    /// Positions that are not settled.
    pub fn in_flight(&self) -> usize {
        self.open.len()
    }
}
