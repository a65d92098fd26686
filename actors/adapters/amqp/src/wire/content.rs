//! The properties of a message, rewritten so that the client library can read them.

use super::{
    cursor::{Cursor, Short},
    table::Rewriting,
    text::write_short,
};

/// What is to be made of the properties of a message.
#[derive(Debug, PartialEq, Eq)]
pub enum Properties {
    /// The library reads them as they are.
    Fine,
    /// It reads these, which say the same where they can.
    Repaired {
        /// Flags and properties.
        bytes: Vec<u8>,
        /// What could not be read and is not among them.
        lost: Option<String>,
    },
}

/// How a property is written.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Table,
    Bytes(usize),
}

/// The properties in the order of their flags, from the highest bit down: content type, content encoding, headers,
/// delivery mode, priority, correlation id, reply to, expiration, message id, timestamp, type, user id, app id,
/// cluster id. The last two bits have no meaning.
const FORMS: [Form; 14] = [
    Form::Text,
    Form::Text,
    Form::Table,
    Form::Bytes(1),
    Form::Bytes(1),
    Form::Text,
    Form::Text,
    Form::Text,
    Form::Text,
    Form::Bytes(8),
    Form::Text,
    Form::Text,
    Form::Text,
    Form::Text,
];

/// Reads the flags and properties of a content header. Whatever they are, what comes out can be read by the library.
pub fn properties(bytes: &[u8]) -> Properties {
    let mut input = Cursor::new(bytes);
    let mut rewriting = Rewriting::default();
    let mut out = vec![0; 2];
    let mut present = 0_u16;
    match input.array().map(u16::from_be_bytes) {
        Ok(flags) => {
            for (place, form) in FORMS.into_iter().enumerate() {
                let bit = 1 << (15 - place);
                if flags & bit == 0 {
                    continue;
                }
                let before = out.len();
                if property(form, &mut input, &mut rewriting, &mut out).is_err() {
                    out.truncate(before);
                    rewriting.lose("a property is cut short");
                    break;
                }
                present |= bit;
            }
        }
        Err(Short) => rewriting.lose("there are no property flags"),
    }
    if rewriting.lost.is_none() && !input.is_empty() {
        rewriting.lose("bytes are left over after the properties");
    }
    if !rewriting.changed {
        return Properties::Fine;
    }
    out[..2].copy_from_slice(&present.to_be_bytes());
    Properties::Repaired {
        bytes: out,
        lost: rewriting.lost,
    }
}

fn property(
    form: Form,
    input: &mut Cursor<'_>,
    rewriting: &mut Rewriting,
    out: &mut Vec<u8>,
) -> Result<(), Short> {
    match form {
        Form::Text => rewriting.changed |= write_short(input.short()?, out),
        Form::Table => rewriting.table(input.long()?, 0, out),
        Form::Bytes(size) => out.extend_from_slice(input.take(size)?),
    }
    Ok(())
}
