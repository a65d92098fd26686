//! From an object's bytes to its items: section 2 of the contract.

use crate::settings::OracleSettings;
use serde_json::Value;
use std::io::Read;

/// An item, or the reason why it cannot be read.
pub(crate) type Sent = Result<Value, &'static str>;

/// The items, or the reason why the whole object is poison.
pub(crate) fn items(body: &[u8], settings: &OracleSettings) -> Result<Vec<Sent>, &'static str> {
    if body.len() > settings.max_object_bytes {
        return Err("object_too_large");
    }
    let text = unpack(body, settings.max_decompressed_bytes)?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let text = String::from_utf8(replace_lone_surrogates(text)).map_err(|_| "malformed_json")?;
    let text = text.trim_end_matches('\0').trim();
    let items = match whole(text, settings.max_depth) {
        Some(items) => items?,
        None => one_by_one(text, settings.max_depth)?,
    };
    if items.len() > settings.max_items {
        return Err("too_many_items");
    }
    Ok(items)
}

/// The items of a body that is JSON; none where it is not.
fn whole(text: &str, max_depth: usize) -> Option<Result<Vec<Sent>, &'static str>> {
    if depth(text.as_bytes()) > max_depth {
        return None;
    }
    let items = match serde_json::from_str(text).ok()? {
        Value::Array(items) => items,
        Value::Object(mut object) => match object.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => items,
            Some(_) | None => vec![Value::Object(object)],
        },
        _ => return Some(Err("malformed_json")),
    };
    Some(Ok(items.into_iter().map(Ok).collect()))
}

/// The items of a body that is not JSON, by their brackets or lines.
fn one_by_one(text: &str, max_depth: usize) -> Result<Vec<Sent>, &'static str> {
    let wrapped = text
        .strip_prefix("{\"items\":")
        .and_then(|text| text.strip_suffix('}'));
    let array = wrapped.unwrap_or(text);
    let (pieces, around) = match array.strip_prefix('[') {
        Some(inner) => (elements(inner), if wrapped.is_some() { 2 } else { 1 }),
        None if text.starts_with('{') && depth_at_end(text) == 0 => (Some(lines(text)), 0),
        None => (None, 0),
    };
    let Some(pieces) = pieces else {
        let is_abyss = depth(text.as_bytes()) > max_depth;
        return Err(if is_abyss { "too_deep" } else { "malformed_json" });
    };
    let read = |piece: &str| match depth(piece.as_bytes()) + around > max_depth {
        true => Err("too_deep"),
        false => serde_json::from_str(&fixed(piece)).map_err(|_| "malformed_item"),
    };
    Ok(pieces.into_iter().map(read).collect())
}

