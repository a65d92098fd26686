//! JSON text that Rust or Postgres would refuse, made acceptable.

/// Replaces escaped lone surrogates by U+FFFD, which is what they show as. JavaScript and Python
/// producers write them when they cut a text in the middle of an emoji; the JSON reader refuses
/// them, and with them the whole event.
///
/// `None` where there is nothing to replace.
pub(super) fn without_lone_surrogates(json: &[u8]) -> Option<Vec<u8>> {
    let mut clean = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    while at < json.len() {
        if json[at] != b'\\' {
            at += 1;
            continue;
        }
        match escaped_unit(&json[at..]) {
            Some(0xD800..=0xDBFF) if matches!(escaped_unit(&json[at + 6..]), Some(0xDC00..=0xDFFF)) => {
                at += 12;
            }
            Some(0xD800..=0xDFFF) => {
                clean.extend_from_slice(&json[copied..at]);
                clean.extend_from_slice(b"\\ufffd");
                at += 6;
                copied = at;
            }
            // Two at once, so that the second of `\\` starts nothing.
            _ => at += 2,
        }
    }
    (copied > 0).then(|| {
        clean.extend_from_slice(&json[copied..]);
        clean
    })
}

/// The UTF-16 unit of a `\uXXXX` at the start.
fn escaped_unit(json: &[u8]) -> Option<u16> {
    let digits = json.strip_prefix(b"\\u")?.get(..4)?;
    let digits = std::str::from_utf8(digits).ok()?;
    // `from_str_radix` reads a sign, JSON does not.
    if digits.starts_with('+') {
        return None;
    }
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_go_and_pairs_stay() {
        let cases = [
            (r#""\ud83d""#, Some(r#""\ufffd""#)),
            (r#""\uDE00x""#, Some(r#""\ufffdx""#)),
            (r#""\ud83d\ud83d\ude00""#, Some(r#""\ufffd\ud83d\ude00""#)),
            (r#""\ud83d\ude00""#, None),
            (r#""\\ud83d""#, None),
            (r#""\\\ud83d""#, Some(r#""\\\ufffd""#)),
            (r#""\u+d83""#, None),
            (r#""\ud8"#, None),
            ("\"\\", None),
        ];
        for (json, clean) in cases {
            let found = without_lone_surrogates(json.as_bytes());
            assert_eq!(found.as_deref(), clean.map(str::as_bytes), "{json}");
        }
    }
}
