//! Tables of headers, rewritten so that the client library can read them.

use super::{
    cursor::{Cursor, Short},
    text::{begin_long, end_long, write_long, write_short},
};
use std::collections::HashSet;

/// Tables within tables that are read. The client library calls itself once for each and knows no limit: a frame
/// holds 26,000, and its stack would be at an end long before.
const MAX_DEPTH: usize = 64;

/// Writes tables, and keeps what was wrong with them.
#[derive(Debug, Default)]
pub(super) struct Rewriting {
    /// What was written is not what was read.
    pub(super) changed: bool,
    /// What could not be read, the first of it.
    pub(super) lost: Option<String>,
}

/// Why the rest of a table cannot be read.
enum Unreadable {
    CutShort,
    UnknownType(u8),
}

// === impl Rewriting ===

impl Rewriting {
    /// Notes what could not be read.
    pub(super) fn lose(&mut self, what: impl Into<String>) {
        self.changed = true;
        self.lost.get_or_insert_with(|| what.into());
    }

    /// Writes a table with its size, as far as it can be read.
    pub(super) fn table(&mut self, bytes: &[u8], depth: usize, out: &mut Vec<u8>) {
        let start = begin_long(out);
        let mut names = HashSet::new();
        let mut entries = Cursor::new(bytes);
        while !entries.is_empty() {
            let entry = out.len();
            match self.entry(&mut entries, depth, out) {
                Ok(name) => {
                    // The library keeps the last of a name, and the size of both: a copy of that is no table any more.
                    if !names.insert(out[name.0..name.1].to_vec()) {
                        out.truncate(entry);
                        self.changed = true;
                    }
                }
                Err(unreadable) => {
                    out.truncate(entry);
                    self.lose(unreadable.to_string());
                    break;
                }
            }
        }
        end_long(out, start);
    }

    /// Writes a name and its value; gives where in `out` the name is.
    fn entry(
        &mut self,
        entries: &mut Cursor<'_>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(usize, usize), Unreadable> {
        let name = entries.short()?;
        let start = out.len() + 1;
        self.changed |= write_short(name, out);
        let end = out.len();
        self.value(entries, depth, out)?;
        Ok((start, end))
    }

    fn array(&mut self, bytes: &[u8], depth: usize, out: &mut Vec<u8>) {
        let start = begin_long(out);
        let mut values = Cursor::new(bytes);
        while !values.is_empty() {
            let value = out.len();
            if let Err(unreadable) = self.value(&mut values, depth, out) {
                out.truncate(value);
                self.lose(unreadable.to_string());
                break;
            }
        }
        end_long(out, start);
    }

    fn value(&mut self, values: &mut Cursor<'_>, depth: usize, out: &mut Vec<u8>) -> Result<(), Unreadable> {
        let tag = values.byte()?;
        match tag {
            b'S' => {
                let text = values.long()?;
                out.push(tag);
                self.changed |= write_long(text, out);
            }
            b'x' => {
                let bytes = values.long()?;
                out.push(tag);
                let start = begin_long(out);
                out.extend_from_slice(bytes);
                end_long(out, start);
            }
            b'F' | b'A' => {
                let inner = values.long()?;
                if depth >= MAX_DEPTH {
                    out.push(b'V');
                    self.lose(format!("headers nest deeper than {MAX_DEPTH} levels"));
                } else if tag == b'F' {
                    out.push(tag);
                    self.table(inner, depth + 1, out);
                } else {
                    out.push(tag);
                    self.array(inner, depth + 1, out);
                }
            }
            // The broker reads both as one; the library knows only the other.
            b'L' => {
                out.push(b'l');
                out.extend_from_slice(values.take(8)?);
                self.changed = true;
            }
            _ => {
                let size = fixed_size(tag).ok_or(Unreadable::UnknownType(tag))?;
                out.push(tag);
                out.extend_from_slice(values.take(size)?);
            }
        }
        Ok(())
    }
}

/// Bytes of a value whose type says how many.
fn fixed_size(tag: u8) -> Option<usize> {
    Some(match tag {
        b'V' => 0,
        b't' | b'b' | b'B' => 1,
        b's' | b'u' => 2,
        b'I' | b'i' | b'f' => 4,
        b'D' => 5,
        b'l' | b'd' | b'T' => 8,
        _ => return None,
    })
}

// === impl Unreadable ===

impl From<Short> for Unreadable {
    fn from(_: Short) -> Self {
        Self::CutShort
    }
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CutShort => f.write_str("a header is cut short"),
            Self::UnknownType(tag) => write!(f, "a header is of the unknown type {:?}", char::from(*tag)),
        }
    }
}
