//! Text as AMQP writes it. Bytes that are no UTF-8 become U+FFFD.

use std::borrow::Cow;

/// Most bytes of a short text: their number is one byte.
const SHORT: usize = u8::MAX as usize;

/// Writes a short text; true when it had to be changed.
pub(super) fn write_short(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let text = String::from_utf8_lossy(bytes);
    // What replaces a byte takes three.
    let text_cut = &text[..text.floor_char_boundary(SHORT)];
    out.push(u8::try_from(text_cut.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(text_cut.as_bytes());
    matches!(text, Cow::Owned(_))
}

/// Writes a long text; true when it had to be changed.
pub(super) fn write_long(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let start = begin_long(out);
    out.extend_from_slice(text.as_bytes());
    end_long(out, start);
    matches!(text, Cow::Owned(_))
}

/// Leaves room for the size of what is written next; gives its place to [`end_long`].
pub(super) fn begin_long(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[0; 4]);
    out.len()
}

/// Writes the size of what was written since [`begin_long`].
pub(super) fn end_long(out: &mut [u8], start: usize) {
    let size = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start - 4..start) {
        place.copy_from_slice(&size.to_be_bytes());
    }
}
