//! Makes text storable: valid UTF-8, no U+0000, no half surrogate pairs, no longer than the cap.

use super::tally::{CleanKind, Tally};
use millrace_text::escapes::{self, Unstorable};
use std::borrow::Cow;

/// Reads bytes as UTF-8. What is not UTF-8 becomes U+FFFD, so that a broken character in one item
/// costs neither the item nor its neighbours. None where the result would exceed `max_bytes`.
pub(super) fn utf8<'a>(bytes: &'a [u8], max_bytes: usize, tally: &mut Tally) -> Option<Cow<'a, str>> {
    if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
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

/// Removes `\u0000` from JSON text and replaces half surrogate pairs, and counts both.
pub(super) fn escapes<'a>(json: &'a str, tally: &mut Tally) -> Cow<'a, str> {
    escapes::replace(json, |unstorable| {
        let (kind, replacement) = match unstorable {
            Unstorable::Nul => (CleanKind::NulRemoved, ""),
            Unstorable::HalfPair => (CleanKind::SurrogateReplaced, escapes::REPLACEMENT),
        };
        tally.add(kind);
        Some(replacement)
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cleaned_is_counted() {
        let mut tally = Tally::default();
        let clean = escapes(r#""a\u0000b\ud83d""#, &mut tally);
        assert_eq!(clean, r#""ab\ufffd""#);
        assert_eq!(tally.count(CleanKind::NulRemoved), 1);
        assert_eq!(tally.count(CleanKind::SurrogateReplaced), 1);
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
