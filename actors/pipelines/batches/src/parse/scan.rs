//! Reads over one JSON value that need not be valid: where it ends, and what is the first thing wrong with it.
//!
//! As long as nothing is wrong, the grammar is JSON's, but for `NaN`, infinities and raw control
//! characters in strings, which [`super::fix`] makes valid. After the first slip only strings and
//! brackets count: they say where the value ends. Nothing recurses, and each byte is looked at once.

use super::word::{is_escape, is_word};

/// What is known of a value after reading over it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// Where it ends; none where the text ends first, or brackets do not match.
    pub(super) end: Option<usize>,
    /// The first thing that is wrong with it.
    pub(super) slip: Option<Slip>,
    /// It is an object with a field that only items have.
    pub(super) is_marked: bool,
    /// How far the text was read.
    pub(super) read_to: usize,
}

/// Something that is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slip {
    pub(super) at: usize,
    pub(super) kind: SlipKind,
    /// Start of the last string before it: a quote too many or too few shows only where the wrong
    /// string ends, which may lie behind the start of the next item.
    pub(super) resume: usize,
}

/// Kinds of slips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlipKind {
    /// Nests deeper than the cap.
    TooDeep,
    /// The text ends within a string.
    OpenString,
    /// Not the grammar of JSON; what was expected.
    Syntax(&'static str),
}

/// What the grammar asks for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
}

#[derive(Debug)]
struct Scanner<'t> {
    bytes: &'t [u8],
    at: usize,
    next: Next,
    /// Open brackets, up to the cap on depth; those beyond it are only counted.
    open: Vec<u8>,
    open_beyond: usize,
    max_depth: usize,
    slip: Option<Slip>,
    last_string: usize,
    marks: Marks,
    is_marked: bool,
}

/// Fields that items have and what stands in them has not.
pub(super) type Marks = &'static [&'static str];

/// Whether a scan goes on.
enum Step {
    On,
    Ends(usize),
    Lost,
}

/// Reads over the value that starts at `start`. With `strictly` it stops at the first slip.
pub(super) fn value(bytes: &[u8], start: usize, marks: Marks, max_depth: usize, strictly: bool) -> Scan {
    let mut scanner = Scanner {
        bytes,
        at: start,
        next: Next::Value,
        open: Vec::new(),
        open_beyond: 0,
        max_depth,
        slip: None,
        last_string: start,
        marks,
        is_marked: false,
    };
    let end = scanner.run(strictly);
    Scan {
        end,
        slip: scanner.slip,
        is_marked: scanner.is_marked,
        read_to: scanner.at.min(bytes.len()),
    }
}

/// JSON's whitespace.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

// === impl SlipKind ===

impl SlipKind {
    /// What should have been there, for people.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::TooDeep => "less nesting",
            Self::OpenString => "the end of a string",
            Self::Syntax(expected) => expected,
        }
    }
}

// === impl Scanner ===

