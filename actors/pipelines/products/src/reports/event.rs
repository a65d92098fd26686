//! Where an event came from and where it went.

use super::{Reports, Told};
use jiff::{Timestamp, civil::Date};
use millrace_postgres::{Error, Question, Row, all, types::Type};
use serde::Serialize;
use utoipa::ToSchema;

const STORED: &str = "\
    SELECT i.seen_at, i.duplicates, e.topic, e.partition, e.record_offset, e.event_at, e.trace_id, i.received_on, \
           EXISTS (SELECT FROM projection_queue q WHERE q.event_id = i.event_id) AS projection_waits, \
           (SELECT detail FROM projection_failures f WHERE f.event_id = i.event_id) AS projection_failure, \
           EXISTS (SELECT FROM archive_pending p WHERE p.event_id = i.event_id \
                   AND p.hour = date_trunc('hour', e.event_at, 'UTC')) AS archive_pending \
    FROM product_event_ids i \
    LEFT JOIN product_events e ON e.received_on = i.received_on AND e.event_id = i.event_id \
    WHERE i.event_id = $1";

/// A stored file forgets its members; what is left are its hour, its times and the days of the journal that it is of.
const FILES: &str = "\
    SELECT key, state FROM archive_files \
    WHERE hour = $1 AND $2 BETWEEN received_from AND received_to \
      AND (state = 'planned' AND $3 = ANY(members) \
           OR state = 'stored' AND $4 BETWEEN min_event_at AND max_event_at) \
    ORDER BY seq LIMIT 20";

/// What is known of a stored event beside itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StoredEvent {
    /// When it was stored.
    pub stored_at: Timestamp,
    /// Records with its id that came later, and changed nothing.
    pub duplicates: i64,
    /// The topic that it came from; null where the journal does not hold it any more, as the fields below.
    pub topic: Option<String>,
    /// Its partition.
    pub partition: Option<i64>,
    /// Its offset.
    pub offset: Option<i64>,
    /// The trace that its producer began.
    pub trace_id: Option<String>,
    /// Whether it waits for a recent store that is not the journal.
    pub projection_waits: bool,
    /// Why that store refuses it.
    pub projection_failure: Option<String>,
    /// Where it is in the archive.
    pub archive: ArchivedIn,
}

/// Where an event is in the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ArchivedIn {
    /// `pending`: in no file yet; `planned`: its file is being written; `stored`; `unknown` where the journal does not
    /// hold the event any more.
    pub state: String,
    /// The key of its file. Of an hour with several files that may hold it all are named: a stored file is not asked for
    /// each of its events.
    pub keys: Vec<String>,
}

// === impl Reports ===

impl Reports {
    /// What is known of an event; none where its id was never stored, or so long ago that it is forgotten.
    ///
    /// # Errors
    /// The database has no answer.
    pub async fn event(&self, id: &str) -> Told<Option<StoredEvent>> {
        let question = Question::new(STORED).with(id.to_owned(), Type::TEXT);
        let [rows] = self.database.answers([question]).await?;
        let found = all(&rows, |row| Ok((stored(row)?, known(row)?)))?.pop();
        let Some((mut event, (at, day, is_pending))) = found else {
            return Ok(None);
        };
        if let Some(at) = at {
            event.archive = self.archived_in(id, at, day, is_pending).await?;
        }
        Ok(Some(event))
    }

    async fn archived_in(&self, id: &str, at: Timestamp, day: Date, is_pending: bool) -> Told<ArchivedIn> {
        if is_pending {
            return Ok(ArchivedIn::of("pending"));
        }
        let files = Question::new(FILES)
            .with(hour_of(at), Type::TIMESTAMPTZ)
            .with(day, Type::DATE)
            .with(id.to_owned(), Type::TEXT)
            .with(at, Type::TIMESTAMPTZ);
        let [rows] = self.database.answers([files]).await?;
        let files: Vec<(String, String)> = all(&rows, |row| Ok((row.try_get(0)?, row.try_get(1)?)))?;
        // A planned file names its members, so it is the one.
        let planned = files.iter().find(|(_, state)| state == "planned");
        let (state, keys) = match planned {
            Some((key, _)) => ("planned", vec![key.clone()]),
            None if files.is_empty() => ("unknown", Vec::new()),
            None => ("stored", files.into_iter().map(|(key, _)| key).collect()),
        };
        Ok(ArchivedIn {
            state: state.to_owned(),
            keys,
        })
    }
}

// === impl ArchivedIn ===

impl ArchivedIn {
    fn of(state: &str) -> Self {
        Self {
            state: state.to_owned(),
            keys: Vec::new(),
        }
    }
}

fn stored(row: &Row) -> Result<StoredEvent, Error> {
    Ok(StoredEvent {
        stored_at: row.try_get("seen_at")?,
        duplicates: row.try_get("duplicates")?,
        topic: row.try_get("topic")?,
        partition: row.try_get("partition")?,
        offset: row.try_get("record_offset")?,
        trace_id: row.try_get("trace_id")?,
        projection_waits: row.try_get("projection_waits")?,
        projection_failure: row.try_get("projection_failure")?,
        archive: ArchivedIn::of("unknown"),
    })
}

/// Its time where the journal holds it, its day, and whether it is in no file yet.
fn known(row: &Row) -> Result<(Option<Timestamp>, Date, bool), Error> {
    let is_pending: Option<bool> = row.try_get("archive_pending")?;
    Ok((
        row.try_get("event_at")?,
        row.try_get("received_on")?,
        is_pending.unwrap_or_default(),
    ))
}

/// The UTC hour of a time.
fn hour_of(at: Timestamp) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(3_600)).unwrap_or(at)
}
