//! The rows that must be there, once it is known which record of each id was stored.

use super::{
    actual::TextRow,
    event::{Event, KINDS, Kind, Says},
    expected::{Expected, Place, place},
    record::SentRecord,
    state::{Dated, State, state},
    time::sensible,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Which record of an id was stored, and when it was received.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    pub place: Place,
    pub received_at: Timestamp,
}

/// By event id.
pub(super) type Chosen = BTreeMap<String, Stored>;

/// Rows by their key.
pub(super) type Keyed = BTreeMap<String, TextRow>;

/// A row from pairs of a column and what shows as text.
macro_rules! row {
    ($($column:ident: $value:expr),* $(,)?) => {
        TextRow::from([$((stringify!($column), $value.text())),*])
    };
}

/// The rows of every table but the counts.
pub(super) fn rows(expected: &Expected, chosen: &Chosen) -> BTreeMap<&'static str, Keyed> {
    let mut tables = BTreeMap::<_, Keyed>::new();
    let positions = expected.positions.iter().map(|((topic, partition), next)| {
        let row = row! { topic: topic, partition: partition, next_offset: next };
        (format!("{topic} | {partition}"), row)
    });
    tables.insert("kafka_positions", positions.collect());
    let mut products = BTreeMap::<&str, Vec<Dated<'_>>>::new();
    let (mut journal, mut ids) = (Keyed::new(), Keyed::new());
    for (id, same) in &expected.events {
        let Some((stored, record, event)) = stored(chosen, id, same) else {
            continue;
        };
        let at = event.at.unwrap_or(stored.received_at);
        products.entry(&event.product).or_default().push((at, event));
        journal.insert(id.clone(), event_row(record, event, at));
        ids.insert(id.clone(), row! { event_id: id });
    }
    tables.insert("product_events", journal);
    tables.insert("product_event_ids", ids);
    let rejected = expected.rejected.iter().map(|(record, (id, reason, _))| {
        let value = record.value.as_deref().unwrap_or_default();
        let row = row! {
            topic: record.topic, partition: record.partition, record_offset: record.offset,
            event_id: id, reason: reason, record_key: record.key, headers: headers(record),
            raw: &value[..value.len().min(1 << 20)], raw_bytes: value.len(),
        };
        (key(&place(record)), row)
    });
    tables.insert("rejected_events", rejected.collect());
    let states = products
        .into_iter()
        .map(|(product, events)| (product.to_owned(), state_row(product, &state(&events))));
    tables.insert("product_state", states.collect());
    tables
}

/// `events`, `rejected` and `duplicates` by hour, type, topic and partition. The hour of a record that has no time of
/// its own is that of a receipt of which only the stored ones are known: it is left out, and so are those it may meet.
pub(super) fn counts(expected: &Expected, chosen: &Chosen) -> BTreeMap<[String; 3], [i64; 3]> {
    let mut counts = BTreeMap::<_, [i64; 3]>::new();
    let mut count = |kind: &str, record: &SentRecord, at: usize| {
        let key = [
            kind.to_owned(),
            record.topic.clone(),
            record.partition.to_string(),
        ];
        counts.entry(key).or_default()[at] += 1;
    };
    for (id, same) in &expected.events {
        let winner = chosen.get(id).map(|stored| &stored.place);
        for (record, event) in same {
            let at = if winner == Some(&place(record)) { 0 } else { 2 };
            count(name(event.kind), record, at);
        }
    }
    for (record, _) in &expected.rejected {
        count("other", record, 1);
    }
    counts
}

