//! An event in the words of a producer: each producer has its own spelling, and stays with it.

use super::{
    Expectation, Kind, ProductRecord, ProductsSettings,
    life::{Happening, THRESHOLD},
    wrapping::{self, Wrapping},
};
use crate::{
    Temper,
    dice::{Dice, Stream},
    text,
};
use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

/// How an event names its id.
#[derive(Clone, Copy)]
enum IdSpelling {
    Id,
    EventId,
    Number,
    Header,
    /// Not at all: what is sent again is known by its bytes.
    None,
}

/// Where an event names its product.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Field,
    Inside,
    /// Only the key of the record says it.
    Key,
}

/// How a record says what it says.
struct Producer {
    id: IdSpelling,
    /// `type`, `eventType`, or nothing.
    kind: Option<&'static str>,
    /// In front of the type.
    namespace: &'static str,
    time: u64,
    version: Value,
    /// Where the product's id is.
    product: Place,
    /// `stock` or `quantity`.
    stock: &'static str,
    wrapping: Wrapping,
    is_keyed: bool,
}

/// The record of the event with this number.
pub(super) fn record(settings: &ProductsSettings, number: u64, happening: &Happening) -> ProductRecord {
    let mut dice = Dice::new(settings.seed, Stream::Producer, number);
    let producer = match settings.temper {
        Temper::Plain => Producer::plain(&mut dice),
        Temper::Hostile => Producer::any(&mut dice),
    };
    let product_id = format!("p-{}-{}", settings.seed, happening.product);
    let id = format!("evt-{}-{number}", settings.seed);
    let mut event = body(settings, happening, &product_id, &producer, &mut dice);
    let mut headers = vec![("source".to_owned(), Some(Bytes::from("product-service")))];
    match producer.id {
        IdSpelling::Id => event["id"] = id.clone().into(),
        IdSpelling::EventId => event["eventId"] = id.clone().into(),
        IdSpelling::Number => event["id"] = (settings.seed * 1_000_000_000 + number).into(),
        IdSpelling::Header => headers.push(("event-id".to_owned(), Some(id.clone().into()))),
        IdSpelling::None => event["sequence"] = number.into(),
    }
    if let Some(name) = producer.kind {
        event[name] = format!("{}{}", producer.namespace, happening.kind.topic()).into();
    }
    if dice.chance(5) {
        let trace = format!(
            "00-{:032x}-{:016x}-01",
            dice.uuid().as_u128() | 1,
            dice.bits() | 1
        );
        headers.push(("traceparent".to_owned(), Some(trace.into())));
    }
    if settings.temper == Temper::Hostile && dice.chance(5) {
        headers.push(("blob".to_owned(), Some(Bytes::from_static(b"\xff\0\x01"))));
        headers.push(("nothing".to_owned(), None));
    }
    let value = producer.wrapping.wrap(&event, &id, happening, &mut headers);
    ProductRecord {
        topic: happening.kind.topic(),
        key: producer.is_keyed.then(|| product_id.into()),
        value: Some(value),
        headers,
        timestamp: milliseconds(happening.at),
        expectation: Expectation::Stored,
    }
}

/// The same id under another body, as a producer sends it that makes the event anew; none where the id is made of the
/// bytes, or where the body is not plain JSON.
pub(super) fn changed(record: &ProductRecord) -> Option<ProductRecord> {
    let mut event: Value = serde_json::from_slice(record.value.as_deref()?).ok()?;
    let in_headers = record
        .headers
        .iter()
        .any(|(name, _)| matches!(name.as_str(), "event-id" | "ce_id"));
    let has_id = in_headers || ["id", "eventId"].iter().any(|name| event.get(*name).is_some());
    event.as_object_mut()?.insert("attempt".to_owned(), 2.into());
    has_id.then(|| ProductRecord {
        value: Some(event.to_string().into()),
        ..record.clone()
    })
}

/// A moment as Kafka has it.
pub(super) fn milliseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

