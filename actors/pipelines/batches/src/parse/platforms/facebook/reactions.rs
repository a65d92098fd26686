//! Reactions by kind: `{"like": 8, "love": 2}`, with a `total` or without, or `[{"type": "Like", "num": 8}]`.
//! Their total is the like count; the kinds have no columns and stay in `extra` as sent.

use crate::parse::{
    fields::{self, Fields},
    reader::{Read, Reader, Scalar},
    record::Record,
    spelling::Spelling,
    tally::CleanKind,
};

const KINDS: [&str; 7] = ["like", "love", "haha", "wow", "sad", "angry", "care"];

/// The total of the first reactions that are there: as sent, or else the sum of the kinds.
pub(super) fn total(record: &Record<'_>, spellings: &[Spelling], reader: &mut Reader<'_>) -> Option<i64> {
    let json = spellings
        .iter()
        .filter_map(|spelling| record.json(*spelling))
        .find(|json| Scalar::of(json) != Scalar::Null)?;
    let counts = match Scalar::of(json) {
        Scalar::Object => of_object(json, reader),
        Scalar::Array => of_array(json, reader),
        _ => Err(CleanKind::CountUnreadable),
    };
    let sum = counts.and_then(|counts| sum(&counts).ok_or(CleanKind::CountUnreadable));
    sum.unwrap_or_else(|kind| {
        reader.tally.add(kind);
        None
    })
}

/// None of no counts; an error where the sum has more than 64 bits.
fn sum(counts: &[i64]) -> Option<Option<i64>> {
    if counts.is_empty() {
        return Some(None);
    }
    let sum = counts
        .iter()
        .try_fold(0_i64, |sum, count| sum.checked_add(*count));
    sum.map(Some)
}

fn of_object(json: &str, reader: &mut Reader<'_>) -> Result<Vec<i64>, CleanKind> {
    let kinds = Fields::read(json).map_err(|_| CleanKind::FieldsOverCap)?;
    let total = kinds.json("total").map(|json| reader.count(json));
    if let Some(Read::Value(total)) = total {
        return Ok(vec![total]);
    }
    let mut counts = Vec::with_capacity(KINDS.len());
    for json in KINDS.iter().filter_map(|kind| kinds.json(kind)) {
        counts.extend(count(json, reader)?);
    }
    Ok(counts)
}

fn of_array(json: &str, reader: &mut Reader<'_>) -> Result<Vec<i64>, CleanKind> {
    let mut counts = Vec::new();
    let mut trouble = None;
    let walked = fields::for_each(json, |element| {
        match of_kind(element, reader) {
            Ok(count) => counts.extend(count),
            Err(kind) => trouble = Some(kind),
        }
        Ok(())
    });
    match (walked, trouble) {
        (Ok(()), None) => Ok(counts),
        (Ok(()), Some(kind)) => Err(kind),
        (Err(_), _) => Err(CleanKind::CountUnreadable),
    }
}

/// The count of one kind; none of what is no kind that we know.
fn of_kind(json: &str, reader: &mut Reader<'_>) -> Result<Option<i64>, CleanKind> {
    if Scalar::of(json) != Scalar::Object {
        return Ok(None);
    }
    let fields = Fields::read(json).map_err(|_| CleanKind::FieldsOverCap)?;
    let is_known = |json: &str| match Scalar::of(json) {
        Scalar::Text(name) => KINDS.iter().any(|kind| name.trim().eq_ignore_ascii_case(kind)),
        _ => false,
    };
    match (fields.json("type"), fields.json("num")) {
        (Some(kind), Some(number)) if is_known(kind) => count(number, reader),
        _ => Ok(None),
    }
}

/// A sum without a count that cannot be read would be a number that was not sent.
fn count(json: &str, reader: &mut Reader<'_>) -> Result<Option<i64>, CleanKind> {
    match reader.count(json) {
        Read::Unreadable(kind) => Err(kind),
        read => Ok(read.value()),
    }
}
