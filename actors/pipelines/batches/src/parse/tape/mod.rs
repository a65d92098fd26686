//! JSON read over once: where each value begins and ends, so that nothing below has to be read over again
//! to get at it.
//!
//! The grammar is that of JSON and no more: other text is for `scan`, and what is refused here is read by `serde_json`.
//! Nothing recurses. Values are not read, only found.

pub(super) mod bytes;
mod elements;
mod reading;

pub(super) use elements::Elements;

use reading::{Open, Reading};
use std::borrow::Cow;

/// Values that are written down of one item; what has more is only checked, and read the slow way. It bounds
/// the memory of a tape to a few megabytes, whatever is sent.
const MAX_NODES: usize = 1 << 16;

/// The values of one item, in the order in which they begin.
#[derive(Debug, Default)]
pub(super) struct Tape {
    nodes: Vec<Node>,
    /// Brackets that are open while the item is read.
    open: Vec<Open>,
}

/// A value, by its bytes in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// The key without its quotes; nothing in an array.
    key: Span,
    value: Span,
    /// The node behind the last one within this value.
    after: u32,
    /// The key is its own text: there is no escape in it.
    is_key_plain: bool,
}

/// First byte, and the byte behind the last.
type Span = (u32, u32);

/// What is known of a value after reading over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent<'a> {
    pub(super) json: &'a str,
    /// It has an escape of U+0000 or of half a pair, which `clean::escapes` replaces.
    pub(super) is_unclean: bool,
    /// All its values are on the tape.
    is_complete: bool,
}

/// A tape and the text it is of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taped<'a> {
    text: &'a str,
    nodes: &'a [Node],
}

/// The value of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    /// The value as JSON.
    pub(super) json: &'a str,
    /// Where it stands on a tape; none where it must be read over to look into it.
    place: Option<(Taped<'a>, u32)>,
}

// === impl Tape ===

impl Tape {
    /// Reads over the value that begins at `start`, which forgets the one before. None for what is not JSON, or
    /// nests deeper than `max_depth`.
    fn read<'a>(&mut self, text: &'a str, start: usize, max_depth: usize) -> Option<Extent<'a>> {
        u32::try_from(text.len()).ok()?;
        self.nodes.clear();
        self.open.clear();
        let mut reading = Reading::new(text, self, max_depth);
        let end = reading.value(start)?;
        Some(Extent {
            json: text.get(start..end)?,
            is_unclean: reading.is_unclean,
            is_complete: reading.is_complete,
        })
    }

    /// The value that a whole text is.
    pub(super) fn value_of<'a>(&'a mut self, json: &'a str, max_depth: usize) -> Value<'a> {
        match self.read(json, 0, max_depth) {
            Some(extent) => extent.value(self, json),
            None => json.into(),
        }
    }
}

// === impl Extent ===

impl<'a> Extent<'a> {
    /// The value that was read over, to look into.
    pub(super) fn value(self, tape: &'a Tape, text: &'a str) -> Value<'a> {
        let nodes = &tape.nodes;
        match self.is_complete {
            true => Taped { text, nodes }.value(0),
            false => self.json.into(),
        }
    }
}

// === impl Taped ===

impl<'a> Taped<'a> {
    fn node(self, at: u32) -> Node {
        self.nodes.get(at as usize).copied().unwrap_or_default()
    }

    fn text(self, (start, end): Span) -> &'a str {
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }

    pub(super) fn value(self, at: u32) -> Value<'a> {
        Value {
            json: self.text(self.node(at).value),
            place: Some((self, at)),
        }
    }
}

// === impl Value ===

impl<'a> From<&'a str> for Value<'a> {
    /// Valid JSON of which no more is known.
    fn from(json: &'a str) -> Self {
        Self { json, place: None }
    }
}

