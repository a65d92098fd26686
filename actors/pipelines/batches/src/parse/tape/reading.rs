//! Reads over one value and writes down where the values in it are.

use super::{
    MAX_NODES, Node, Span, Tape,
    bytes::{number_end, plain_end, skip_blank},
};
use crate::parse::word::is_escape;
use millrace_text::escapes::code_unit;

/// A walk over one value.
#[derive(Debug)]
pub(super) struct Reading<'t> {
    bytes: &'t [u8],
    tape: &'t mut Tape,
    max_depth: usize,
    /// Escapes seen so far.
    escapes: usize,
    pub(super) is_unclean: bool,
    pub(super) is_complete: bool,
}

/// What follows a value.
enum Next {
    Value { key: Key, start: usize },
    Nothing { end: usize },
}

/// An open bracket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    node: u32,
    is_object: bool,
}

/// Of an element of an array.
const NO_KEY: Key = Key {
    span: (0, 0),
    is_plain: true,
};

/// A key within its quotes.
#[derive(Clone, Copy, Debug)]
struct Key {
    span: Span,
    is_plain: bool,
}

// === impl Reading ===

impl<'t> Reading<'t> {
    pub(super) fn new(text: &'t str, tape: &'t mut Tape, max_depth: usize) -> Self {
        Self {
            bytes: text.as_bytes(),
            tape,
            max_depth,
            escapes: 0,
            is_unclean: false,
            is_complete: true,
        }
    }

    /// The value that begins at `at`; returns where it ends. None for what is not JSON, or nests too deep.
    pub(super) fn value(&mut self, mut at: usize) -> Option<usize> {
        let mut key = NO_KEY;
        loop {
            let node = self.begins(key, at);
            at = match *self.bytes.get(at)? {
                b'"' => self.string(at)?,
                b't' => self.word(at, b"true")?,
                b'f' => self.word(at, b"false")?,
                b'n' => self.word(at, b"null")?,
                bracket @ (b'{' | b'[') => {
                    let is_object = bracket == b'{';
                    self.opens(node, is_object)?;
                    let inside = skip_blank(self.bytes, at + 1);
                    let is_empty = *self.bytes.get(inside)? == if is_object { b'}' } else { b']' };
                    if !is_empty {
                        (key, at) = self.key(inside, is_object)?;
                        continue;
                    }
                    self.tape.open.pop();
                    inside + 1
                }
                _ => number_end(self.bytes, at)?,
            };
            self.ends(node, at);
            match self.next(at)? {
                Next::Value { key: its, start } => (key, at) = (its, start),
                Next::Nothing { end } => return Some(end),
            }
        }
    }

    /// What follows a value that ends at `at`, after all that ends with it.
    fn next(&mut self, mut at: usize) -> Option<Next> {
        loop {
            let Some(&Open { node, is_object }) = self.tape.open.last() else {
                return Some(Next::Nothing { end: at });
            };
            at = skip_blank(self.bytes, at);
            match (*self.bytes.get(at)?, is_object) {
                (b',', _) => {
                    let (key, start) = self.key(skip_blank(self.bytes, at + 1), is_object)?;
                    return Some(Next::Value { key, start });
                }
                (b'}', true) | (b']', false) => {
                    at += 1;
                    self.ends(node, at);
                    self.tape.open.pop();
                }
                _ => return None,
            }
        }
    }

    fn begins(&mut self, key: Key, at: usize) -> u32 {
        let node = self.tape.nodes.len();
        if node == MAX_NODES {
            self.is_complete = false;
            return u32::MAX;
        }
        self.tape.nodes.push(Node {
            key: key.span,
            value: (at as u32, at as u32),
            after: 0,
            is_key_plain: key.is_plain,
        });
        node as u32
    }

    fn ends(&mut self, node: u32, at: usize) {
        let after = self.tape.nodes.len() as u32;
        if let Some(node) = self.tape.nodes.get_mut(node as usize) {
            node.value.1 = at as u32;
            node.after = after;
        }
    }

    fn opens(&mut self, node: u32, is_object: bool) -> Option<()> {
        let fits = self.tape.open.len() < self.max_depth;
        fits.then(|| self.tape.open.push(Open { node, is_object }))
    }

    /// The key that begins at `at`, in an object; and where its value begins.
    fn key(&mut self, at: usize, is_object: bool) -> Option<(Key, usize)> {
        if !is_object {
            return Some((NO_KEY, at));
        }
        if *self.bytes.get(at)? != b'"' {
            return None;
        }
        let escapes = self.escapes;
        let end = self.string(at)?;
        let colon = skip_blank(self.bytes, end);
        let key = Key {
            span: (at as u32 + 1, end as u32 - 1),
            is_plain: self.escapes == escapes,
        };
        (*self.bytes.get(colon)? == b':').then(|| (key, skip_blank(self.bytes, colon + 1)))
    }

    fn word(&self, at: usize, word: &[u8]) -> Option<usize> {
        self.bytes.get(at..)?.starts_with(word).then_some(at + word.len())
    }

    /// Where the string ends that begins at `at`.
    fn string(&mut self, at: usize) -> Option<usize> {
        let mut at = at + 1;
        loop {
            at = plain_end(self.bytes, at);
            match *self.bytes.get(at)? {
                b'"' => return Some(at + 1),
                b'\\' => at = self.escape(at)?,
                _ => return None,
            }
        }
    }

    /// Where the escape ends that begins at `at`, or the pair of them.
    fn escape(&mut self, at: usize) -> Option<usize> {
        self.escapes += 1;
        if *self.bytes.get(at + 1)? != b'u' {
            return is_escape(&self.bytes[at..]).then_some(at + 2);
        }
        let unit = code_unit(self.bytes, at)?;
        let is_first_half = matches!(unit, 0xD800..=0xDBFF);
        if is_first_half && matches!(code_unit(self.bytes, at + 6), Some(0xDC00..=0xDFFF)) {
            return Some(at + 12);
        }
        self.is_unclean |= matches!(unit, 0 | 0xD800..=0xDFFF);
        Some(at + 6)
    }
}
