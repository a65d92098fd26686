//! Recent events in the journal itself.

use super::{Answer, EventPlace, EventQuestion, NoAnswer, RecentEvent, RecentStore, RefusedEvent};
use crate::domain::EventType;
use jiff::Timestamp;
use millrace_postgres::{Database, Error, Question, Row, Unanswered, all, types::Type};

const ONE: &str = "\
    SELECT e.event_id, e.event_type, e.product_id, e.seller_id, e.event_at, e.received_at, e.expires_at, \
           e.payload::text AS payload \
    FROM product_event_ids i JOIN product_events e ON e.received_on = i.received_on AND e.event_id = i.event_id \
    WHERE i.event_id = $1 AND e.expires_at > $2";

/// By the index of the product.
const OF_PRODUCT: &str = "\
    SELECT event_id, event_type, product_id, seller_id, event_at, received_at, expires_at, payload::text AS payload \
    FROM product_events \
    WHERE product_id = $9 AND event_type = ANY($1) AND ($2::text IS NULL OR seller_id = $2) \
      AND event_at >= $3 AND event_at < $4 AND event_at <= $5 AND (event_at, event_id COLLATE \"C\") < ($5, $6) \
      AND expires_at > $7 \
    ORDER BY event_at DESC, event_id COLLATE \"C\" DESC LIMIT $8";

/// By the index of each kind.
const OF_KINDS: &str = "\
    SELECT found.* FROM unnest($1::text[]) AS kind CROSS JOIN LATERAL ( \
        SELECT event_id, event_type, product_id, seller_id, event_at, received_at, expires_at, payload::text AS payload \
        FROM product_events \
        WHERE event_type = kind AND ($2::text IS NULL OR seller_id = $2) \
          AND event_at >= $3 AND event_at < $4 AND event_at <= $5 AND (event_at, event_id COLLATE \"C\") < ($5, $6) \
          AND expires_at > $7 \
        ORDER BY event_at DESC, event_id COLLATE \"C\" DESC LIMIT $8) AS found \
    ORDER BY found.event_at DESC, found.event_id COLLATE \"C\" DESC LIMIT $8";

/// Later than every event, and a time that the database has.
const NEVER: &str = "9999-01-01T00:00:00Z";

/// A [`RecentStore`] in the journal: the transaction that takes an event in has put it there.
#[derive(Clone, Debug)]
pub struct JournalEvents(Database);

// === impl JournalEvents ===

impl JournalEvents {
    /// Of this database.
    pub fn new(database: Database) -> Self {
        Self(database)
    }
}

impl RecentStore for JournalEvents {
    fn put<'a>(&'a self, _: &'a [RecentEvent]) -> Answer<'a, Vec<RefusedEvent>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn get<'a>(&'a self, id: &'a str, now: Timestamp) -> Answer<'a, Option<RecentEvent>> {
        Box::pin(async move {
            let question = Question::new(ONE)
                .with(id.to_owned(), Type::TEXT)
                .with(now, Type::TIMESTAMPTZ);
            let [rows] = self.0.answers([question]).await?;
            Ok(all(&rows, event)?.pop())
        })
    }

    fn list<'a>(&'a self, question: &'a EventQuestion, now: Timestamp) -> Answer<'a, Vec<RecentEvent>> {
        Box::pin(async move {
            let never: Timestamp = NEVER.parse().expect("it is a time");
            let kinds = question
                .event_type
                .map_or_else(|| EventType::ALL.to_vec(), |kind| vec![kind]);
            let kinds: Vec<_> = kinds.into_iter().map(EventType::as_str).collect();
            let EventPlace(at, id) = question
                .after
                .clone()
                .unwrap_or_else(|| EventPlace(never, String::new()));
            let limit = i64::try_from(question.limit).unwrap_or(i64::MAX);
            let asked = Question::new(if question.product_id.is_some() {
                OF_PRODUCT
            } else {
                OF_KINDS
            })
            .with(kinds, Type::TEXT_ARRAY)
            .with(question.seller_id.clone(), Type::TEXT)
            .with(question.since.unwrap_or(Timestamp::UNIX_EPOCH), Type::TIMESTAMPTZ)
            .with(question.until.unwrap_or(never), Type::TIMESTAMPTZ)
            .with(at, Type::TIMESTAMPTZ)
            .with(id, Type::TEXT)
            .with(now, Type::TIMESTAMPTZ)
            .with(limit, Type::INT8);
            let asked = match &question.product_id {
                Some(product) => asked.with(product.clone(), Type::TEXT),
                None => asked,
            };
            let [rows] = self.0.answers([asked]).await?;
            Ok(all(&rows, event)?)
        })
    }
}

pub(super) fn event(row: &Row) -> Result<RecentEvent, Error> {
    Ok(RecentEvent {
        id: row.try_get("event_id")?,
        event_type: row.try_get("event_type")?,
        product_id: row.try_get("product_id")?,
        seller_id: row.try_get("seller_id")?,
        at: row.try_get("event_at")?,
        received_at: row.try_get("received_at")?,
        expires_at: row.try_get("expires_at")?,
        payload: row.try_get("payload")?,
    })
}

impl From<Unanswered> for NoAnswer {
    fn from(Unanswered(why): Unanswered) -> Self {
        Self(format!("the database has no answer: {why}"))
    }
}