impl<'a> Value<'a> {
    /// What it stands on.
    pub(super) fn tape(self) -> Option<Taped<'a>> {
        self.place.map(|(tape, _)| tape)
    }

    /// Where on it.
    pub(super) fn node(self) -> u32 {
        self.place.map_or(0, |(_, node)| node)
    }

    /// The values within it; none where that must be read.
    pub(super) fn children(self) -> Option<impl Iterator<Item = Value<'a>>> {
        let (tape, at) = self.place?;
        let end = tape.node(at).after;
        let mut next = at + 1;
        Some(std::iter::from_fn(move || {
            let at = (next < end).then_some(next)?;
            next = tape.node(at).after;
            Some(tape.value(at))
        }))
    }

    /// Its key. None where there is none, and where escapes make no text, which only half a pair does not.
    pub(super) fn key(self) -> Option<Cow<'a, str>> {
        let (tape, at) = self.place?;
        let node = tape.node(at);
        if node.is_key_plain {
            return Some(tape.text(node.key).into());
        }
        let (start, end) = node.key;
        let quoted = tape.text((start - 1, end + 1));
        serde_json::from_str::<String>(quoted).ok().map(Cow::Owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::fields::Fields;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    /// Whether a text is one value, blanks around it aside, by the tape and by `serde_json`.
    fn is_json(text: &str) -> (bool, bool) {
        let mut tape = Tape::default();
        let in_array = format!("[{text}]");
        let mut elements = Elements::of(&in_array, 64).unwrap();
        let mut only = || {
            let first = elements.next(&mut tape)??;
            elements.next(&mut Tape::default())?.is_none().then_some(first)
        };
        let by_tape = only().inspect(|only| assert_eq!(only.json, text.trim()));
        (by_tape.is_some(), serde_json::from_str::<&RawValue>(text).is_ok())
    }

    #[test]
    fn what_is_nearly_json_is_not_read() {
        for slip in [
            "",
            "-",
            "01",
            "-01",
            "00",
            "1.",
            ".5",
            "1.e1",
            "1e",
            "1e+",
            "+1",
            "0x1",
            "NaN",
            "Infinity",
            "tru",
            "True",
            "nul",
            "truely",
            "'a'",
            "\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\u12\"",
            "\"\t\"",
            "\"\0\"",
            "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n\"",
            "{",
            "[",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "{1:2}",
            "{\"a\" 1}",
            "[}",
            "{]",
            "[1}",
            "{\"a\":1]",
            "\u{a0}1",
            "1\u{b}",
            "1//",
            "{\"a\":1}}",
        ] {
            assert_eq!(is_json(slip), (false, false), "{slip:?}");
        }
    }

    #[test]
    fn what_is_json_is_read() {
        for json in [
            "0",
            "-0",
            "-0.0e-0",
            "10",
            "1.5",
            "1E5",
            "1e+005",
            "true",
            "false",
            "null",
            "\"\"",
            "\"é😀\u{7f}\"",
            r#""\"\\\/\b\f\n\r\t\u00e9\uD83D""#,
            "[]",
            "[ ]",
            "{}",
            "{\t}",
            " [ 1 , [ ] ,\r\n{ } ] ",
            r#"{"":{"a":[{"b":null}]},"a":"}"}"#,
        ] {
            assert_eq!(is_json(json), (true, true), "{json:?}");
        }
    }

    #[test]
    fn depth_counts_from_the_array_around() {
        let read = |max_depth| Elements::of("[[{}]]", max_depth)?.next(&mut Tape::default());
        assert!(read(3).is_some());
        assert!(read(2).is_none());
        assert!(read(0).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3_000))]

        #[test]
        fn the_grammar_is_that_of_json(
            number in "[-+0-9.eE]{1,7}",
            string in r#""([a-fu"0-9é \t]|\\[nu"x\\]){0,12}""#,
            any in r#"[\[\]{}",:0 "at]{1,9}"#,
        ) {
            for text in [&number, &string, &any] {
                let (by_tape, by_serde) = is_json(text);
                prop_assert_eq!(by_tape, by_serde, "{:?}", text);
            }
        }

        #[test]
        fn fields_are_the_same_from_a_tape(
            keys in prop::collection::vec(r#"([a-c]{1,2}|\\u0061|\\"|[a-z]{9})"#, 0..60),
        ) {
            let fields: Vec<_> = keys.iter().enumerate().map(|(n, key)| format!("\"{key}\": [{n}]")).collect();
            let object = format!("{{{}}}", fields.join(" , "));
            let mut tape = Tape::default();
            let [taped, read] = [Fields::of(tape.value_of(&object, 3)).unwrap(), Fields::read(&object).unwrap()];
            prop_assert_eq!(taped.repeated, read.repeated);
            let texts = |fields: &Fields<'_>| {
                let left = fields.leftovers().into_iter().map(|field| (field.key.to_string(), field.json.to_string()));
                left.collect::<Vec<_>>()
            };
            prop_assert_eq!(texts(&taped), texts(&read));
        }
    }
}
