//! JSON with the text of its numbers, and text that may have half a surrogate pair in it.

use std::{iter::Peekable, str::CharIndices};

/// Deeper than any limit: nothing is read any further.
const DEEPEST: usize = 1_000;

/// What JSON says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool,
    /// As written.
    Number(String),
    Text(String),
    Array,
    /// In order; a name may come twice, and then the last counts.
    Object(Vec<(String, Json)>),
}

/// A value, and how deep it nests.
pub(super) fn read(text: &str) -> Result<(Json, usize), Trouble> {
    let mut reader = Reader {
        text,
        chars: text.char_indices().peekable(),
        deepest: 0,
    };
    let value = reader.value(0)?;
    reader.space();
    match reader.chars.next() {
        None => Ok((value, reader.deepest)),
        Some(_) => Err(Trouble::Malformed),
    }
}

/// Why a text is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Malformed,
    TooDeep,
}

struct Reader<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
    deepest: usize,
}

// === impl Json ===

impl Json {
    /// A field of an object.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(fields) = self else {
            return None;
        };
        let mut named = fields.iter().filter(|(of, _)| of == name);
        named.next_back().map(|(_, value)| value)
    }

    /// A field that is there and neither null nor empty text.
    pub(super) fn present(&self, name: &str) -> Option<&Self> {
        self.get(name)
            .filter(|value| **value != Self::Null && **value != Self::Text(String::new()))
    }
}

// === impl Reader ===

impl Reader<'_> {
    fn space(&mut self) {
        while self
            .chars
            .next_if(|(_, c)| matches!(c, ' ' | '\t' | '\n' | '\r'))
            .is_some()
        {}
    }

    fn next(&mut self) -> Result<char, Trouble> {
        self.chars.next().map(|(_, c)| c).ok_or(Trouble::Malformed)
    }

    fn take(&mut self, wanted: char) -> bool {
        self.chars.next_if(|(_, c)| *c == wanted).is_some()
    }

    fn expect(&mut self, word: &str) -> Result<(), Trouble> {
        match word.chars().all(|c| self.take(c)) {
            true => Ok(()),
            false => Err(Trouble::Malformed),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json, Trouble> {
        if depth > DEEPEST {
            return Err(Trouble::TooDeep);
        }
        self.space();
        let (_, first) = *self.chars.peek().ok_or(Trouble::Malformed)?;
        match first {
            'n' => self.expect("null").map(|()| Json::Null),
            't' => self.expect("true").map(|()| Json::Bool),
            'f' => self.expect("false").map(|()| Json::Bool),
            '"' => self.string().map(Json::Text),
            '[' => self.array(depth + 1),
            '{' => self.object(depth + 1),
            _ => self.number(),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, Trouble> {
        self.deepest = self.deepest.max(depth);
        self.expect("[")?;
        self.space();
        if self.take(']') {
            return Ok(Json::Array);
        }
        loop {
            self.value(depth)?;
            self.space();
            match self.next()? {
                ',' => {}
                ']' => return Ok(Json::Array),
                _ => return Err(Trouble::Malformed),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, Trouble> {
        self.deepest = self.deepest.max(depth);
        self.expect("{")?;
        let mut fields = Vec::new();
        self.space();
        if self.take('}') {
            return Ok(Json::Object(fields));
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            self.expect(":")?;
            fields.push((name, self.value(depth)?));
            self.space();
            match self.next()? {
                ',' => {}
                '}' => return Ok(Json::Object(fields)),
                _ => return Err(Trouble::Malformed),
            }
        }
    }

    fn digits(&mut self) -> Result<(), Trouble> {
        let mut found = false;
        while self.chars.next_if(|(_, c)| c.is_ascii_digit()).is_some() {
            found = true;
        }
        found.then_some(()).ok_or(Trouble::Malformed)
    }

    fn at(&mut self) -> usize {
        self.chars.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    fn number(&mut self) -> Result<Json, Trouble> {
        let start = self.at();
        self.take('-');
        if !self.take('0') {
            self.digits()?;
        }
        if self.take('.') {
            self.digits()?;
        }
        if self.take('e') || self.take('E') {
            let _ = self.take('+') || self.take('-');
            self.digits()?;
        }
        let end = self.at();
        Ok(Json::Number(self.text[start..end].to_owned()))
    }

    fn string(&mut self) -> Result<String, Trouble> {
        self.expect("\"")?;
        let mut units = Vec::new();
        loop {
            let c = match self.next()? {
                '"' => return Ok(String::from_utf16_lossy(&units)),
                '\\' => match self.next()? {
                    'u' => {
                        units.push(self.unit()?);
                        continue;
                    }
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    c @ ('"' | '\\' | '/') => c,
                    _ => return Err(Trouble::Malformed),
                },
                c if c < ' ' => return Err(Trouble::Malformed),
                c => c,
            };
            units.extend(c.encode_utf16(&mut [0; 2]).iter());
        }
    }

    fn unit(&mut self) -> Result<u16, Trouble> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.next()?.to_digit(16).ok_or(Trouble::Malformed)?;
            unit = unit << 4 | digit as u16;
        }
        Ok(unit)
    }
}
