//! What producers send, each in a file: what is read of it is a snapshot.

use crate::*;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::fs;

/// A record in a file: its value as JSON, as text, or in Base64.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    about: String,
    topic: String,
    key: Option<String>,
    timestamp: Timestamp,
    headers: Vec<(String, String)>,
    value: Option<Box<RawValue>>,
    text: Option<String>,
    base64: Option<String>,
}

impl Fixture {
    fn record(&self) -> Record {
        let value = match (&self.value, &self.text, &self.base64) {
            (Some(json), None, None) => json.get().as_bytes().to_vec(),
            (None, Some(text), None) => text.as_bytes().to_vec(),
            (None, None, Some(base64)) => BASE64_STANDARD.decode(base64).unwrap(),
            _ => panic!("{}: one of value, text and base64", self.about),
        };
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        Record {
            timestamp: Some(self.timestamp),
            key: self.key.clone().map(Into::into),
            ..with_headers(value, &headers)
        }
    }
}

#[test]
fn every_producers_message_reads_as_its_snapshot() {
    insta::glob!("../../fixtures/producers", "*.json", |path| {
        let fixture: Fixture = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let (read, counts) = read_counted(&fixture.topic, fixture.record());
        let shown = match read {
            Ok(Event {
                id,
                event_type,
                product_id,
                seller_id,
                at,
                change,
                trace_id,
                record: _,
            }) => format!(
                "{id}\n{event_type:?} of {product_id:?}, seller {seller_id:?}\nat {at}\n{change:#?}\ntrace {trace_id:?}"
            ),
            Err(rejected) => format!(
                "rejected {:?}\n{}: {}",
                rejected.event_id, rejected.reason, rejected.detail
            ),
        };
        insta::with_settings!({ description => fixture.about, omit_expression => true }, {
            insta::assert_snapshot!(format!("{shown}\n{counts:?}"));
        });
    });
}
