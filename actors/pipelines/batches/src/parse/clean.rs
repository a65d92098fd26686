//! Makes text storable: valid UTF-8, no U+0000, no half surrogate pairs, no longer than the cap.

use super::tally::{CleanKind, Tally};
use std::borrow::Cow;

/// Reads bytes as UTF-8. What is not UTF-8 becomes U+FFFD, so that a broken character in one item
/// costs neither the item nor its neighbours. None where the result would exceed `max_bytes`.
pub(super) fn utf8<'a>(bytes: &'a [u8], max_bytes: usize, tally: &mut Tally) -> Option<Cow<'a, str>> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(text.into());
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
            tally.add(CleanKind::Utf8Replaced);
        }
        // A replacement is longer than what it replaces: noise would grow to three times its size.
        if text.len() > max_bytes.max(bytes.len()) {
            return None;
        }
    }
    Some(text.into())
}

/// Removes `\u0000` from JSON text and replaces half surrogate pairs, so that every value and every
/// slice of the result is storable, in `text` and in `jsonb`.
pub(super) fn escapes<'a>(json: &'a str, tally: &mut Tally) -> Cow<'a, str> {
    let mut clean = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(offset) = json.get(at..).and_then(|rest| rest.find('\\')) {
        let start = at + offset;
        let Some(unit) = unit_at(json, start) else {
            at = after_escape(json, start);
            continue;
        };
        let (length, replacement) = match unit {
            0 => (6, Some(("", CleanKind::NulRemoved))),
            0xD800..=0xDBFF if matches!(unit_at(json, start + 6), Some(0xDC00..=0xDFFF)) => (12, None),
            0xD800..=0xDFFF => (6, Some(("\\ufffd", CleanKind::SurrogateReplaced))),
            _ => (6, None),
        };
        at = start + length;
        if let Some((replacement, kind)) = replacement {
            clean.push_str(&json[copied..start]);
            clean.push_str(replacement);
            copied = at;
            tally.add(kind);
        }
    }
    if copied == 0 {
        return json.into();
    }
    clean.push_str(&json[copied..]);
    clean.into()
}

/// Cuts text at the cap, between two characters.
pub(super) fn truncate(mut text: String, max_bytes: usize, tally: &mut Tally) -> String {
    if text.len() > max_bytes {
        text.truncate(text.floor_char_boundary(max_bytes));
        text.shrink_to_fit();
        tally.add(CleanKind::TextTruncated);
    }
    text
}

/// A few words of something that may be long, for a message to people.
pub(super) fn excerpt(text: &str) -> &str {
    &text[..text.floor_char_boundary(120)]
}

/// The code unit of a `\uXXXX` escape.
fn unit_at(json: &str, at: usize) -> Option<u32> {
    let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

/// Where the text goes on after an escape other than `\uXXXX`.
fn after_escape(json: &str, at: usize) -> usize {
    let escaped = json[at + 1..].chars().next();
    at + 1 + escaped.map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(json: &str) -> (String, Tally) {
        let mut tally = Tally::default();
        (escapes(json, &mut tally).into_owned(), tally)
    }

    #[test]
    fn nul_goes_and_whole_pairs_stay() {
        let (clean, tally) = escaped(r#""a\u0000b\u00e9\ud83d\ude00""#);
        assert_eq!(clean, r#""ab\u00e9\ud83d\ude00""#);
        assert_eq!(tally.count(CleanKind::NulRemoved), 1);
        assert_eq!(tally.count(CleanKind::SurrogateReplaced), 0);
    }

    #[test]
    fn half_a_pair_is_replaced_wherever_it_stands() {
        for (sent, expected) in [
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\uDE00x""#, r#""\ufffdx""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\ud83d\u0000\ude00""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\n""#, r#""\ufffd\n""#),
        ] {
            assert_eq!(escaped(sent).0, expected, "{sent}");
        }
    }

    #[test]
    fn an_escaped_backslash_is_not_the_start_of_an_escape() {
        for text in [r#""\\u0000""#, r#""\\\\ud800""#, "\"\\é\"", "\\", r"\u12"] {
            let (clean, tally) = escaped(text);
            assert_eq!(clean, text);
            assert_eq!(tally, Tally::default());
        }
        assert_eq!(escaped(r#""\\\u0000""#).0, r#""\\""#);
    }

    #[test]
    fn text_is_cut_between_characters() {
        let mut tally = Tally::default();
        assert_eq!(truncate("xe đẹp".to_owned(), 4, &mut tally), "xe ");
        assert_eq!(tally.count(CleanKind::TextTruncated), 1);
        assert_eq!(truncate("xe đẹp".to_owned(), 9, &mut tally), "xe đẹp");
        assert_eq!(tally.count(CleanKind::TextTruncated), 1);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced_within_bounds() {
        let mut tally = Tally::default();
        assert_eq!(
            utf8(b"a\xffb\xe2\x82c", 100, &mut tally).unwrap(),
            "a\u{fffd}b\u{fffd}c"
        );
        assert_eq!(tally.count(CleanKind::Utf8Replaced), 2);
        assert!(utf8(&[0xff; 100], 200, &mut tally).is_none());
    }
}
