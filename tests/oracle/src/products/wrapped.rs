//! Headers, bodies and CloudEvents: where in a record its event is.

use super::{
    event::Refused,
    json::{self, Json, Trouble},
    record::{ProductSettings, SentRecord},
};

/// Where the event is, and what a CloudEvent says of it.
pub(super) struct Wrapped {
    pub event: Json,
    pub pointer: &'static str,
    pub id: Option<Json>,
    pub kind: Option<Json>,
    pub time: Option<Json>,
    pub trace: Option<Json>,
}

pub(super) fn unwrapped(
    record: &SentRecord,
    root: &Json,
    settings: &ProductSettings,
) -> Result<Wrapped, Refused> {
    let says_so = match header(record, "content-type") {
        Some(Json::Text(text)) => text.to_ascii_lowercase().starts_with("application/cloudevents"),
        _ => false,
    };
    let is_structured = says_so
        || root
            .get("specversion")
            .is_some_and(|version| *version != Json::Null);
    if !is_structured {
        return Ok(Wrapped {
            event: root.clone(),
            pointer: "",
            id: header(record, "ce_id"),
            kind: header(record, "ce_type"),
            time: header(record, "ce_time"),
            trace: None,
        });
    }
    let named = root.present("id").and_then(id);
    let violation = |pointer: &str| (named.clone(), "schema_violation", pointer.to_owned());
    let (event, pointer) = match (root.present("data"), root.present("data_base64")) {
        (Some(data @ Json::Object(_)), _) => (data.clone(), "/data"),
        (Some(_), _) | (None, None) => return Err(violation("/data")),
        (None, Some(Json::Text(text))) => {
            let decoded = base64(text).ok_or_else(|| violation("/data_base64"))?;
            let event =
                object(&decoded, settings).map_err(|reason| (named.clone(), reason, String::new()))?;
            (event, "/data_base64")
        }
        (None, Some(_)) => return Err(violation("/data_base64")),
    };
    Ok(Wrapped {
        event,
        pointer,
        id: root.present("id").cloned(),
        kind: root.present("type").cloned(),
        time: root.present("time").cloned(),
        trace: root.get("traceparent").cloned(),
    })
}

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    if !text.len().is_multiple_of(4) {
        return None;
    }
    for letter in text.trim_end_matches('=').bytes() {
        let value = LETTERS.iter().position(|known| *known == letter)?;
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

/// A text, or the digits of a number, as an id.
pub(super) fn id(value: &Json) -> Option<String> {
    let text = match value {
        Json::Text(text) => text.replace('\0', ""),
        Json::Number(digits) => digits.clone(),
        _ => return None,
    };
    (!text.trim().is_empty() && text.len() <= 256).then_some(text)
}

pub(super) fn text(value: Option<&Json>) -> Option<String> {
    match value {
        Some(Json::Text(text)) => Some(text.replace('\0', "")).filter(|text| !text.is_empty()),
        _ => None,
    }
}

/// A header as JSON text, so that it is read like a field.
pub(super) fn header(record: &SentRecord, name: &str) -> Option<Json> {
    let values = record
        .headers
        .iter()
        .filter(|(of, _)| of.eq_ignore_ascii_case(name));
    let value = values
        .filter_map(|(_, value)| value.as_deref())
        .find(|value| !value.is_empty())?;
    Some(bytes(value))
}

/// Bytes as text; null in the place of what is none.
pub(super) fn bytes(value: &[u8]) -> Json {
    match std::str::from_utf8(value) {
        Ok(text) if !text.starts_with('\0') => Json::Text(text.to_owned()),
        _ => Json::Bool,
    }
}

/// A body as JSON object.
pub(super) fn object(value: &[u8], settings: &ProductSettings) -> Result<Json, &'static str> {
    let text = std::str::from_utf8(value).map_err(|_| "malformed_event")?;
    let (root, depth) = match json::read(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        Ok(read) => read,
        Err(Trouble::Malformed) => return Err("malformed_event"),
        Err(Trouble::TooDeep) => return Err("too_deep"),
    };
    if !matches!(root, Json::Object(_)) {
        return Err("malformed_event");
    }
    if depth > settings.max_json_depth {
        return Err("too_deep");
    }
    Ok(root)
}

/// As headers that are no text are stored.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for at in 0..4 {
            match at <= three.len() {
                true => text.push(char::from(LETTERS[(bits >> (18 - 6 * at)) as usize & 63])),
                false => text.push('='),
            }
        }
    }
    text
}
