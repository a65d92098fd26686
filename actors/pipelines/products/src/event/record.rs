//! One record, read as an event.

use super::{
    cloud::{self, Attributes},
    depth,
    fields::{Kind, Named, as_sent, clean, clean_bytes, first, named},
    headers::Headers,
    id,
    moment::Clock,
    object::{EventFields, ProductFields},
    product,
    reading::{Counts, Limits, Refusal},
};
use crate::domain::{Change, EventType, Reason};
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use millrace_engine::trace;
use millrace_kafka::Record;
use millrace_text::time;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What a record says; the record itself is added later.
#[derive(Debug)]
pub(super) struct ReadEvent {
    pub id: String,
    pub event_type: EventType,
    pub product_id: String,
    pub seller_id: Option<String>,
    pub at: Timestamp,
    pub change: Change,
    pub trace_id: Option<String>,
}

/// A record, and what is known of it beside its value.
struct Reader<'a> {
    record: &'a Record,
    value: &'a [u8],
    topic: &'a str,
    headers: Headers<'a>,
    clock: &'a Clock<'a>,
}

/// An event, wherever in its record it is.
struct Opened<'a> {
    event: EventFields<'a>,
    /// The JSON pointer of the event in its record.
    prefix: &'static str,
    attributes: Attributes<'a>,
    traceparent: Option<Cow<'a, str>>,
}

/// Reads a record with this value.
///
/// # Errors
/// Why it is no event, with its id where one could be read.
pub(super) fn read(
    record: &Record,
    value: &[u8],
    topic: &str,
    clock: &Clock<'_>,
    counts: &mut Counts,
) -> Result<ReadEvent, (Option<String>, Refusal)> {
    let reader = Reader {
        record,
        value,
        topic,
        headers: Headers::new(&record.headers),
        clock,
    };
    let root = text(value, clock.limits).and_then(|text| parsed(text, clock.limits));
    match root {
        Ok(root) => reader.open(root, counts),
        Err(refusal) => Err((reader.id_in_headers(), refusal)),
    }
}

