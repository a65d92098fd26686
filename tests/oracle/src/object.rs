//! From an object's bytes to its items: section 2 of the contract.

use crate::settings::OracleSettings;
use serde_json::Value;
use std::io::Read;

/// The items, or the reason why the whole object is poison.
pub(crate) fn items(body: &[u8], settings: &OracleSettings) -> Result<Vec<Value>, &'static str> {
    if body.len() > settings.max_object_bytes {
        return Err("object_too_large");
    }
    let text = unpack(body, settings.max_decompressed_bytes)?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    if depth(text) > settings.max_depth {
        return Err("too_deep");
    }
    let text = replace_lone_surrogates(text);
    let batch: Value = serde_json::from_slice(&text).map_err(|_| "malformed_json")?;
    let items = match batch {
        Value::Array(items) => items,
        Value::Object(mut object) => match object.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => items,
            Some(_) | None => vec![Value::Object(object)],
        },
        _ => return Err("malformed_json"),
    };
    if items.len() > settings.max_items {
        return Err("too_many_items");
    }
    Ok(items)
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
    fn brackets_in_strings_are_not_depth() {
        assert_eq!(depth(br#"[{"a":"[[[\"[["}]"#), 2);
    }
}
