//! Keys of JSON objects, compared by a few of their bytes first.

/// The name of a field, and its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key<'k> {
    pub(super) text: &'k str,
    tag: Tag,
}

/// Length, first and last bytes of a key: where tags differ, so do keys, and hardly elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(u64);

// === impl Key ===

impl<'k> Key<'k> {
    pub(super) const fn new(text: &'k str) -> Self {
        let tag = Tag::of(text);
        Self { text, tag }
    }

    /// Whether a key with that tag is this one.
    pub(super) fn is(self, tag: Tag, text: &str) -> bool {
        // Short keys are in their tags as a whole.
        self.tag == tag && (self.text.len() <= Tag::WHOLE || self.text == text)
    }
}

// === impl Tag ===

impl Tag {
    /// Keys that are no longer than this and have the same tag are the same.
    const WHOLE: usize = 7;

    pub(super) const fn of(key: &str) -> Self {
        let bytes = key.as_bytes();
        let length = bytes.len();
        let (first, last) = match bytes {
            [] => (0, 0),
            [a] => (*a as u32, 0),
            [a, b] => (u32::from_le_bytes([*a, *b, 0, 0]), 0),
            [a, b, c] => (u32::from_le_bytes([*a, *b, *c, 0]), 0),
            [a, b, c, d, ..] => {
                let last = [bytes[length - 3], bytes[length - 2], bytes[length - 1], 0];
                (u32::from_le_bytes([*a, *b, *c, *d]), u32::from_le_bytes(last))
            }
        };
        Self(first as u64 | (last as u64) << 32 | (length as u64) << 56)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart_whatever_their_length() {
        let keys = [
            "",
            "a",
            "b",
            "ab",
            "abc",
            "abcd",
            "abce",
            "abcde",
            "abcdef",
            "abcdefg",
            "abcd_efg",
            "abcd-efg",
            "abcd__efg",
            "đẹp",
            "\0",
            "\0\0",
        ];
        for a in keys {
            for b in keys {
                assert_eq!(Key::new(a).is(Tag::of(b), b), a == b, "{a:?} {b:?}");
            }
        }
        let long = |middle: &str| format!("abcd{}efg", middle.repeat(256));
        assert!(!Key::new(&long("x")).is(Tag::of(&long("y")), &long("y")));
        assert!(!Key::new("abc").is(Tag::of(&long("x")), &long("x")));
    }
}
