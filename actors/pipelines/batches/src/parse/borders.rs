//! Finds the items of a body that is not JSON as it stands: where each begins and ends, and which of
//! them cannot be read.
//!
//! Slow beside [`super::envelope`], and only asked where that one refuses. An item ends where its
//! brackets do. Where they do not match (a quote or a bracket too many or too few), it ends before the
//! next object that is whole and has a field that only items have (`meta`), or before the end of the batch; what lies between is
//! rejected as one item, unchanged: to guess what was meant would be to invent data. A body that ends
//! in the middle of an item is cut: how many items are missing is unknown, so it is refused as one.

use super::{
    depth,
    found::{Flaw, Found},
    scan::{self, Marks, Scan, Slip, SlipKind, is_blank},
    settings::ParserLimits,
    tally::{CleanKind, Tally},
};
use crate::domain::Reason;
use millrace_engine::Fault;
use std::ops::Range;

/// Bytes that are read to find the borders of a small body with many slips.
const LEAST_EFFORT: u64 = 64 << 20;

/// How often the bytes of a large body are read at most: hostile ones must not cost minutes.
const EFFORT_PER_BYTE: u64 = 8;

/// What surrounds the items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// `[…]`
    Array,
    /// `{"items":[…]}`
    Wrapped,
    /// Objects one after another, each on lines of its own.
    Lines,
}

#[derive(Debug)]
pub(super) struct Borders<'a, 't> {
    pub(super) text: &'a str,
    marks: Marks,
    limits: &'t ParserLimits,
    tally: &'t mut Tally,
    found: Vec<Found<'a>>,
    /// Bytes read so far.
    pub(super) effort: u64,
}

/// The items of a body, in order.
///
/// # Errors
/// `malformed_json` where borders are lost, `too_deep` where they are lost in brackets, `too_many_items`.
pub(super) fn items<'a>(
    json: &'a str,
    marks: Marks,
    limits: &ParserLimits,
    tally: &mut Tally,
) -> Result<Vec<Found<'a>>, Fault> {
    let mut borders = Borders::new(json, marks, limits, tally);
    borders.find_all()?;
    Ok(borders.found)
}

// === impl Frame ===

impl Frame {
    /// Brackets around an item.
    fn depth(self) -> usize {
        match self {
            Self::Lines => 0,
            Self::Array => 1,
            Self::Wrapped => 2,
        }
    }
}

// === impl Borders ===

impl<'a, 't> Borders<'a, 't> {
    fn new(json: &'a str, marks: Marks, limits: &'t ParserLimits, tally: &'t mut Tally) -> Self {
        Self {
            text: json.trim_matches([' ', '\t', '\n', '\r']),
            marks,
            limits,
            tally,
            found: Vec::new(),
            effort: 0,
        }
    }

