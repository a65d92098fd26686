//! The broker's methods that hold text, rewritten so that the client library can read them.

use super::{
    cursor::{Cursor, Short},
    table::Rewriting,
    text::{write_long, write_short},
};

/// How an argument is written.
#[derive(Clone, Copy)]
enum Form {
    Short,
    Long,
    Table,
    Bytes(usize),
}

/// A delivery: the message whose content follows.
const DELIVER: (u16, u16) = (60, 60);

/// The arguments of those methods with text that a broker sends. All others are passed on unread.
fn arguments(method: (u16, u16)) -> Option<&'static [Form]> {
    use Form::{Bytes, Long, Short, Table};
    Some(match method {
        (10, 10) => &[Bytes(2), Table, Long, Long], // connection.start
        (10, 50) | (20, 40) => &[Bytes(2), Short, Bytes(4)], // close of connection or channel
        (10, 41 | 60) => &[Short],                  // connection.open-ok, blocked
        (50, 11) => &[Short, Bytes(8)],             // queue.declare-ok
        (60, 21 | 31) => &[Short],                  // basic.consume-ok, cancel-ok
        (60, 30) => &[Short, Bytes(1)],             // basic.cancel
        (60, 50) => &[Bytes(2), Short, Short, Short], // basic.return
        DELIVER => &[Short, Bytes(9), Short, Short],
        _ => return None,
    })
}

/// The payload of a method frame with its text repaired; none where the library can read it as it is.
pub(super) fn repaired(payload: &[u8]) -> Option<Vec<u8>> {
    let mut input = Cursor::new(payload);
    let mut out = input.take(4).ok()?.to_vec();
    let mut rewriting = Rewriting::default();
    for form in arguments(name(payload)?)? {
        match form {
            Form::Short => rewriting.changed |= write_short(input.short().ok()?, &mut out),
            Form::Long => rewriting.changed |= write_long(input.long().ok()?, &mut out),
            Form::Table => rewriting.table(input.long().ok()?, 0, &mut out),
            Form::Bytes(size) => out.extend_from_slice(input.take(*size).ok()?),
        }
    }
    rewriting.changed.then_some(out)
}

/// The tag of a delivery, where it is one.
pub(super) fn delivery_tag(payload: &[u8]) -> Option<u64> {
    let tag = |mut input: Cursor<'_>| -> Result<u64, Short> {
        input.take(4)?;
        input.short()?;
        input.array().map(u64::from_be_bytes)
    };
    let delivers = name(payload)? == DELIVER;
    delivers.then(|| tag(Cursor::new(payload)).ok())?
}

fn name(payload: &[u8]) -> Option<(u16, u16)> {
    let [a, b, c, d] = *payload.first_chunk()?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}
