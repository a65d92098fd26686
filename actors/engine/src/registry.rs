//! Who is there and how they are: written by the supervisor, read by health checks and metrics.

use super::{ActorId, Cause, Depth};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A shared view of all actors.
#[derive(Clone, Debug, Default)]
pub struct ActorRegistry(Arc<Mutex<BTreeMap<ActorId, Entry>>>);

/// One actor.
#[derive(Clone, Debug)]
pub struct Entry {
    /// How it is.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// Restarts so far, by the label of their cause.
    pub restarts: BTreeMap<&'static str, u64>,
    /// Its mailbox.
    pub depth: Depth,
    /// Why it failed last.
    pub last_failure: Option<Cause>,
}

/// How an actor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Being built.
    Starting,
    /// Ready or at work.
    Up,
    /// Failed; waiting to be rebuilt.
    Down,
    /// Failed too often.
    GaveUp,
    /// A source that has drained.
    Drained,
}

// === impl ActorRegistry ===

impl ActorRegistry {
    /// All actors now.
    pub fn entries(&self) -> BTreeMap<ActorId, Entry> {
        self.lock().clone()
    }

    pub(crate) fn join(&self, child: ActorId, depth: Depth) {
        let entry = Entry {
            state: State::Starting,
            since: Timestamp::now(),
            restarts: BTreeMap::new(),
            depth,
            last_failure: None,
        };
        self.lock().insert(child, entry);
    }

    pub(crate) fn set(&self, child: ActorId, state: State) {
        if let Some(entry) = self.lock().get_mut(&child)
            && entry.state != state
        {
            entry.state = state;
            entry.since = Timestamp::now();
        }
    }

    /// Counts a failure and returns how many of this kind there were.
    pub(crate) fn fail(&self, child: ActorId, cause: &Cause) -> u64 {
        self.set(child, State::Down);
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(&child) else {
            return 0;
        };
        entry.last_failure = Some(cause.clone());
        let count = entry.restarts.entry(cause.label()).or_default();
        *count += 1;
        *count
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ActorId, Entry>> {
        // Nothing panics while holding the lock; a poisoned view is still a view.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// The state as it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Up => "up",
            Self::Down => "down",
            Self::GaveUp => "gave_up",
            Self::Drained => "drained",
        }
    }
}
