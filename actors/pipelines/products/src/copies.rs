//! Copies of rejected records on their way to a topic: due rows of `event_outbox`, noted in the transaction that rejects.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::future::try_join_all;
use millrace_engine::{Backoff, Fault, Load, Sink, trace::Kind};
use millrace_kafka::{Producer, Record};
use millrace_postgres::{Database, DueRowsOf, DueTable, Error, Fate, Row};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tracing::info_span;

/// A rejected record, and why it is one.
#[derive(Clone, Debug)]
pub struct RejectedCopy {
    /// As it was sent; its headers say also where it was and why it is no event.
    pub record: Record,
}

/// Sends copies, each until it is confirmed: none is lost, and one may be there twice after a crash.
#[derive(Clone, Debug)]
pub struct Copier {
    producer: Producer,
    topic: Arc<str>,
}

/// The cause of a retry: no fault of the record, and none for which other records are to wait.
const TOPIC_LATE: &str = "copies_topic";

static OUTBOX: DueTable<i64, RejectedCopy> = DueTable {
    name: "event_outbox",
    key: &["outbox_id"],
    due_at: "next_at",
    leased_until: "lease_until",
    epoch: "lease_epoch",
    owner: Some("lease_owner"),
    attempts: "attempts",
    open: None,
    reads: &[
        "topic",
        "partition",
        "record_offset",
        "reason",
        "detail",
        "record_key",
        "headers",
        "value",
    ],
    read: |_, row| copy_of(row),
    subject: |outbox_id| format!("copy {outbox_id}"),
    span: |claim, copy| info_span!("copy", outbox.id = claim.key, offset = copy.record.offset),
    done: Fate::Delete,
    // Nothing of a copy can be wrong for ever, so people have an hour to see why it says so.
    put_aside: Fate::Set("attempts = t.attempts + 1, next_at = now() + interval '1 hour'"),
    attempts_allowed: None,
    backoff: Backoff::doubling(Duration::from_secs(1), Duration::from_secs(60)),
};

/// The copies in `database` that are to be sent, for a source that claims them for `process`.
pub fn copies_to_send(database: Database, process: &str) -> DueRowsOf<i64, RejectedCopy> {
    DueRowsOf::new(database, &OUTBOX, process)
}

fn copy_of(row: &Row) -> Result<RejectedCopy, Error> {
    let (topic, partition, offset): (String, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let (reason, detail): (String, String) = (row.try_get(3)?, row.try_get(4)?);
    let (key, value): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.try_get(5)?, row.try_get(7)?);
    let mut headers = headers_of(row.try_get(6)?);
    let told = [
        ("x-millrace-reason", reason),
        ("x-millrace-detail", detail),
        ("x-millrace-topic", topic),
        ("x-millrace-partition", partition.to_string()),
        ("x-millrace-offset", offset.to_string()),
    ];
    headers.extend(told.map(|(name, value)| (name.to_owned(), Some(Bytes::from(value)))));
    let record = Record {
        offset,
        timestamp: None,
        key: key.map(Bytes::from),
        value: value.map(Bytes::from),
        headers,
    };
    Ok(RejectedCopy { record })
}

/// Back from the JSON in which they are stored.
fn headers_of(stored: Option<Value>) -> Vec<(String, Option<Bytes>)> {
    let Some(Value::Array(pairs)) = stored else {
        return Vec::new();
    };
    let header = |pair: Value| {
        let name = pair.get(0)?.as_str()?.to_owned();
        let value = match pair.get(1)? {
            Value::String(text) => Some(Bytes::from(text.clone())),
            Value::Object(raw) => STANDARD
                .decode(raw.get("base64")?.as_str()?)
                .ok()
                .map(Bytes::from),
            _ => None,
        };
        Some((name, value))
    };
    pairs.into_iter().filter_map(header).collect()
}

// === impl Copier ===

impl Copier {
    /// To this topic.
    pub fn new(producer: Producer, topic: &str) -> Self {
        let topic = topic.into();
        Self { producer, topic }
    }
}

impl Sink for Copier {
    type In = RejectedCopy;

    const VERB: &'static str = "send";
    const KIND: Kind = Kind::Producer;

    fn load(copy: &RejectedCopy) -> Load {
        let bytes = copy.record.value.as_ref().map_or(0, Bytes::len);
        Load { rows: 1, bytes }
    }

    async fn write(&mut self, copies: &[&RejectedCopy]) -> Result<(), Fault> {
        let sending = copies
            .iter()
            .map(|copy| self.producer.send(&self.topic, &copy.record));
        match try_join_all(sending).await {
            Ok(_) => Ok(()),
            Err(fault) => Err(Fault::deferred(TOPIC_LATE, fault.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn headers_come_back_as_they_were() {
        let stored = json!([["a", "text"], ["a", null], ["raw", {"base64": "AP8="}]]);
        let headers = headers_of(Some(stored));
        let expected = [
            ("a", Some(Bytes::from("text"))),
            ("a", None),
            ("raw", Some(Bytes::from(vec![0, 255]))),
        ];
        assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value)));
        assert!(headers_of(None).is_empty());
    }
}
