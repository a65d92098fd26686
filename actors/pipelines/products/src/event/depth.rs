//! How deep JSON nests, without recursion.

/// Whether the nesting of `json`, which was read as JSON, exceeds `max`; `{}` is one deep.
pub(super) fn exceeds(json: &str, max: usize) -> bool {
    let bytes = json.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > max {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => at = closing_quote(bytes, at + 1),
            _ => {}
        }
        at += 1;
    }
    false
}

fn closing_quote(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_count_outside_of_strings_only() {
        assert!(!exceeds(r#"{"a":[1],"b":[]}"#, 2));
        assert!(exceeds(r#"{"a":[1]}"#, 1));
        assert!(!exceeds(r#"{"a":"[[[\"[[["}"#, 1));
        assert!(!exceeds(r#"{"a\\":"{"}"#, 1));
        assert!(exceeds(&"[".repeat(1_000_000), 999_999));
    }
}
