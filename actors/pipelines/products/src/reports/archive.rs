//! The archive by the hour.

use super::{Reports, Told, count};
use jiff::Timestamp;
use millrace_postgres::{Error, Question, Row, all, types::Type};
use serde::Serialize;
use utoipa::ToSchema;

/// Hours that are told where none is asked for.
const HOURS_SHOWN: usize = 72;
/// Files that are told of one hour.
const FILES_SHOWN: usize = 1_000;

const HOURS: &str = "\
    SELECT hour, \
           sum(files)::bigint AS files, sum(late_files)::bigint AS late_files, sum(planned)::bigint AS planned, \
           sum(events)::bigint AS events, sum(bytes)::bigint AS bytes, sum(pending)::bigint AS pending, \
           (SELECT closed_at FROM archive_hours h WHERE h.hour = known.hour) AS closed_at \
    FROM (SELECT hour, count(*) AS files, count(*) FILTER (WHERE late) AS late_files, \
                 count(*) FILTER (WHERE state = 'planned') AS planned, sum(events) AS events, \
                 coalesce(sum(bytes), 0) AS bytes, 0 AS pending \
          FROM archive_files WHERE $1::timestamptz IS NULL OR hour = $1 GROUP BY hour \
          UNION ALL \
          SELECT hour, 0, 0, 0, 0, 0, count(*) FROM archive_pending \
          WHERE $1::timestamptz IS NULL OR hour = $1 GROUP BY hour \
          UNION ALL \
          SELECT hour, 0, 0, 0, 0, 0, 0 FROM archive_hours WHERE $1::timestamptz IS NULL OR hour = $1) AS known \
    GROUP BY hour ORDER BY hour DESC LIMIT $2";

const FILES: &str = "\
    SELECT file_id::text AS file_id, seq, late, state, key, events, bytes, sha256, etag, min_event_at, max_event_at, \
           planned_at, stored_at, attempts \
    FROM archive_files WHERE hour = $1 ORDER BY seq LIMIT $2";

/// Hours of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ArchiveReport {
    /// The newest first; one where one is asked for, and none where nothing is known of it.
    pub hours: Vec<ArchiveHour>,
    /// The files of the hour that is asked for, at most 1000; else none.
    pub files: Vec<ArchiveFile>,
}

/// An hour of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ArchiveHour {
    /// Its beginning, in UTC.
    pub hour: Timestamp,
    /// Since when it is complete; null while it is not.
    pub closed_at: Option<Timestamp>,
    /// Its files.
    pub files: i64,
    /// Of them those of stragglers.
    pub late_files: i64,
    /// Of them those that are not stored yet.
    pub planned: i64,
    /// Events in its files.
    pub events: i64,
    /// Bytes of the files that are stored.
    pub bytes: i64,
    /// Events that are in no file yet.
    pub pending: i64,
}

/// A file of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ArchiveFile {
    /// Its id.
    pub file_id: String,
    /// Its number within the hour.
    pub seq: i64,
    /// It holds stragglers.
    pub late: bool,
    /// `planned` or `stored`.
    pub state: String,
    /// Its key in the store.
    pub key: String,
    /// Events in it.
    pub events: i64,
    /// Its length; null until it is stored, as the fields below.
    pub bytes: Option<i64>,
    /// Of its bytes.
    pub sha256: Option<String>,
    /// As the store calls this version of it.
    pub etag: Option<String>,
    /// The time of its first event.
    pub min_event_at: Option<Timestamp>,
    /// The time of its last event.
    pub max_event_at: Option<Timestamp>,
    /// When its events were chosen.
    pub planned_at: Timestamp,
    /// When the store had it.
    pub stored_at: Option<Timestamp>,
    /// Writes of it that failed.
    pub attempts: i64,
}

// === impl Reports ===

impl Reports {
    /// An hour with its files, or the newest hours without.
    ///
    /// # Errors
    /// The database has no answer.
    pub async fn archive(&self, asked: Option<Timestamp>) -> Told<ArchiveReport> {
        let hours = Question::new(HOURS)
            .with(asked, Type::TIMESTAMPTZ)
            .with(count(HOURS_SHOWN), Type::INT8);
        let files = Question::new(FILES)
            .with(asked, Type::TIMESTAMPTZ)
            .with(count(FILES_SHOWN), Type::INT8);
        let [hours, files] = self.database.answers([hours, files]).await?;
        Ok(ArchiveReport {
            hours: all(&hours, hour)?,
            files: all(&files, file)?,
        })
    }
}

fn hour(row: &Row) -> Result<ArchiveHour, Error> {
    Ok(ArchiveHour {
        hour: row.try_get("hour")?,
        closed_at: row.try_get("closed_at")?,
        files: row.try_get("files")?,
        late_files: row.try_get("late_files")?,
        planned: row.try_get("planned")?,
        events: row.try_get("events")?,
        bytes: row.try_get("bytes")?,
        pending: row.try_get("pending")?,
    })
}

fn file(row: &Row) -> Result<ArchiveFile, Error> {
    Ok(ArchiveFile {
        file_id: row.try_get("file_id")?,
        seq: row.try_get("seq")?,
        late: row.try_get("late")?,
        state: row.try_get("state")?,
        key: row.try_get("key")?,
        events: row.try_get("events")?,
        bytes: row.try_get("bytes")?,
        sha256: row.try_get("sha256")?,
        etag: row.try_get("etag")?,
        min_event_at: row.try_get("min_event_at")?,
        max_event_at: row.try_get("max_event_at")?,
        planned_at: row.try_get("planned_at")?,
        stored_at: row.try_get("stored_at")?,
        attempts: row.try_get("attempts")?,
    })
}
