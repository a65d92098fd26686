//! Where an item ends that has a slip: found again by what certainly begins or ends.

use super::{
    borders::{Borders, Frame},
    depth,
    scan::{Slip, SlipKind, is_blank},
};
use millrace_engine::Fault;
use std::ops::Range;

/// How many closing brackets from the end are tried as the end of the items.
const ENDS_TRIED: usize = 64;

// === impl Borders ===

impl Borders<'_, '_> {
    /// Whether an item may end here, by what follows.
    pub(super) fn is_border(&self, end: usize, frame: Frame) -> bool {
        let next = self.skip_blank(end);
        match (self.bytes().get(next), frame) {
            (None, Frame::Lines) | (Some(b'{'), _) => true,
            (Some(_), Frame::Lines) if self.text[end..next].contains('\n') => true,
            (Some(b']'), Frame::Array | Frame::Wrapped) => true,
            // A bracket too many closes an item too early: then its next field follows.
            (Some(b','), _) => !self.is_key(self.skip_commas(next)),
            _ => false,
        }
    }

    /// Whether an object may end here whose quotes or brackets need not match: text may have closed it
    /// somewhere in its middle. So the batch must end here, or a whole item follow.
    pub(super) fn is_sure_border(&mut self, end: usize, frame: Frame) -> Result<bool, Fault> {
        let next = self.skip_commas(end);
        match (self.bytes().get(next), frame) {
            (None, _) | (_, Frame::Lines) => Ok(true),
            (Some(b']'), Frame::Array) => Ok(next + 1 == self.text.len()),
            (Some(b']'), Frame::Wrapped) => Ok(self.end_of_wrapped() == Some(next)),
            _ => {
                let item = self.scan(next, frame, false)?;
                Ok(item.is_marked && item.end.is_some())
            }
        }
    }

    fn is_key(&self, at: usize) -> bool {
        if self.bytes().get(at) != Some(&b'"') {
            return false;
        }
        let end = depth::end_of_string(self.bytes(), at);
        self.bytes().get(self.skip_blank(end + 1)) == Some(&b':')
    }

    /// The next place at which an item begins for sure.
    pub(super) fn next_item(&mut self, within: Range<usize>, frame: Frame) -> Result<Option<usize>, Fault> {
        if frame == Frame::Lines {
            return Ok(self.next_line(within.start).filter(|start| *start < within.end));
        }
        let bytes = self.bytes();
        let mut at = within.start;
        while let Some(start) = self.find(b'{', at).filter(|start| *start < within.end) {
            at = start + 1;
            let before = bytes[..start].iter().rposition(|byte| !is_blank(*byte));
            let follows_comma = before.is_some_and(|before| bytes[before] == b',');
            if !follows_comma || bytes.get(self.skip_blank(at)) != Some(&b'"') {
                continue;
            }
            let scan = self.scan(start, frame, true)?;
            if scan.is_marked && scan.end.is_some_and(|end| self.is_border(end, frame)) {
                return Ok(Some(start));
            }
        }
        Ok(None)
    }

    /// The next line that begins with an object. Objects inside others are indented, or on no line of their own.
    pub(super) fn next_line(&self, from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            at = self.find(b'\n', at)? + 1;
            if self.bytes().get(at) == Some(&b'{') {
                return Some(at);
            }
        }
    }

    /// Where the last item ends, if that cannot be told from the item: before the end of the frame.
    pub(super) fn last_end(&mut self, start: usize, slip: Slip, frame: Frame) -> Option<usize> {
        let end = match frame {
            Frame::Lines => Some(self.text.len()),
            Frame::Array => self.text.ends_with(']').then(|| self.text.len() - 1),
            Frame::Wrapped => self.end_of_wrapped(),
        };
        // A string that never ends is one quote too few, or the body is cut within it.
        let is_closed = |end: usize| self.text[..end].trim_ascii_end().ends_with('}');
        end.filter(|end| *end > start && (slip.kind != SlipKind::OpenString || is_closed(*end)))
    }

    /// The last bracket after which there are only whole fields and the end of the object.
    fn end_of_wrapped(&mut self) -> Option<usize> {
        let text = self.text;
        let ends = text.rmatch_indices(']').map(|(end, _)| end);
        ends.take(ENDS_TRIED).find(|end| {
            let rest = text[end + 1..].trim_ascii_start();
            rest == "}"
                || rest.strip_prefix(',').is_some_and(|fields| {
                    self.effort += fields.len() as u64;
                    self.effort < self.most_effort()
                        && serde_json::from_str::<serde::de::IgnoredAny>(&format!("{{{fields}")).is_ok()
                })
        })
    }
}