fn body(
    settings: &ProductsSettings,
    happening: &Happening,
    product_id: &str,
    producer: &Producer,
    dice: &mut Dice,
) -> Value {
    let seller = format!("s-{}", happening.product % 17);
    let mut event = json!({ "version": producer.version });
    let mut product = json!({});
    match producer.product {
        Place::Inside => product = json!({ "id": product_id, "sellerId": seller }),
        Place::Field => {
            event["productId"] = product_id.into();
            event["sellerId"] = seller.into();
        }
        Place::Key => event["sellerId"] = seller.into(),
    }
    if let Some((name, time)) = producer.time(happening.at) {
        event[name] = time;
    }
    let category = dice
        .pick(&["home", "kitchen", "garden", "đồ gia dụng"])
        .to_string();
    let name = text::keyword(dice);
    match happening.kind {
        Kind::Created | Kind::Updated => {
            product["name"] = name.into();
            product["price"] = price(happening.cents);
            product[producer.stock] = happening.stock.into();
            if dice.chance(80) {
                product["category"] = category.into();
            }
            if settings.temper == Temper::Hostile && dice.chance(10) {
                product["name"] = "a\0b".into();
            }
            if happening.kind == Kind::Updated {
                event["changes"] = json!(["price", "stock"]);
            }
        }
        Kind::LowStock => {
            let name_of_stock = if producer.stock == "stock" {
                "currentStock"
            } else {
                "quantity"
            };
            event[name_of_stock] = happening.stock.into();
            if dice.chance(70) {
                event["threshold"] = THRESHOLD.into();
            }
            if dice.chance(50) {
                event["productName"] = name.into();
                event["category"] = category.into();
            }
        }
        Kind::Deleted => {}
    }
    if product.as_object().is_some_and(|fields| !fields.is_empty()) {
        event["product"] = product;
    }
    event
}

/// Always with two digits behind the point, which no number of a JSON library keeps: see [`text_of`].
fn price(cents: u64) -> Value {
    format!("{NUMBER}{}.{:02}{NUMBER}", cents / 100, cents % 100).into()
}

/// Stands around a text that is to be a number.
const NUMBER: char = '\u{f8ff}';

/// JSON as text, with the digits of its prices.
pub(super) fn text_of(json: &Value) -> String {
    let text = json.to_string();
    text.replace(&format!("\"{NUMBER}"), "")
        .replace(&format!("{NUMBER}\""), "")
}

// === impl Producer ===

impl Producer {
    /// Two producers, as the documents of the service have them.
    fn plain(dice: &mut Dice) -> Self {
        let second = dice.chance(25);
        Self {
            id: if second { IdSpelling::None } else { IdSpelling::Id },
            kind: Some("type"),
            namespace: "",
            time: u64::from(second),
            version: if second { json!("1") } else { json!("1.0") },
            product: if second { Place::Inside } else { Place::Field },
            stock: if second { "quantity" } else { "stock" },
            wrapping: Wrapping::None,
            is_keyed: true,
        }
    }

    fn any(dice: &mut Dice) -> Self {
        use IdSpelling::{EventId, Header, Id, None, Number};
        let wrapping = *dice.pick(&wrapping::ALL);
        let product = *dice.pick(&[Place::Field, Place::Field, Place::Inside, Place::Key]);
        Self {
            id: *dice.pick(&[Id, EventId, Number, Header, None]),
            kind: *dice.pick(&[Some("type"), Some("eventType"), Option::None]),
            namespace: dice.pick::<&str>(&["", "com.example.shop."]),
            time: dice.below(10),
            version: dice
                .pick(&[json!("1"), json!("1.0"), json!("1.7"), json!(1), json!(null)])
                .clone(),
            product,
            stock: dice.pick::<&str>(&["stock", "quantity"]),
            wrapping,
            is_keyed: product == Place::Key || dice.chance(90),
        }
    }

    /// The name of the time and how it is written.
    fn time(&self, at: Timestamp) -> Option<(&'static str, Value)> {
        let local = at.to_zoned(TimeZone::UTC).datetime();
        let micros = at.as_microsecond();
        Some(match self.time {
            0 => ("timestamp", json!(format!("{at:.6}"))),
            1 => ("occurredAt", json!(format!("{at:.3}"))),
            2 => ("timestamp", json!(local.to_string())),
            3 => ("occurredAt", json!(format!("{local:.6}+00:00"))),
            4 => ("timestamp", json!(at.as_millisecond())),
            5 => ("timestamp", json!(micros)),
            6 => ("timestamp", json!(at.as_second())),
            // What cannot be: the record's time counts, or that of its receipt.
            7 => ("timestamp", json!("yesterday")),
            8 if micros % 2 == 0 => ("timestamp", json!("0001-01-01T00:00:00Z")),
            8 => ("timestamp", json!("9999-01-01T00:00:00Z")),
            _ => return None,
        })
    }
}