/// What stands between the commas of an array, up to its end, after which nothing may follow.
fn elements(inner: &str) -> Option<Vec<&str>> {
    let mut pieces = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, char) in outside_strings(inner) {
        match char {
            '[' | '{' => depth += 1,
            ']' if depth == 0 => {
                pieces.push(inner[start..at].trim());
                pieces.retain(|piece| !piece.is_empty());
                return (at + 1 == inner.len()).then_some(pieces);
            }
            ']' | '}' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => {
                pieces.push(inner[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    None
}

/// The lines of a text, but for line feeds in strings.
fn lines(text: &str) -> Vec<&str> {
    let feeds = outside_strings(text)
        .filter(|(_, char)| *char == '\n')
        .map(|(at, _)| at);
    let mut start = 0;
    let mut lines = Vec::new();
    for end in feeds.chain([text.len()]) {
        lines.push(text[start..end].trim());
        start = end;
    }
    lines.retain(|line| !line.is_empty());
    lines
}

fn outside_strings(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut in_string, mut escaped) = (false, false);
    text.char_indices().filter(move |(_, char)| {
        if in_string {
            in_string = escaped || *char != '"';
            escaped = !escaped && *char == '\\';
            return false;
        }
        in_string = *char == '"';
        true
    })
}

fn depth_at_end(text: &str) -> i64 {
    let change = |(_, char)| match char {
        '[' | '{' => 1,
        ']' | '}' => -1,
        _ => 0,
    };
    outside_strings(text).map(change).sum()
}

/// `NaN` and infinities are null; control characters in strings are themselves.
fn fixed(piece: &str) -> String {
    let mut fixed = String::new();
    let mut rest = 0;
    let outside: std::collections::BTreeSet<usize> = outside_strings(piece).map(|(at, _)| at).collect();
    for (at, char) in piece.char_indices() {
        let word = ["-Infinity", "Infinity", "NaN"]
            .into_iter()
            .find(|word| outside.contains(&at) && piece[at..].starts_with(word));
        match word {
            _ if at < rest => {}
            Some(word) => {
                fixed.push_str("null");
                rest = at + word.len();
            }
            None if char.is_ascii_control() && !outside.contains(&at) => {
                fixed.push_str(&format!("\\u{:04x}", char as u32));
            }
            None => fixed.push(char),
        }
    }
    fixed
}

fn unpack(body: &[u8], cap: usize) -> Result<Vec<u8>, &'static str> {
    let magic = body.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes));
    let is_zstd = magic.is_some_and(|magic| magic == 0xfd2f_b528 || magic >> 4 == 0x0184_d2a5);
    if !is_zstd {
        return if body.len() > cap {
            Err("decompressed_too_large")
        } else {
            Ok(body.to_vec())
        };
    }
    let mut text = Vec::new();
    let decoder = zstd::Decoder::new(body).map_err(|_| "decompression_failed")?;
    let read = decoder.take(cap as u64 + 1).read_to_end(&mut text);
    if text.len() > cap {
        return Err("decompressed_too_large");
    }
    read.map(|_| text).map_err(|_| "decompression_failed")
}

/// How deep brackets nest, strings aside.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Half a surrogate pair is no character: it becomes U+FFFD, which comparison overlooks.
fn replace_lone_surrogates(text: &[u8]) -> Vec<u8> {
    let unit = |at: usize| {
        let escape = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(escape).ok()?, 16).ok()
    };
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if text[at] != b'\\' {
            out.push(text[at]);
            at += 1;
            continue;
        }
        let length = match unit(at) {
            Some(0xd800..=0xdbff) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => {
                out.extend(b"\\ufffd");
                at += 6;
                continue;
            }
            _ => 2.min(text.len() - at),
        };
        out.extend(&text[at..at + length]);
        at += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_half_pairs_are_replaced() {
        let replaced = |text: &str| String::from_utf8(replace_lone_surrogates(text.as_bytes())).unwrap();
        assert_eq!(replaced(r#"["\ud83d\ude00"]"#), r#"["\ud83d\ude00"]"#);
        assert_eq!(replaced(r#"["a\ud83db"]"#), r#"["a\ufffdb"]"#);
        assert_eq!(replaced(r#"["\ude00"]"#), r#"["\ufffd"]"#);
        assert_eq!(replaced(r#"["\\ud83d"]"#), r#"["\\ud83d"]"#);
    }

    #[test]
    fn an_item_with_a_slip_costs_itself() {
        let settings = OracleSettings {
            max_depth: 4,
            ..OracleSettings::default()
        };
        let read = |text: &str| items(text.as_bytes(), &settings);
        let good = || Ok(serde_json::json!({"a": null}));
        assert_eq!(
            read("[{\"a\":NaN}, {\"a\":01}, {\"a\":[[[]]]},\n{\"a\":\"\n]\"}]\0").unwrap(),
            [
                good(),
                Err("malformed_item"),
                Err("too_deep"),
                Ok(serde_json::json!({"a": "\n]"}))
            ]
        );
        assert_eq!(
            read("{\"a\":null}\r\n\n{\"a\":-Infinity}\n").unwrap(),
            [good(), good()]
        );
        assert_eq!(read(r#"{"items":[{"a":NaN}]}"#).unwrap(), [good()]);
        assert_eq!(read(r#"[{"a":NaN}"#), Err("malformed_json"));
        assert_eq!(read("[[[[["), Err("too_deep"));
        assert_eq!(read("[[[[[]]]]]").unwrap(), [Err("too_deep")]);
    }

    #[test]
    fn brackets_in_strings_are_not_depth() {
        assert_eq!(depth(br#"[{"a":"[[[\"[["}]"#), 2);
    }
}