/// Events by hour and type, of the stored ones; and rejected records of which the hour is known.
pub(super) fn hours(expected: &Expected, chosen: &Chosen) -> BTreeMap<(i64, String), [i64; 2]> {
    let hour = |at: Timestamp| at.as_second().div_euclid(3600) * 3_600_000_000;
    let mut hours = BTreeMap::<_, [i64; 2]>::new();
    for (id, same) in &expected.events {
        if let Some((stored, _, event)) = stored(chosen, id, same) {
            let at = event.at.unwrap_or(stored.received_at);
            hours.entry((hour(at), name(event.kind).to_owned())).or_default()[0] += 1;
        }
    }
    for (record, _) in &expected.rejected {
        let at = record.timestamp.and_then(|at| sensible(at, &expected.settings));
        if let Some(at) = at {
            hours.entry((hour(at), "other".to_owned())).or_default()[1] += 1;
        }
    }
    hours
}

fn stored<'a>(
    chosen: &'a Chosen,
    id: &str,
    same: &'a [(SentRecord, Event)],
) -> Option<(&'a Stored, &'a SentRecord, &'a Event)> {
    let stored = chosen.get(id)?;
    let (record, event) = same.iter().find(|(record, _)| place(record) == stored.place)?;
    Some((stored, record, event))
}

fn event_row(record: &SentRecord, event: &Event, at: Timestamp) -> TextRow {
    let value = record.value.as_deref().unwrap_or_default();
    let payload = String::from_utf8_lossy(value.strip_prefix(b"\xef\xbb\xbf").unwrap_or(value));
    row! {
        event_id: event.id, event_type: name(event.kind), product_id: event.product, seller_id: event.seller,
        event_at: at, topic: record.topic, partition: record.partition, record_offset: record.offset,
        record_key: record.key, headers: headers(record), payload: payload.as_ref(), trace_id: event.trace,
    }
}

fn state_row(product: &str, state: &State) -> TextRow {
    let Says {
        name,
        price,
        stock,
        category,
        threshold,
    } = &state.says;
    row! {
        product_id: product, seller_id: state.seller, name: name, price: price, stock: stock, category: category,
        status: state.status, low_stock: state.low_stock, threshold: threshold,
        first_seen_at: state.first_seen_at, last_event_at: state.last_event_at,
        last_event_id: state.last_event_id, deleted_at: state.deleted_at,
    }
}

/// An array of pairs; what is no text is in Base64; none where there are none.
fn headers(record: &SentRecord) -> Option<String> {
    let value = |value: &Vec<u8>| match std::str::from_utf8(value) {
        Ok(text) if !text.contains('\0') => json!(text),
        _ => json!({ "base64": super::wrapped::to_base64(value) }),
    };
    let pair =
        |(name, of): &(String, Option<Vec<u8>>)| json!([name.replace('\0', ""), of.as_ref().map(value)]);
    let pairs: Vec<Value> = record.headers.iter().map(pair).collect();
    (!pairs.is_empty()).then(|| Value::from(pairs).to_string())
}

pub(super) fn name(kind: Kind) -> &'static str {
    KINDS
        .into_iter()
        .find(|(_, of)| *of == kind)
        .map_or("", |(name, _)| name)
}

pub(super) fn key((topic, partition, offset): &Place) -> String {
    format!("{topic} | {partition} | {offset}")
}

/// How a value shows as text.
trait AsText {
    fn text(&self) -> Option<String>;
}

macro_rules! shown {
    ($($type:ty),*) => {
        $(impl AsText for $type {
            fn text(&self) -> Option<String> {
                Some(self.to_string())
            }
        })*
    };
}
shown!(str, String, i32, i64, usize, bool);

impl AsText for Timestamp {
    fn text(&self) -> Option<String> {
        Some(self.as_microsecond().to_string())
    }
}

impl AsText for [u8] {
    fn text(&self) -> Option<String> {
        Some(self.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl AsText for Vec<u8> {
    fn text(&self) -> Option<String> {
        self[..].text()
    }
}

impl<T: AsText> AsText for Option<T> {
    fn text(&self) -> Option<String> {
        self.as_ref().and_then(AsText::text)
    }
}

impl<T: AsText + ?Sized> AsText for &T {
    fn text(&self) -> Option<String> {
        (**self).text()
    }
}
