//! How deep JSON nests, without recursion and before anything is parsed.

/// Whether the nesting of `json` exceeds `max_depth`; `[]` is one deep.
///
/// Text that is not JSON gets an answer too; the parser refuses it later.
pub(super) fn exceeds(json: &str, max_depth: usize) -> bool {
    let bytes = json.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                if depth > max_depth {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => at = end_of_string(bytes, at),
            _ => {}
        }
        at += 1;
    }
    false
}

/// Position of the quote that closes the string opened at `at`, or of the last byte.
pub(super) fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    at += 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_count_outside_strings_only() {
        assert!(!exceeds("[{\"a\":[1]}]", 3));
        assert!(exceeds("[{\"a\":[1]}]", 2));
        assert!(!exceeds(r#"["[[[[\"[[[\\"]"#, 1));
        assert!(!exceeds("[[],[],[]]", 2));
        assert!(exceeds(r#"["\\",[]]"#, 1));
    }

    #[test]
    fn a_million_brackets_need_no_stack() {
        assert!(exceeds(&"[".repeat(1_000_000), 999_999));
        assert!(!exceeds(&"]".repeat(1_000_000), 1));
    }

    #[test]
    fn text_that_is_not_json_gets_an_answer() {
        for text in ["", "\"", "\"\\", "]]]", "[\"", "\"\\\""] {
            assert!(!exceeds(text, 1), "{text}");
        }
    }
}
