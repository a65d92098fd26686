//! Records that are no events.

use super::{Reports, Told, count};
use jiff::Timestamp;
use millrace_engine::Fault;
use millrace_postgres::{Error, Failure, Question, Row, all, types::Type};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const LIST: &str = "\
    SELECT topic, partition, record_offset, event_id, reason, detail, raw_bytes, created_at FROM rejected_events \
    WHERE ($1::text IS NULL OR reason = $1) \
      AND ($2::timestamptz IS NULL OR (created_at, topic COLLATE \"C\", partition, record_offset) < ($2, $3, $4, $5)) \
    ORDER BY created_at DESC, topic COLLATE \"C\" DESC, partition DESC, record_offset DESC LIMIT $6";

const WHOLE: &str = "\
    SELECT topic, partition, record_offset, event_id, reason, detail, raw_bytes, created_at, record_key, headers::text AS headers, \
           raw \
    FROM rejected_events WHERE topic = $1 AND partition = $2 AND record_offset = $3";

const DROP: &str = "\
    DELETE FROM rejected_events WHERE topic = $1 AND partition = $2 AND record_offset = $3";

/// A record that was rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RejectedReport {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i64,
    /// Its offset.
    pub offset: i64,
    /// Its id, where one could be read.
    pub event_id: Option<String>,
    /// Why, as a code.
    pub reason: String,
    /// Why, in words.
    pub detail: String,
    /// How long it is.
    pub bytes: i64,
    /// When it was rejected.
    pub created_at: Timestamp,
}

/// The place of a rejected record in the list, which is sorted by time, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedPlace(pub Timestamp, pub String, pub i64, pub i64);

/// A rejected record with all that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedWhole {
    /// Where it is from, and why it is no event.
    pub report: RejectedReport,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its headers: a JSON array of names and values.
    pub headers: Option<String>,
    /// What was sent, cut where it is longer than what is kept; none where nothing was.
    pub raw: Option<Vec<u8>>,
}

// === impl RejectedReport ===

impl RejectedReport {
    /// Its place in the list.
    pub fn place(&self) -> RejectedPlace {
        RejectedPlace(self.created_at, self.topic.clone(), self.partition, self.offset)
    }
}

// === impl RejectedWhole ===

impl RejectedWhole {
    /// Whether all of what was sent is kept.
    pub fn is_whole(&self) -> bool {
        let kept = self.raw.as_ref().map_or(0, Vec::len);
        i64::try_from(kept) == Ok(self.report.bytes)
    }
}

// === impl Reports ===

impl Reports {
    /// Rejected records, of one reason where one is named, behind a place.
    ///
    /// # Errors
    /// The database has no answer.
    pub async fn rejected(
        &self,
        reason: Option<String>,
        after: Option<RejectedPlace>,
        limit: usize,
    ) -> Told<Vec<RejectedReport>> {
        let (at, topic, partition, offset) = match after {
            Some(RejectedPlace(at, topic, partition, offset)) => (Some(at), topic, partition, offset),
            None => (None, String::new(), 0, 0),
        };
        let question = Question::new(LIST)
            .with(reason, Type::TEXT)
            .with(at, Type::TIMESTAMPTZ)
            .with(topic, Type::TEXT)
            .with(partition, Type::INT8)
            .with(offset, Type::INT8)
            .with(count(limit), Type::INT8);
        let [rows] = self.database.answers([question]).await?;
        all(&rows, rejected)
    }

    /// The rejected record at a place of Kafka.
    ///
    /// # Errors
    /// The database has no answer.
    pub async fn rejected_whole(
        &self,
        topic: &str,
        partition: i64,
        offset: i64,
    ) -> Told<Option<RejectedWhole>> {
        let question = Question::new(WHOLE)
            .with(topic.to_owned(), Type::TEXT)
            .with(partition, Type::INT8)
            .with(offset, Type::INT8);
        let [rows] = self.database.answers([question]).await?;
        Ok(all(&rows, |row| {
            Ok(RejectedWhole {
                report: rejected(row)?,
                key: row.try_get("record_key")?,
                headers: row.try_get("headers")?,
                raw: row.try_get("raw")?,
            })
        })?
        .pop())
    }

    /// Forgets a rejected record; false where there is none.
    ///
    /// # Errors
    /// The database is away.
    pub async fn drop_rejected(&self, topic: &str, partition: i64, offset: i64) -> Result<bool, Fault> {
        let lease = self.database.lease().await.map_err(Failure::of_database)?;
        let dropped = lease
            .execute_typed(
                DROP,
                &[
                    (&topic, Type::TEXT),
                    (&partition, Type::INT8),
                    (&offset, Type::INT8),
                ],
            )
            .await
            .map_err(|error| Failure::from(error).of_database())?;
        lease.give_back();
        Ok(dropped > 0)
    }
}

fn rejected(row: &Row) -> Result<RejectedReport, Error> {
    Ok(RejectedReport {
        topic: row.try_get("topic")?,
        partition: row.try_get("partition")?,
        offset: row.try_get("record_offset")?,
        event_id: row.try_get("event_id")?,
        reason: row.try_get("reason")?,
        detail: row.try_get("detail")?,
        bytes: row.try_get("raw_bytes")?,
        created_at: row.try_get("created_at")?,
    })
}