/// The text of a value, as far as it may be looked at.
fn text<'a>(value: &'a [u8], limits: &Limits) -> Result<&'a str, Refusal> {
    if value.len() > limits.max_event_bytes {
        let detail = format!("{} bytes, the limit is {}", value.len(), limits.max_event_bytes);
        return Err(Refusal::new(Reason::EventTooLarge, detail));
    }
    if value.first() == Some(&0) {
        let detail = "the first byte is 0: it is framed for a schema registry";
        return Err(Refusal::new(Reason::UnsupportedEncoding, detail));
    }
    let text = simdutf8::compat::from_utf8(value).map_err(|error| {
        let detail = format!("no UTF-8 from byte {} on", error.valid_up_to());
        Refusal::new(Reason::MalformedEvent, detail)
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn parsed<'a>(text: &'a str, limits: &Limits) -> Result<EventFields<'a>, Refusal> {
    let fields = serde_json::from_str(text)
        .map_err(|error| Refusal::new(Reason::MalformedEvent, format!("no JSON object: {error}")))?;
    if depth::exceeds(text, limits.max_json_depth) {
        let detail = format!("nested deeper than {}", limits.max_json_depth);
        return Err(Refusal::new(Reason::TooDeep, detail));
    }
    Ok(fields)
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Goes to where the event is.
    fn open(
        &self,
        root: EventFields<'a>,
        counts: &mut Counts,
    ) -> Result<ReadEvent, (Option<String>, Refusal)> {
        if !cloud::is_structured(&root, &self.headers) {
            return self.event(
                &Opened {
                    event: root,
                    prefix: "",
                    attributes: Attributes::binary(&self.headers),
                    traceparent: None,
                },
                counts,
            );
        }
        let attributes = Attributes::structured(&root);
        let traceparent = root
            .traceparent
            .and_then(|json| clean(json, &mut Counts::default()));
        let refused = |refusal| {
            let id = attributes.id.map(|id| id.id(&mut Counts::default()));
            (id.and_then(Named::into_id).map(Cow::into_owned), refusal)
        };
        let opened = |event, prefix| Opened {
            event,
            prefix,
            attributes,
            traceparent: traceparent.clone(),
        };
        match first([("/data", root.data), ("/data_base64", root.data_base64)]) {
            None => Err(refused(Refusal::schema("/data", "missing"))),
            Some(data) if data.pointer == "/data" => {
                if data.kind() != Kind::Object {
                    let what = format!("{}, not an object", data.kind());
                    return Err(refused(Refusal::schema("/data", what)));
                }
                let event = parsed(data.json.get(), self.clock.limits).map_err(refused)?;
                self.event(&opened(event, "/data"), counts)
            }
            Some(data) => {
                let decoded = decoded(data.json).map_err(refused)?;
                let event = text(&decoded, self.clock.limits)
                    .and_then(|text| parsed(text, self.clock.limits))
                    .map_err(refused)?;
                // What is borrowed from here lives shorter than the record.
                let inside = Reader {
                    headers: self.headers,
                    ..*self
                };
                inside.event(&opened(event, "/data_base64"), counts)
            }
        }
    }

    /// Reads the event.
    fn event(
        &self,
        opened: &Opened<'_>,
        counts: &mut Counts,
    ) -> Result<ReadEvent, (Option<String>, Refusal)> {
        let Opened {
            event,
            prefix,
            attributes,
            ..
        } = opened;
        let own_id = self.own_id(event, attributes, counts);
        let mut read = || {
            let event_type = self.event_type(event, attributes)?;
            supported(event.version)?;
            let product = fields_of_product(event);
            let (product_id, is_keyed) = self.product_id(event, product.as_ref(), prefix, counts)?;
            let change = product::change(event_type, event, product.as_ref(), prefix, counts)?;
            Ok((event_type, product, product_id, is_keyed, change))
        };
        let (event_type, product, product_id, is_keyed, change) = match read() {
            Ok(read) => read,
            Err(refusal) => return Err((own_id, refusal)),
        };
        let id = own_id.unwrap_or_else(|| {
            counts.without_id += 1;
            let key = self.record.key.as_deref().filter(|_| is_keyed);
            id::derived(self.topic, self.value, key)
        });
        let seller = first([
            ("/sellerId", event.seller_id),
            ("/product/sellerId", product.and_then(|product| product.seller_id)),
        ]);
        Ok(ReadEvent {
            id,
            event_type,
            product_id,
            seller_id: seller
                .and_then(|seller| seller.id(counts).into_id())
                .map(Cow::into_owned),
            at: self.clock.of_event(moment(event, attributes), counts),
            change,
            trace_id: self.trace_id(opened),
        })
    }

    /// The id that the event brings, where it can be used.
    fn own_id(
        &self,
        event: &EventFields<'_>,
        attributes: &Attributes<'_>,
        counts: &mut Counts,
    ) -> Option<String> {
        if let Some(field) = first([("/id", event.id), ("/eventId", event.event_id)]) {
            return field.id(counts).into_id().map(Cow::into_owned);
        }
        if let Some(attribute) = attributes.id {
            return attribute.id(counts).into_id().map(Cow::into_owned);
        }
        let text = clean_bytes(self.headers.event_id?, counts)?;
        named("event-id", text).into_id().map(Cow::into_owned)
    }

    /// The id of a record whose value says nothing.
    fn id_in_headers(&self) -> Option<String> {
        let attributes = Attributes::binary(&self.headers);
        self.own_id(&EventFields::default(), &attributes, &mut Counts::default())
    }

    fn event_type(&self, event: &EventFields<'_>, attributes: &Attributes<'_>) -> Result<EventType, Refusal> {
        let unsupported = |detail| Refusal::new(Reason::UnsupportedEventType, detail);
        let said: Cow<'_, str> = match first([("type", event.kind), ("eventType", event.event_type)]) {
            Some(field) => clean(field.json, &mut Counts::default())
                .ok_or_else(|| unsupported(format!("{} is {}, not a text", field.pointer, field.kind())))?,
            None => match attributes.kind {
                Some(kind) => kind
                    .text()
                    .ok_or_else(|| unsupported("the type of the CloudEvent is no text".to_owned()))?,
                None => self.topic.into(),
            },
        };
        let last = said.rsplit('.').next().unwrap_or_default();
        EventType::named(last).ok_or_else(|| unsupported(format!("the type is {}", quoted(&said))))
    }

    /// The product, and whether only the record's key names it.
    fn product_id(
        &self,
        event: &EventFields<'_>,
        product: Option<&ProductFields<'_>>,
        prefix: &str,
        counts: &mut Counts,
    ) -> Result<(String, bool), Refusal> {
        let field = first([
            ("/productId", event.product_id),
            ("/product/id", product.and_then(|product| product.id)),
        ]);
        let (place, found) = match (field, self.record.key.as_deref().filter(|key| !key.is_empty())) {
            (Some(field), _) => (format!("{prefix}{}", field.pointer), field.id(counts)),
            (None, Some(key)) => {
                let text = clean_bytes(key, counts);
                let found = text.map_or(Named::Bad("", "no text".to_owned()), |text| named("", text));
                (
                    format!("{prefix}/productId is missing, and the key of the record"),
                    found,
                )
            }
            (None, None) => (format!("{prefix}/productId"), Named::Missing),
        };
        match found {
            Named::Id(id) => Ok((id.into_owned(), field.is_none())),
            Named::Bad(_, what) => Err(Refusal::schema(&place, what)),
            Named::Missing => Err(Refusal::schema(&place, "missing")),
        }
    }

    fn trace_id(&self, opened: &Opened<'_>) -> Option<String> {
        let headers = [self.headers.traceparent, self.headers.ce_traceparent];
        let in_headers = headers
            .into_iter()
            .flatten()
            .find_map(|value| std::str::from_utf8(value).ok());
        trace::id_in(in_headers.or(opened.traceparent.as_deref())?)
    }
}

