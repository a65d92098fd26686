//! What the writer needs to know.

use std::time::Duration;

/// What is stored of an event, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The consumer group whose positions are kept.
    pub group: String,
    /// How long an event can be asked for.
    pub keep_events: Duration,
    /// How long after its end an hour is flushed.
    pub archive_grace: Duration,
    /// The recent store is another than the journal.
    pub projects: bool,
    /// Copies of rejected records are sent to a topic.
    pub copies_rejected: bool,
}

/// How long things are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// The days of the journal.
    pub journal: Duration,
    /// Ids, by which an event that comes again is known.
    pub ids: Duration,
    /// The counts of hours.
    pub stats: Duration,
}

// === impl Rules ===

impl Default for Rules {
    fn default() -> Self {
        Self {
            group: "analytics-group".to_owned(),
            keep_events: days(30),
            archive_grace: Duration::from_secs(5 * 60),
            projects: false,
            copies_rejected: false,
        }
    }
}

// === impl Keeping ===

impl Default for Keeping {
    fn default() -> Self {
        Self {
            journal: days(30),
            ids: days(30),
            stats: days(400),
        }
    }
}

/// So many days.
pub(super) const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 60 * 60)
}
