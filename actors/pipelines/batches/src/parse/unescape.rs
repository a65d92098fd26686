//! The text of a JSON string.

use super::tape::bytes::plain_end;
use millrace_text::escapes::code_unit;

/// The text between the quotes of a string without its escapes. None where an escape is none of JSON's, or half a pair.
pub(super) fn unescaped(inner: &str) -> Option<String> {
    let bytes = inner.as_bytes();
    let mut text = String::with_capacity(inner.len());
    let mut at = 0;
    loop {
        let escape = plain_end(bytes, at);
        text.push_str(inner.get(at..escape)?);
        let (length, letter) = match bytes.get(escape..)? {
            [] => break,
            [b'\\', b'u', ..] => unicode(bytes, escape)?,
            [b'\\', letter, ..] => (2, simple(*letter)?),
            _ => return None,
        };
        text.push(letter);
        at = escape + length;
    }
    // Rows are weighed by what they hold.
    text.shrink_to_fit();
    Some(text)
}

fn simple(letter: u8) -> Option<char> {
    Some(match letter {
        b'"' | b'\\' | b'/' => char::from(letter),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        _ => return None,
    })
}

/// The letter of one escape, or of two, and how long they are.
fn unicode(bytes: &[u8], at: usize) -> Option<(usize, char)> {
    let unit = code_unit(bytes, at)?;
    if !matches!(unit, 0xD800..=0xDBFF) {
        return char::from_u32(unit).map(|letter| (6, letter));
    }
    let second = code_unit(bytes, at + 6).filter(|second| matches!(second, 0xDC00..=0xDFFF))?;
    let letter = 0x10000 + ((unit - 0xD800) << 10) + (second - 0xDC00);
    char::from_u32(letter).map(|letter| (12, letter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3_000))]

        #[test]
        fn text_is_what_serde_json_makes_of_it(
            inner in r#"(\\u(d[89a-f][0-9a-f]{2}|[0-9A-Fa-f]{4})|\\ud83d\\ude0[0-9]|\\["\\/bfnrtux]|[a-z0-9 é😀"\t]){0,12}"#,
        ) {
            prop_assert_eq!(unescaped(&inner), serde_json::from_str::<String>(&format!("\"{inner}\"")).ok());
        }
    }
}