/// The major version must be 1: what another one means is not known.
fn supported(version: Option<&RawValue>) -> Result<(), Refusal> {
    let Some(field) = first([("version", version)]) else {
        return Ok(());
    };
    let text = match field.kind() {
        Kind::Number => Some(Cow::Borrowed(field.json.get())),
        _ => clean(field.json, &mut Counts::default()),
    };
    match text.as_deref().and_then(|text| text.strip_prefix('1')) {
        Some("") => Ok(()),
        Some(minor) if minor.len() > 1 && minor.starts_with('.') => Ok(()),
        _ => {
            let said = text.map_or_else(|| field.kind().to_string(), |text| quoted(&text));
            Err(Refusal::new(
                Reason::UnsupportedVersion,
                format!("the version is {said}"),
            ))
        }
    }
}

fn fields_of_product<'a>(event: &EventFields<'a>) -> Option<ProductFields<'a>> {
    let json = event.product.filter(|json| Kind::of(json) == Kind::Object)?;
    // It was read as JSON before: there is no other error.
    serde_json::from_str(json.get()).ok()
}

/// What the event names as its time; `Some(None)` where that cannot be read.
fn moment(event: &EventFields<'_>, attributes: &Attributes<'_>) -> Option<Option<Timestamp>> {
    let read = |text: &str| time::moment(text).or_else(|| time::epoch(text));
    if let Some(field) = first([("timestamp", event.timestamp), ("occurredAt", event.occurred_at)]) {
        return Some(match field.kind() {
            Kind::Number => time::epoch(field.json.get()),
            _ => as_sent(field.json).and_then(|text| read(&text)),
        });
    }
    Some(attributes.time?.as_sent().and_then(|text| read(&text)))
}

/// The bytes of `data_base64`.
fn decoded(json: &RawValue) -> Result<Vec<u8>, Refusal> {
    let bytes = as_sent(json).and_then(|text| BASE64_STANDARD.decode(text.as_bytes()).ok());
    bytes.ok_or_else(|| Refusal::schema("/data_base64", "no text in Base64"))
}

/// A value for people, cut: it may be as long as an event.
fn quoted(value: &str) -> String {
    const LONGEST: usize = 60;
    match value.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", &value[..end]),
        None => format!("{value:?}"),
    }
}
