//! Attachments: the first one is the post's medium, where no common name says so. All stay in `extra` as sent.

use crate::domain::Post;
use crate::parse::{
    fields::{self, Fields},
    reader::{Reader, Scalar},
    record::Record,
    spelling::Spelling,
    tally::CleanKind,
};

/// Fills the columns of the medium that are still empty.
pub(super) fn fill(record: &Record<'_>, spellings: &[Spelling], reader: &mut Reader<'_>, post: &mut Post) {
    let mut sent = spellings.iter().filter_map(|spelling| record.json(*spelling));
    let Some(json) = sent.find(|json| Scalar::of(json) != Scalar::Null) else {
        return;
    };
    let first = match Scalar::of(json) {
        Scalar::Object => Some(&**json),
        Scalar::Array => first(json),
        _ => None,
    };
    let Some(first) = first else { return };
    let Ok(fields) = Fields::read(first) else {
        reader.tally.add(CleanKind::FieldsOverCap);
        return;
    };
    if post.media_type.is_none() {
        post.media_type = text(&fields, "type", reader).map(|kind| kind.to_lowercase());
    }
    if post.media_path.is_none() {
        post.media_path = text(&fields, "media_path", reader);
    }
    if post.media_duration.is_none() {
        post.media_duration = seconds(&fields, reader);
    }
}

/// The first element that is an object.
fn first(array: &str) -> Option<&str> {
    let mut first = None;
    // The walk ends at the first; that it ended so is no trouble.
    let _ = fields::for_each(array, |element| match Scalar::of(element) {
        Scalar::Object => {
            first = Some(element);
            Err("found")
        }
        _ => Ok(()),
    });
    first
}

fn text(fields: &Fields<'_>, key: &str, reader: &mut Reader<'_>) -> Option<String> {
    reader.text(fields.json(key)?).value()
}

/// `duration_seconds`, or `video_length` in milliseconds, which data sets send as 0 for pictures.
fn seconds(fields: &Fields<'_>, reader: &mut Reader<'_>) -> Option<f64> {
    let mut of = |key: &str| reader.seconds(fields.json(key)?).value();
    let milliseconds = |length: f64| (length > 0.0).then_some(length / 1_000.0);
    of("duration_seconds").or_else(|| of("video_length").and_then(milliseconds))
}