    fn find_all(&mut self) -> Result<(), Fault> {
        match self.bytes().first() {
            Some(b'[') => match self.array(0, Frame::Array)? {
                end if end < self.text.len() => Err(malformed("text after the end of the array")),
                _ => Ok(()),
            },
            Some(b'{') => self.object(),
            Some(_) => Err(malformed("neither an array nor an object")),
            None => Err(malformed("empty")),
        }
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// One item, `{"items":[…]}`, or several objects.
    fn object(&mut self) -> Result<(), Fault> {
        let first = self.scan(0, Frame::Lines, false)?;
        let next = first.end.map(|end| self.skip_commas(end));
        let another_follows = next.is_some_and(|next| self.bytes().get(next) == Some(&b'{'));
        // After a slip, where the object ends is a guess, and that it holds `items` is the better one.
        if another_follows && first.slip.is_none() {
            return self.lines();
        }
        if let Some(open) = self.items_array()? {
            let end = self.array(open, Frame::Wrapped)?;
            let is_cut = first.end.is_none() && first.slip.is_none();
            return match self.text[end..].ends_with('}') && !is_cut {
                true => Ok(()),
                false => Err(malformed("ends within the object around the items")),
            };
        }
        if another_follows || self.next_line(0).is_some() {
            return self.lines();
        }
        self.single(&first, next)
    }

    fn single(&mut self, first: &Scan, next: Option<usize>) -> Result<(), Fault> {
        let is_named = |key: &&str| self.text.contains(&format!("\"{key}\""));
        if !self.marks.iter().chain(&["content"]).any(is_named) {
            return Err(lost(first.slip, "an object without items, meta or content"));
        }
        let whole = 0..self.text.len();
        match (first.slip, next) {
            (slip, Some(next)) if next == self.text.len() => self.push(whole, slip),
            (Some(slip), _) if self.text.ends_with('}') => self.push(whole, Some(slip)),
            // A bracket too many in its middle.
            (None, Some(next)) if self.text.ends_with('}') => self.push(whole, Some(after(next))),
            (_, Some(_)) => Err(malformed("text after the item")),
            (slip, None) => Err(lost(slip, "ends within the item")),
        }
    }

    /// The items of the array that opens at `open`; returns where it ends.
    fn array(&mut self, open: usize, frame: Frame) -> Result<usize, Fault> {
        let mut at = open + 1;
        let mut wants_comma = false;
        loop {
            at = self.skip_blank(at);
            match self.bytes().get(at) {
                None => return Err(malformed("ends within the array of items")),
                Some(b']') => {
                    self.count_comma(!wants_comma && !self.found.is_empty());
                    return Ok(at + 1);
                }
                Some(b',') => {
                    self.count_comma(!wants_comma);
                    wants_comma = false;
                    at += 1;
                }
                Some(_) => {
                    self.count_comma(wants_comma);
                    at = self.item(at, frame)?;
                    wants_comma = true;
                }
            }
        }
    }

    fn lines(&mut self) -> Result<(), Fault> {
        let mut at = 0;
        while at < self.text.len() {
            at = self.item(at, Frame::Lines)?;
            at = self.skip_commas(at);
        }
        Ok(())
    }

    /// Takes the item that starts at `start`; returns where it ends.
    fn item(&mut self, start: usize, frame: Frame) -> Result<usize, Fault> {
        let scan = match frame {
            Frame::Lines => self.scan_lines(start)?,
            Frame::Array | Frame::Wrapped => self.scan(start, frame, false)?,
        };
        let is_broken_object = scan.slip.is_some() && self.bytes()[start] == b'{';
        let end = match scan.end.filter(|end| self.is_border(*end, frame)) {
            Some(end) if is_broken_object && !self.is_sure_border(end, frame)? => None,
            end => end,
        };
        let slip = match (scan.slip, end, scan.end) {
            (None, Some(end), _) => {
                self.push(start..end, None)?;
                return Ok(end);
            }
            (None, None, None) => return Err(malformed("ends within an item")),
            (None, None, Some(end)) => after(end),
            (Some(slip), ..) => slip,
        };
        // After a quote too many or too few, brackets may close behind the next item, or not at all.
        let until = end.unwrap_or(self.text.len());
        let end = match self.next_item(slip.resume.max(start + 1)..until, frame)? {
            Some(next) => next,
            None => end
                .or_else(|| self.last_end(start, slip, frame))
                .ok_or_else(|| lost(Some(slip), "ends within an item"))?,
        };
        let raw = self.text[start..end].trim_end_matches([' ', '\t', '\n', '\r', ',']);
        let end = start + raw.len().max(1);
        self.push(start..end, Some(slip))?;
        // A comma that was cut off belongs between this item and the next.
        Ok(end)
    }

    /// Where the array of `items` opens, or of `payload` (legacy). Slips in other fields do not matter.
    fn items_array(&mut self) -> Result<Option<usize>, Fault> {
        let mut payload = None;
        let mut at = 1;
        loop {
            at = self.skip_commas(at);
            let key_start = at;
            match self.bytes().get(at) {
                Some(b'"') => at = depth::end_of_string(self.bytes(), at) + 1,
                Some(b'}') | None => return Ok(payload),
                Some(_) => {
                    // No field begins here; the next one may.
                    let Some(comma) = self.find(b',', at) else {
                        return Ok(payload);
                    };
                    at = comma;
                    continue;
                }
            }
            let key = self.text.get(key_start..at).unwrap_or_default();
            at = self.skip_blank(at);
            if self.bytes().get(at) != Some(&b':') {
                continue;
            }
            at = self.skip_blank(at + 1);
            if self.bytes().get(at) == Some(&b'[') {
                match key {
                    "\"items\"" => return Ok(Some(at)),
                    "\"payload\"" => payload = Some(at),
                    _ => {}
                }
            }
            match self.scan(at, Frame::Array, false)?.end {
                Some(end) => at = end,
                None => return Ok(payload),
            }
        }
    }

    /// Scans an object on lines of its own. With a slip it ends before the next line that begins with an object,
    /// so what is behind that need not be read: from each of many that never end it would be all the rest.
    fn scan_lines(&mut self, start: usize) -> Result<Scan, Fault> {
        let first = self.scan(start, Frame::Lines, true)?;
        let Some(slip) = first.slip else {
            return Ok(first);
        };
        let until = self
            .next_line(slip.resume.max(start + 1))
            .unwrap_or(self.text.len());
        let scan = self.scan_until(start, until, Frame::Lines, false)?;
        // The slip may lie behind the line that is next.
        Ok(Scan {
            slip: first.slip,
            ..scan
        })
    }

    pub(super) fn scan(&mut self, start: usize, frame: Frame, strictly: bool) -> Result<Scan, Fault> {
        self.scan_until(start, self.text.len(), frame, strictly)
    }

    fn scan_until(
        &mut self,
        start: usize,
        until: usize,
        frame: Frame,
        strictly: bool,
    ) -> Result<Scan, Fault> {
        let max_depth = self.limits.max_depth.saturating_sub(frame.depth());
        let scan = scan::value(&self.bytes()[..until], start, self.marks, max_depth, strictly);
        self.effort += (scan.read_to - start) as u64;
        if self.effort > self.most_effort() {
            return Err(lost(
                scan.slip,
                "has too many slips to find its items in bounded time",
            ));
        }
        Ok(scan)
    }

    pub(super) fn most_effort(&self) -> u64 {
        LEAST_EFFORT + EFFORT_PER_BYTE * self.text.len() as u64
    }

    fn push(&mut self, range: Range<usize>, slip: Option<Slip>) -> Result<(), Fault> {
        if self.found.len() == self.limits.max_items {
            let detail = format!("more than {} items", self.limits.max_items);
            return Err(Fault::poison(Reason::TooManyItems, detail));
        }
        let flaw = Flaw::of(slip, range.start, self.limits.max_depth);
        self.found.push(Found {
            raw: &self.text[range],
            flaw,
        });
        Ok(())
    }

    fn count_comma(&mut self, is_slip: bool) {
        if is_slip {
            self.tally.add(CleanKind::CommaMisplaced);
        }
    }

    pub(super) fn find(&self, byte: u8, from: usize) -> Option<usize> {
        let rest = self.bytes().get(from..)?;
        Some(from + rest.iter().position(|other| *other == byte)?)
    }

    pub(super) fn skip_blank(&self, from: usize) -> usize {
        self.skip(from, is_blank)
    }

    pub(super) fn skip_commas(&self, from: usize) -> usize {
        self.skip(from, |byte| is_blank(byte) || byte == b',')
    }

    fn skip(&self, from: usize, is_skipped: impl Fn(u8) -> bool) -> usize {
        let rest = self.bytes().get(from..).unwrap_or_default();
        from + rest.iter().take_while(|byte| is_skipped(**byte)).count()
    }
}

/// What is wrong where an item seems to end, but nothing follows that may.
fn after(end: usize) -> Slip {
    Slip {
        at: end,
        kind: SlipKind::Syntax("a comma or the end after the item"),
        resume: end,
    }
}

fn malformed(detail: impl Into<String>) -> Fault {
    Fault::poison(Reason::MalformedJson, detail.into())
}

/// Where an item ends cannot be told.
fn lost(slip: Option<Slip>, detail: &str) -> Fault {
    match slip {
        Some(Slip {
            at,
            kind: SlipKind::TooDeep,
            ..
        }) => Fault::poison(
            Reason::TooDeep,
            format!("nests too deep at byte {at}, and {detail}"),
        ),
        Some(Slip { at, kind, .. }) => malformed(format!(
            "expected {} at byte {at}; the body {detail}",
            kind.expected()
        )),
        None => malformed(detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_never_end_are_not_read_over_and_over_again() {
        let limits = ParserLimits {
            max_items: usize::MAX,
            ..ParserLimits::default()
        };
        for line in ["\n{", "\n{\"meta\":", "\n{\"a\":[1,", "\n{\"meta\":{},\"a\":01,"] {
            let body = format!("{{\"meta\":1{}", line.repeat(20_000));
            let mut tally = Tally::default();
            let mut borders = Borders::new(&body, &["meta"], &limits, &mut tally);
            let _ = borders.find_all();
            let times = borders.effort / body.len() as u64;
            assert!(times <= 8, "{line:?}: each byte was read {times} times");
        }
    }
}
