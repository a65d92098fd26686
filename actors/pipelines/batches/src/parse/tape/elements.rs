//! The elements of an array.

use super::{Extent, Tape, bytes::skip_blank};

/// The elements of an array, each read over as it is asked for.
#[derive(Debug)]
pub(in crate::parse) struct Elements<'a> {
    text: &'a str,
    at: usize,
    is_first: bool,
    max_depth: usize,
}

// === impl Elements ===

impl<'a> Elements<'a> {
    /// The elements of the array that a text is; none where it is no array. `max_depth` counts the array too.
    pub(in crate::parse) fn of(text: &'a str, max_depth: usize) -> Option<Self> {
        let open = skip_blank(text.as_bytes(), 0);
        let is_array = text.as_bytes().get(open) == Some(&b'[');
        let max_depth = max_depth.checked_sub(1)?;
        is_array.then_some(Self {
            text,
            at: open + 1,
            is_first: true,
            max_depth,
        })
    }

    /// Reads over the next element, or to the end behind the last. None where the text is not JSON.
    pub(in crate::parse) fn next(&mut self, tape: &mut Tape) -> Option<Option<Extent<'a>>> {
        let bytes = self.text.as_bytes();
        let at = skip_blank(bytes, self.at);
        let start = match (*bytes.get(at)?, self.is_first) {
            (b']', _) => return (skip_blank(bytes, at + 1) == bytes.len()).then_some(None),
            (_, true) => at,
            (b',', false) => skip_blank(bytes, at + 1),
            _ => return None,
        };
        let element = tape.read(self.text, start, self.max_depth)?;
        self.is_first = false;
        self.at = start + element.json.len();
        Some(Some(element))
    }
}
