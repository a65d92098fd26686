//! How many work at once, and how much may be in flight.

use super::numbers::{Mebibytes, Seconds, Whole};
use super::reader::Reader;
use super::setting::{Setting, settings};
use super::source::Source;
use std::time::Duration;

settings! { "Processing";
    FETCHERS: Whole<usize> = Setting::new("MAX_CONCURRENT_BATCH_PROCESSING", Whole::between(1, 1000), "5", "Fetchers: objects fetched at once.");
    PARSERS: Whole<usize> = Setting::new("MAX_WORKERS", Whole::between(1, 256), "10", "Parsers, each on its own thread.");
    WRITERS: Whole<usize> = Setting::new("MAX_WRITERS", Whole::between(1, 64), "2", "Writers: transactions open at once.");
    MEMORY_BUDGET: Mebibytes = Setting::new("MEMORY_BUDGET_MB", Mebibytes::between(1, 1 << 20), "256", "Bound on the bytes in flight, of objects and of the rows made from them; a single larger batch goes alone.");
    SHUTDOWN_GRACE: Seconds = Setting::new("SHUTDOWN_GRACE_SECONDS", Seconds::between(0.0, 3600.0), "25", "How long a stop may take to finish what is in flight; the rest stays unacknowledged.");
    STAGE_DEADLINE: Seconds = Setting::new("STAGE_DEADLINE_SECONDS", Seconds::between(1.0, 86_400.0), "120", "How long a fetch, a parse or a write may make no progress before it is ended and tried again; waiting for memory does not count.");
}

/// How many actors of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerCounts {
    /// `MAX_CONCURRENT_BATCH_PROCESSING`.
    pub fetchers: usize,
    /// `MAX_WORKERS`.
    pub parsers: usize,
    /// `MAX_WRITERS`.
    pub writers: usize,
}

/// What bounds the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processing {
    /// Actors of each kind.
    pub workers: WorkerCounts,
    /// Bytes.
    pub memory_budget: u64,
    /// How long a stop may take.
    pub shutdown_grace: Duration,
    /// How long a run of a stage's work may make no progress.
    pub stage_deadline: Duration,
}

/// Reads the group.
pub(crate) fn read(reader: &mut Reader<'_>) -> Processing {
    Processing {
        workers: WorkerCounts {
            fetchers: reader.get(&FETCHERS),
            parsers: reader.get(&PARSERS),
            writers: reader.get(&WRITERS),
        },
        memory_budget: reader.get(&MEMORY_BUDGET),
        shutdown_grace: reader.get(&SHUTDOWN_GRACE),
        stage_deadline: reader.get(&STAGE_DEADLINE),
    }
}

// === impl Processing ===

impl Processing {
    /// What is in force where nothing is set.
    pub(crate) fn unset() -> Self {
        read(&mut Reader::new(&Source::default()))
    }

    /// Events in flight where no number was chosen.
    pub(super) fn prefetch(&self) -> u16 {
        millrace_sizing::prefetch(
            self.workers.hands(),
            self.memory_budget,
            millrace_sizing::ASSUMED_BATCH_BYTES,
        )
    }
}

// === impl WorkerCounts ===

impl WorkerCounts {
    /// All of them.
    pub(crate) fn hands(self) -> usize {
        self.fetchers + self.parsers + self.writers
    }
}
