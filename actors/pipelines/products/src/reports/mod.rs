//! What the database can say about product events, for the API and for commands. The answers are plain rows, described
//! for the OpenAPI document where they are declared.

mod archive;
mod event;
mod positions;
mod product;
mod rejected;
mod stats;

pub use archive::{ArchiveFile, ArchiveHour, ArchiveReport};
pub use event::{ArchivedIn, StoredEvent};
pub use positions::{GapReport, PositionReport, ReadHere};
pub use product::ProductReport;
pub use rejected::{RejectedPlace, RejectedReport, RejectedWhole};
pub use stats::{ProductsByStatus, StatsReport};

use millrace_postgres::{Database, Unanswered};

/// Asks the database.
#[derive(Clone, Debug)]
pub struct Reports {
    database: Database,
    /// The consumer group whose positions are told.
    group: String,
}

/// What is answered, or why nothing is.
pub type Told<T> = Result<T, Unanswered>;

// === impl Reports ===

impl Reports {
    /// Of this database, and of this consumer group.
    pub fn new(database: Database, group: &str) -> Self {
        Self {
            database,
            group: group.to_owned(),
        }
    }
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