impl Scanner<'_> {
    fn run(&mut self, strictly: bool) -> Option<usize> {
        while let Some(&byte) = self.bytes.get(self.at) {
            match self.step(byte) {
                Step::On if strictly && self.slip.is_some() => return None,
                Step::On => {}
                Step::Ends(end) => return Some(end),
                Step::Lost => return None,
            }
        }
        None
    }

    fn is_mark(&self, key: std::ops::Range<usize>) -> bool {
        let key = &self.bytes[key];
        self.marks.iter().any(|mark| mark.as_bytes() == key)
    }

    fn step(&mut self, byte: u8) -> Step {
        match byte {
            byte if is_blank(byte) => {
                self.at += 1;
                Step::On
            }
            b'"' => self.string(),
            b'{' | b'[' => self.opens(byte),
            b'}' | b']' => self.closes(byte),
            b',' if self.open.is_empty() => self.scalar_ends(),
            b',' => self.comma(),
            b':' => {
                self.wants(&[Next::Colon], "a value or the end of one");
                self.at += 1;
                self.next = Next::Value;
                Step::On
            }
            _ => self.word(),
        }
    }

    /// Notes a slip, unless there was one before.
    fn slips(&mut self, kind: SlipKind) {
        self.slip.get_or_insert(Slip {
            at: self.at,
            kind,
            resume: self.last_string,
        });
    }

    fn wants(&mut self, allowed: &[Next], otherwise: &'static str) {
        if !allowed.contains(&self.next) {
            self.slips(SlipKind::Syntax(otherwise));
        }
    }

    /// A value is over: the whole one, or one inside it.
    fn value_ends(&mut self, end: usize) -> Step {
        self.at = end;
        self.next = Next::CommaOrEnd;
        match self.open.is_empty() {
            true => Step::Ends(end),
            false => Step::On,
        }
    }

    /// Something that belongs to the frame around this value.
    fn scalar_ends(&mut self) -> Step {
        self.slips(SlipKind::Syntax("a value"));
        Step::Ends(self.at)
    }

    fn opens(&mut self, byte: u8) -> Step {
        if self.open.is_empty() && self.slip.is_some() {
            return Step::Ends(self.at); // a broken scalar, and the next value
        }
        self.wants(
            &[Next::Value, Next::ValueOrEnd],
            "a comma, a key or the end of an object",
        );
        if self.open.len() >= self.max_depth {
            self.slips(SlipKind::TooDeep);
            self.open_beyond += 1;
        } else {
            self.open.push(byte);
        }
        self.at += 1;
        self.next = if byte == b'{' {
            Next::KeyOrEnd
        } else {
            Next::ValueOrEnd
        };
        Step::On
    }

    fn closes(&mut self, byte: u8) -> Step {
        self.wants(
            &[Next::CommaOrEnd, Next::KeyOrEnd, Next::ValueOrEnd],
            "a key or a value after a comma or a colon",
        );
        if self.open_beyond > 0 {
            self.open_beyond -= 1;
            self.at += 1;
            self.next = Next::CommaOrEnd;
            return Step::On;
        }
        let opened = if byte == b'}' { b'{' } else { b'[' };
        match self.open.last() {
            None => self.scalar_ends(),
            Some(last) if *last == opened => {
                self.open.pop();
                self.value_ends(self.at + 1)
            }
            Some(_) => {
                self.slips(SlipKind::Syntax("another closing bracket"));
                Step::Lost
            }
        }
    }

    fn comma(&mut self) -> Step {
        self.wants(&[Next::CommaOrEnd], "a key or a value before a comma");
        self.at += 1;
        self.next = match self.open.last() {
            Some(b'{') if self.open_beyond == 0 => Next::Key,
            _ => Next::Value,
        };
        Step::On
    }

    fn string(&mut self) -> Step {
        self.last_string = self.at;
        let start = self.at + 1;
        let mut end = start;
        loop {
            match self.bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => {
                    if !is_escape(&self.bytes[end..]) {
                        self.slips(SlipKind::Syntax("an escape that JSON knows"));
                    }
                    end += 2;
                }
                Some(_) => end += 1,
                None => {
                    self.slips(SlipKind::OpenString);
                    self.at = end;
                    return Step::Lost;
                }
            }
        }
        match self.next {
            Next::Key | Next::KeyOrEnd => {
                self.is_marked |= self.open.len() == 1 && self.is_mark(start..end);
                self.at = end + 1;
                self.next = Next::Colon;
                Step::On
            }
            _ => {
                self.wants(&[Next::Value, Next::ValueOrEnd], "a comma or a closing bracket");
                self.value_ends(end + 1)
            }
        }
    }

    /// A run of what is neither string nor punctuation: a number, a name, or nonsense.
    fn word(&mut self) -> Step {
        let is_part =
            |byte: &u8| !is_blank(*byte) && !matches!(byte, b'"' | b'{' | b'}' | b'[' | b']' | b',' | b':');
        let rest = &self.bytes[self.at..];
        let length = rest.iter().take_while(|byte| is_part(byte)).count();
        self.wants(
            &[Next::Value, Next::ValueOrEnd],
            "a key, a comma or a closing bracket",
        );
        if !is_word(&rest[..length]) {
            self.slips(SlipKind::Syntax("a value"));
        }
        if self.open.is_empty() && self.slip.is_some() {
            self.at += length;
            return Step::On; // up to what ends it in the frame around it
        }
        self.value_ends(self.at + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(text: &str) -> (Option<&str>, Option<SlipKind>) {
        let scan = value(text.as_bytes(), 0, &["meta"], 5, false);
        (scan.end.map(|end| &text[..end]), scan.slip.map(|slip| slip.kind))
    }

    #[test]
    fn values_end_where_they_end() {
        for (text, expected) in [
            (
                r#"{"a":[1,{"b":"}]"}],"c":{}} ,"#,
                r#"{"a":[1,{"b":"}]"}],"c":{}}"#,
            ),
            ("[],[]", "[]"),
            ("\"a\\\"b\",1", "\"a\\\"b\""),
            ("-1.5e-3]", "-1.5e-3"),
            ("[NaN,Infinity,-Infinity]]", "[NaN,Infinity,-Infinity]"),
            ("{\"a\n\":\"\t\0\"}", "{\"a\n\":\"\t\0\"}"),
            ("null", "null"),
        ] {
            assert_eq!(scanned(text), (Some(expected), None), "{text}");
        }
    }

    #[test]
    fn a_slip_is_seen_and_the_end_found_by_brackets_and_quotes() {
        for item in [
            r#"{"a":01}"#,
            r#"{"a":+1}"#,
            r#"{"a":.5}"#,
            r#"{"a":1.}"#,
            r#"{"a":1e}"#,
            r#"{"a":0x10}"#,
            r#"{"a":True,"b":None}"#,
            r#"{"a":1,}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":,"b":1}"#,
            r#"{"a" 1}"#,
            r#"{"a":1 "b":2}"#,
            r#"{"a":"\x","b":"}"}"#,
            r#"{"a":"\u12g4"}"#,
            r#"{"a":"say "hi" to me"}"#,
            r#"{a:1}"#,
            r#"{'a':{'b':1}}"#,
            r#"{"a":1/* why? */}"#,
            r#"{"a":{1,2}}"#,
            r#"{"a":nan}"#,
            "nope",
            "01",
        ] {
            let text = format!("{item},{{}}]");
            let (end, slip) = scanned(&text);
            assert_eq!(end, Some(item));
            assert!(matches!(slip, Some(SlipKind::Syntax(_))), "{item}");
        }
    }

    #[test]
    fn where_quotes_or_brackets_do_not_match_there_is_no_end() {
        for item in [
            r#"{"a":"x,"b":1}"#,
            r#"{"a":{"b":1}"#,
            r#"{"a":[1}"#,
            r#"{"a":1]"#,
        ] {
            assert_eq!(scanned(&format!("{item},{{}}]")).0, None, "{item}");
        }
        let cut = r#"{"a":{"b":"c\""#;
        for length in 1..cut.len() {
            assert_eq!(scanned(&cut[..length]).0, None);
        }
        assert_eq!(scanned(&cut[..6]), (None, None), "what is merely cut has no slip");
        assert_eq!(scanned(&cut[..8]), (None, Some(SlipKind::OpenString)));
    }

    #[test]
    fn depth_beyond_the_cap_is_a_slip_that_keeps_the_end() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(scanned(&nested(5)), (Some(&*nested(5)), None));
        assert_eq!(
            scanned(&format!("{}]", nested(6))),
            (Some(&*nested(6)), Some(SlipKind::TooDeep))
        );
        assert_eq!(scanned(&nested(1_000_000)).1, Some(SlipKind::TooDeep));
    }
}
