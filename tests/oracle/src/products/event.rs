//! A record, read by the contract.

use super::{
    json::Json,
    record::{ProductSettings, SentRecord},
    says::says,
    time::time,
    wrapped::{bytes, header, id, object, unwrapped},
};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// An event, as far as anything is computed from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its own, or made of topic and bytes.
    pub id: String,
    /// In the order in which events of one time are applied.
    pub kind: Kind,
    /// Which product.
    pub product: String,
    /// Who sells it.
    pub seller: Option<String>,
    /// None: when it was received.
    pub at: Option<Timestamp>,
    /// What it says of the product.
    pub says: Says,
    /// The producer's trace.
    pub trace: Option<String>,
}

/// In the order in which they are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `ProductCreated`.
    Created,
    /// `ProductUpdated`.
    Updated,
    /// `LowStockWarning`.
    LowStock,
    /// `ProductDeleted`.
    Deleted,
}

/// What it says of its product; nothing says nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Says {
    /// Its name.
    pub name: Option<String>,
    /// As the database shows it.
    pub price: Option<String>,
    /// How many there are.
    pub stock: Option<i64>,
    /// Where it belongs.
    pub category: Option<String>,
    /// Below which it warns.
    pub threshold: Option<i64>,
}

/// A record that is no event: its id, the reason, and what the detail must name.
pub type Refused = (Option<String>, &'static str, String);

/// What there is of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Read {
    /// Without a value.
    Tombstone,
    /// No event.
    Refused(Refused),
    /// An event.
    Event(Box<Event>),
}

pub(super) const KINDS: [(&str, Kind); 4] = [
    ("ProductCreated", Kind::Created),
    ("ProductUpdated", Kind::Updated),
    ("LowStockWarning", Kind::LowStock),
    ("ProductDeleted", Kind::Deleted),
];

/// Reads a record.
pub fn read(record: &SentRecord, settings: &ProductSettings) -> Read {
    let Some(value) = &record.value else {
        return Read::Tombstone;
    };
    let in_headers = || {
        let found = header(record, "ce_id").or(header(record, "event-id"))?;
        id(&found)
    };
    let refused = |reason| Read::Refused((in_headers(), reason, String::new()));
    if value.len() > settings.max_event_bytes {
        return refused("event_too_large");
    }
    if value.first() == Some(&0) {
        return refused("unsupported_encoding");
    }
    let root = match object(value, settings) {
        Ok(root) => root,
        Err(reason) => return refused(reason),
    };
    match event(record, value, &root, settings) {
        Ok(event) => Read::Event(Box::new(event)),
        Err(refused) => Read::Refused(refused),
    }
}

fn event(
    record: &SentRecord,
    value: &[u8],
    root: &Json,
    settings: &ProductSettings,
) -> Result<Event, Refused> {
    let wrapped = unwrapped(record, root, settings)?;
    let event = &wrapped.event;
    let of_event = |names: [&str; 2]| names.into_iter().find_map(|name| event.present(name)).cloned();
    let own_id = of_event(["id", "eventId"])
        .or(wrapped.id.clone())
        .or(header(record, "event-id"));
    let own_id = own_id.as_ref().and_then(id);
    let refuse = |reason, detail: &str| (own_id.clone(), reason, detail.to_owned());
    let kind = of_event(["type", "eventType"]).or(wrapped.kind.clone());
    let kind = kind.unwrap_or(Json::Text(record.topic.clone()));
    let Json::Text(kind) = kind else {
        return Err(refuse("unsupported_event_type", ""));
    };
    let kind = kind.replace('\0', "");
    let last = kind.rsplit('.').next().unwrap_or_default();
    let known = KINDS.into_iter().find(|(name, _)| *name == last);
    let (_, kind) = known.ok_or_else(|| refuse("unsupported_event_type", ""))?;
    let version = match event.present("version") {
        None => Some("1".to_owned()),
        Some(Json::Text(text)) => Some(text.replace('\0', "")),
        Some(Json::Number(digits)) => Some(digits.clone()),
        Some(_) => None,
    };
    let is_one = |version: String| version == "1" || (version.starts_with("1.") && version.len() > 2);
    if !version.is_some_and(is_one) {
        return Err(refuse("unsupported_version", ""));
    }
    let violation = |pointer: &str| refuse("schema_violation", &format!("{}{pointer}", wrapped.pointer));
    let product = event
        .get("product")
        .filter(|product| matches!(product, Json::Object(_)));
    let inside = |name| product.and_then(|product| product.present(name));
    let key = record.key.as_deref().filter(|key| !key.is_empty()).map(bytes);
    let named = event.present("productId").or(inside("id"));
    let product_id = match (named, &key) {
        (Some(named), _) => id(named),
        (None, Some(key)) => id(key),
        (None, None) => None,
    };
    let product_id = product_id.ok_or_else(|| match (event.present("productId"), inside("id")) {
        (None, Some(_)) => violation("/product/id"),
        _ => violation("/productId"),
    })?;
    let says = says(kind, event, product).map_err(violation)?;
    let made = || {
        let key = record.key.as_deref().filter(|_| named.is_none());
        derived(&record.topic, value, key.unwrap_or_default())
    };
    Ok(Event {
        id: own_id.clone().unwrap_or_else(made),
        kind,
        product: product_id,
        seller: event.present("sellerId").or(inside("sellerId")).and_then(id),
        at: time(
            of_event(["timestamp", "occurredAt"]).or(wrapped.time),
            record,
            settings,
        ),
        says,
        trace: trace(record, wrapped.trace),
    })
}

/// The id of an event without one, as the documents tell it.
fn derived(topic: &str, value: &[u8], key: &[u8]) -> String {
    let hash = Sha256::digest([value, key].concat());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("kafka:{topic}/{hash}").as_bytes()).to_string()
}

/// The producer's trace, where it is one by the recommendation.
fn trace(record: &SentRecord, in_event: Option<Json>) -> Option<String> {
    let text = |name| header(record, name).filter(|value| matches!(value, Json::Text(_)));
    let said = text("traceparent").or(text("ce_traceparent")).or(in_event);
    let Some(Json::Text(said)) = said else {
        return None;
    };
    let parts: Vec<_> = said.trim().split('-').collect();
    let [version, trace, parent, flags] = parts[..] else {
        return None;
    };
    let hex =
        |part: &str, length| part.len() == length && part.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    let some = |part: &str| part.chars().any(|c| c != '0');
    let fine =
        version == "00" && hex(trace, 32) && some(trace) && hex(parent, 16) && some(parent) && hex(flags, 2);
    fine.then(|| trace.to_owned())
}
