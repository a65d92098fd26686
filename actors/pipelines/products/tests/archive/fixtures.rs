//! Events, and files as a reader of the archive reads them.

use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

pub(crate) const GROUP: &str = "analytics-group";

/// An event in the journal.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) received_at: Timestamp,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) payload: String,
}

/// A line of a file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Line<'a> {
    pub(crate) id: String,
    pub(crate) r#type: String,
    pub(crate) timestamp: Timestamp,
    pub(crate) received_at: Timestamp,
    pub(crate) product_id: String,
    pub(crate) seller_id: Option<String>,
    pub(crate) topic: String,
    pub(crate) partition: i64,
    pub(crate) offset: i64,
    pub(crate) key: serde_json::Value,
    #[serde(borrow)]
    pub(crate) payload: &'a RawValue,
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

// === impl Given ===

impl Given {
    /// Received a second after it happened.
    pub(crate) fn new(id: impl Into<String>, happened: Timestamp) -> Self {
        let id = id.into();
        Self {
            payload: format!("{{\"id\":{}}}", serde_json::to_string(&id).unwrap()),
            id,
            at: happened,
            received_at: happened + std::time::Duration::from_secs(1),
            key: None,
        }
    }

    pub(crate) fn received_on(&self) -> String {
        self.received_at.to_zoned(TimeZone::UTC).date().to_string()
    }
}

/// So many events in an hour, some seconds apart.
pub(crate) fn events_of(hour: &str, count: usize) -> Vec<Given> {
    let start = at(hour);
    let event = |n: usize| {
        let seconds = (n * 7_919 % 3_599) as u64;
        Given::new(
            format!("{hour}-{n}"),
            start + std::time::Duration::from_secs(seconds),
        )
    };
    (0..count).map(event).collect()
}

/// The lines of a file: for each id the payload as it was sent. They must be in order.
pub(crate) fn read_file(body: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8(zstd::decode_all(body).unwrap()).unwrap();
    assert!(text.ends_with('\n'));
    let mut found = BTreeMap::new();
    let mut last = None;
    for line in text.lines() {
        let read: Line<'_> = serde_json::from_str(line).unwrap();
        let place_in_kafka = (&*read.topic, read.partition, read.offset > 0);
        assert_eq!(place_in_kafka, ("ProductCreated", 0, true));
        let said = (&*read.r#type, &*read.product_id, read.seller_id.as_deref());
        assert_eq!(said, ("ProductCreated", "p", Some("s")));
        assert!(read.received_at > read.timestamp);
        assert!(
            read.key.is_null() || read.key == "p1" || read.key["base64"] == "/w==",
            "{}",
            read.key
        );
        let place = (read.timestamp, read.id.clone());
        assert!(last.is_none_or(|last| last < place), "{place:?} is out of order");
        last = Some(place);
        let payload = match read.payload.get().starts_with('"') {
            true => serde_json::from_str(read.payload.get()).unwrap(),
            false => payload_of(line).to_owned(),
        };
        assert!(found.insert(read.id, payload).is_none());
    }
    found
}

/// What stands after the last field's name, with the spaces around it.
fn payload_of(line: &str) -> &str {
    let start = line.find(",\"payload\":").unwrap() + ",\"payload\":".len();
    &line[start..line.len() - 1]
}
