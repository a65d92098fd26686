//! Escapes in JSON text that Postgres, or a JSON reader, would refuse.

use std::borrow::Cow;

/// What an escape stands for that cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unstorable {
    /// U+0000, which no text of Postgres can hold.
    Nul,
    /// Half a surrogate pair. JavaScript and Python write it when they cut a text in the middle of an emoji.
    HalfPair,
}

/// JSON that stands in the place of half a surrogate pair: U+FFFD, which is what it shows as.
pub const REPLACEMENT: &str = "\\ufffd";

/// Puts what `with` says in the place of each such escape; `None` leaves it. Borrowed where nothing was replaced.
///
/// With both kinds replaced, every value and every slice of the result is storable, in `text` and in `jsonb`.
pub fn replace<'a>(json: &'a str, mut with: impl FnMut(Unstorable) -> Option<&'static str>) -> Cow<'a, str> {
    let mut clean = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(offset) = json.get(at..).and_then(|rest| rest.find('\\')) {
        let start = at + offset;
        let Some(unit) = code_unit(json.as_bytes(), start) else {
            at = after_escape(json, start);
            continue;
        };
        let (length, unstorable) = match unit {
            0 => (6, Some(Unstorable::Nul)),
            0xD800..=0xDBFF if matches!(code_unit(json.as_bytes(), start + 6), Some(0xDC00..=0xDFFF)) => {
                (12, None)
            }
            0xD800..=0xDFFF => (6, Some(Unstorable::HalfPair)),
            _ => (6, None),
        };
        at = start + length;
        if let Some(replacement) = unstorable.and_then(&mut with) {
            clean.push_str(&json[copied..start]);
            clean.push_str(replacement);
            copied = at;
        }
    }
    if copied == 0 {
        return json.into();
    }
    clean.push_str(&json[copied..]);
    clean.into()
}

/// The code unit of the `\uXXXX` escape that begins at `at`; none where none does.
#[inline] // `replace` is compiled where it is called: without this the parser calls out for each escape
pub fn code_unit(bytes: &[u8], at: usize) -> Option<u32> {
    let [b'\\', b'u', digits @ ..] = bytes.get(at..at + 6)? else {
        return None;
    };
    digits.iter().try_fold(0, |unit, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | digit)
    })
}

/// Where the text goes on after an escape other than `\uXXXX`.
#[inline]
fn after_escape(json: &str, at: usize) -> usize {
    let escaped = json[at + 1..].chars().next();
    at + 1 + escaped.map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both kinds replaced, and what was found.
    fn replaced(json: &str) -> (String, Vec<Unstorable>) {
        let mut found = Vec::new();
        let clean = replace(json, |unstorable| {
            found.push(unstorable);
            Some(match unstorable {
                Unstorable::Nul => "",
                Unstorable::HalfPair => REPLACEMENT,
            })
        });
        (clean.into_owned(), found)
    }

    #[test]
    fn nul_goes_and_whole_pairs_stay() {
        let (clean, found) = replaced(r#""a\u0000b\u00e9\ud83d\ude00""#);
        assert_eq!(clean, r#""ab\u00e9\ud83d\ude00""#);
        assert_eq!(found, [Unstorable::Nul]);
    }

    #[test]
    fn lone_surrogates_go_and_pairs_stay() {
        for (sent, expected) in [
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\uDE00x""#, r#""\ufffdx""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\ud83d\u0000\ude00""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\n""#, r#""\ufffd\n""#),
            (r#""\\\ud83d""#, r#""\\\ufffd""#),
        ] {
            assert_eq!(replaced(sent).0, expected, "{sent}");
        }
    }

    #[test]
    fn what_is_no_such_escape_stays() {
        for text in [
            r#""\\u0000""#,
            r#""\\\\ud800""#,
            r#""\ud83d\ude00""#,
            r#""\u+d83""#,
            r#""\ud8"#,
            "\"\\é\"",
            "\"\\",
            "\\",
            r"\u12",
        ] {
            assert_eq!(replaced(text), (text.to_owned(), Vec::new()));
        }
        assert_eq!(replaced(r#""\\\u0000""#).0, r#""\\""#);
    }

    #[test]
    fn what_is_left_is_not_copied() {
        let json = r#""a\u0000b\ud83d""#;
        assert!(matches!(replace(json, |_| None), Cow::Borrowed(same) if same == json));
        let halves = |unstorable| (unstorable == Unstorable::HalfPair).then_some(REPLACEMENT);
        assert_eq!(replace(json, halves), r#""a\u0000b\ufffd""#);
    }
}
