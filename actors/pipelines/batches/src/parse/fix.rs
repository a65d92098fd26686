//! Makes JSON of what Python and hasty crawlers write: `NaN` and infinities become `null`, raw control
//! characters in strings become escapes.

use super::tally::{CleanKind, Tally};
use std::borrow::Cow;

/// The value as JSON. `json` has no other slips; what is valid already is only looked over.
pub(super) fn fix<'a>(json: &'a str, tally: &mut Tally) -> Cow<'a, str> {
    let bytes = json.as_bytes();
    let mut fixed = String::new();
    let (mut at, mut copied) = (0, 0);
    let mut in_string = false;
    while let Some(&byte) = bytes.get(at) {
        let (length, replacement) = match byte {
            b'"' => {
                in_string = !in_string;
                (1, None)
            }
            b'\\' if in_string => (2, None),
            ..0x20 if in_string => (1, Some(escaped(byte, tally))),
            b'N' | b'I' | b'-' if !in_string => match not_a_number(&json[at..]) {
                Some(length) => {
                    tally.add(CleanKind::NotANumber);
                    (length, Some("null".into()))
                }
                None => (1, None),
            },
            _ => (1, None),
        };
        if let Some(replacement) = replacement {
            fixed.push_str(&json[copied..at]);
            fixed.push_str(&replacement);
            copied = at + length;
        }
        at += length;
    }
    if copied == 0 {
        return json.into();
    }
    fixed.push_str(&json[copied..]);
    fixed.into()
}

/// Text as a column takes it: without U+0000.
pub(super) fn without_nul(raw: &str) -> String {
    raw.replace('\0', "")
}

fn escaped(control: u8, tally: &mut Tally) -> Cow<'static, str> {
    if control == 0 {
        tally.add(CleanKind::NulRemoved);
        return "".into();
    }
    tally.add(CleanKind::ControlEscaped);
    match control {
        b'\n' => "\\n".into(),
        b'\r' => "\\r".into(),
        b'\t' => "\\t".into(),
        other => format!("\\u{other:04x}").into(),
    }
}

fn not_a_number(text: &str) -> Option<usize> {
    ["NaN", "Infinity", "-Infinity"]
        .iter()
        .find(|word| text.starts_with(**word))
        .map(|word| word.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_null_and_control_characters_are_escapes() {
        let mut tally = Tally::default();
        let sent =
            "{\"a\":NaN,\"b\":[Infinity,-Infinity,-1],\"NaN\":\"NaN\\\"NaN\",\"k\ny\":\"\t\u{1}\0é\"}\n";
        let fixed = fix(sent, &mut tally);
        assert_eq!(
            fixed,
            "{\"a\":null,\"b\":[null,null,-1],\"NaN\":\"NaN\\\"NaN\",\"k\\ny\":\"\\t\\u0001é\"}\n"
        );
        assert_eq!(tally.count(CleanKind::NotANumber), 3);
        assert_eq!(tally.count(CleanKind::ControlEscaped), 3);
        assert_eq!(tally.count(CleanKind::NulRemoved), 1);
    }

    #[test]
    fn valid_json_is_left_alone() {
        let mut tally = Tally::default();
        let sent = r#"{"a":-1,"b":"N\"aN -Infinity\\","c":[null]}"#;
        assert!(matches!(fix(sent, &mut tally), Cow::Borrowed(_)));
        assert_eq!(tally, Tally::default());
    }
}
