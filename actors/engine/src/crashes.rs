//! What is remembered beyond the crash of a process: which redelivered events it had at hand.

use crate::Fault;
use futures_util::future::BoxFuture;
use std::fmt::Debug;

/// Durable notes about redelivered events, shared by all replicas. A process notes under its own name, so that it can
/// take its own notes back; what is left of a process that is gone speaks of its crash.
pub trait CrashNotes: Debug + Send + Sync {
    /// Notes that these events are at hand among others, except those that were at hand when another process crashed, and
    /// tells of each what is known, in their order. Done when it is durable.
    fn mark(&self, event_ids: Vec<String>) -> BoxFuture<'static, Result<Vec<Found>, Fault>>;

    /// Notes that a quarantined event is at hand alone, unless it was so when another process crashed. None where there
    /// is no note about it any more.
    fn attempt(&self, event_id: String) -> BoxFuture<'static, Result<Option<Found>, Fault>>;

    /// Takes our own notes about these events back: we live, and have them at hand no more.
    fn give_back(&self, event_ids: Vec<String>) -> BoxFuture<'static, Result<(), Fault>>;

    /// Forgets all about these events: they are settled.
    fn clear(&self, event_ids: Vec<String>) -> BoxFuture<'static, Result<(), Fault>>;

    /// Says which of these events are stored, in their order, and notes nothing. Done when what it says of those is as
    /// durable as a commit.
    fn stored(&self, event_ids: Vec<String>) -> BoxFuture<'static, Result<Vec<bool>, Fault>>;

    /// Forgets what a process left about events that are stored, or left long ago.
    fn tidy(&self) -> BoxFuture<'static, Result<(), Fault>>;
}

/// What is known of a redelivered event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Its batch is stored: whatever crashed after that, the event has done its work.
    pub stored: bool,
    /// It was at hand after a crash, in a process that has not said how that ended.
    pub at_hand: bool,
    /// It was at hand alone, in such a process.
    pub alone: bool,
    /// Such a process may live and be about to take its note back.
    pub fresh: bool,
}
