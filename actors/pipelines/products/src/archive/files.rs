//! Planned files, as due rows: any replica writes one, and hands it over when it dies.

use super::layout;
use jiff::{Timestamp, civil::Date};
use millrace_engine::{Backoff, Claim};
use millrace_postgres::{Database, DueRowsOf, DueTable, Fate};
use std::time::Duration;
use tracing::info_span;
use uuid::Uuid;

/// A file that is to be written.
#[derive(Clone, Debug)]
pub struct PlannedFile {
    /// By what right: what is written of it counts only under this epoch.
    pub claim: Claim<Uuid>,
    /// The hour that its events are of.
    pub hour: Timestamp,
    /// They came when the hour was flushed already.
    pub late: bool,
    /// Its key; see `layout`.
    pub key: String,
    /// The ids of its events.
    pub members: Vec<String>,
    /// The days of the journal that they are of, the first and the last.
    pub received: (Date, Date),
    /// Bytes of their records.
    pub bytes: u64,
}

static FILES: DueTable<Uuid, PlannedFile> = DueTable {
    name: "archive_files",
    key: &["file_id"],
    due_at: "next_at",
    leased_until: "lease_until",
    epoch: "lease_epoch",
    owner: Some("lease_owner"),
    attempts: "attempts",
    open: Some("state = 'planned'"),
    reads: &[
        "hour",
        "late",
        "key",
        "members",
        "received_from",
        "received_to",
        "bytes",
    ],
    read: |claim, row| {
        let bytes: Option<i64> = row.try_get(6)?;
        Ok(PlannedFile {
            claim: *claim,
            hour: row.try_get(0)?,
            late: row.try_get(1)?,
            key: row.try_get(2)?,
            members: row.try_get(3)?,
            received: (row.try_get(4)?, row.try_get(5)?),
            bytes: bytes.unwrap_or_default().unsigned_abs(),
        })
    },
    subject: |file_id| format!("archive file {file_id}"),
    span: |_, file| {
        info_span!(
            "archive write",
            file.key = file.key,
            file.events = file.members.len(),
            hour = %layout::folder("", file.hour)
        )
    },
    // The writer has noted all there is to note, with what the store said.
    done: Fate::Set("lease_owner = NULL"),
    // Nothing of a file can be wrong for ever, so people have an hour to see why it says so.
    put_aside: Fate::Set("attempts = t.attempts + 1, next_at = now() + interval '1 hour'"),
    attempts_allowed: None,
    backoff: Backoff::doubling(Duration::from_secs(1), Duration::from_secs(60)),
};

/// Planned files, as a store of due rows.
pub type FilesToWrite = DueRowsOf<Uuid, PlannedFile>;

/// The planned files in `database`, for a source that claims them for `process`.
pub fn files_to_write(database: Database, process: &str) -> FilesToWrite {
    DueRowsOf::new(database, &FILES, process)
}
