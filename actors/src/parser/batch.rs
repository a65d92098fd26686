//! One object's bytes to rows: the pure middle of the room.

use super::{
    clean, comment, decompress, depth, envelope,
    item::{self, Item},
    reader::Reader,
    settings::ParserSettings,
    tally::Tally,
};
use crate::{
    domain::{CrawlEvent, Items, Reason, RejectedItem},
    supervision::Fault,
};
use std::borrow::Cow;

/// What an object held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// The items by table.
    pub items: Items,
    /// Bytes of JSON the items came from.
    pub json_bytes: usize,
    /// What had to be changed so that it could be stored.
    pub cleaned: Tally,
}

/// Reads an object's bytes, packed or not. Pure: the same bytes and event always give the same rows.
///
/// # Errors
/// Poison, always: `decompression_failed`, `decompressed_too_large`, `malformed_json`, `too_deep`,
/// `too_many_items`. An item that cannot be read is a row of its own, not an error.
pub fn parse_body(
    body: &[u8],
    claims_zstd: bool,
    event: &CrawlEvent,
    settings: &ParserSettings,
) -> Result<Parsed, Fault> {
    let json = decompress::unpack(body, claims_zstd, settings.limits.max_decompressed_bytes)?;
    parse_json(&json, event, settings)
}

/// Reads an object's JSON.
pub(super) fn parse_json(
    body: &[u8],
    event: &CrawlEvent,
    settings: &ParserSettings,
) -> Result<Parsed, Fault> {
    let limits = &settings.limits;
    let mut reader = Reader {
        limits,
        tally: Tally::default(),
        comments_left: comment::MAX_IN_BATCH,
    };
    let text = decompress::without_bom(body);
    let Some(json) = clean::utf8(text, limits.max_decompressed_bytes, &mut reader.tally) else {
        return Err(Fault::poison(Reason::MalformedJson, "mostly not UTF-8"));
    };
    if depth::exceeds(&json, limits.max_depth) {
        let detail = format!("nests deeper than {}", limits.max_depth);
        return Err(Fault::poison(Reason::TooDeep, detail));
    }
    let json = with_clean_keys(&json, &mut reader.tally);
    let mut items = Items::default();
    for (item_index, raw) in envelope::items(&json, limits.max_items)?.into_iter().enumerate() {
        let clean = clean::escapes(raw, &mut reader.tally);
        match item::read(&clean, event, settings, &mut reader) {
            Ok(Item::Post(post, author, comments)) => {
                items.posts.push(*post);
                items.authors.extend(author.map(|author| *author));
                items.comments.extend(comments);
            }
            Ok(Item::Error(error)) => items.errors.push(*error),
            Err(refusal) => items.rejected.push(RejectedItem {
                item_index,
                reason: refusal.reason,
                detail: refusal.detail,
                raw: raw.to_owned(),
            }),
        }
    }
    // Most rows are comments, and room for as many again may be held for the whole way to the database.
    items.comments.shrink_to_fit();
    Ok(Parsed {
        items,
        json_bytes: body.len(),
        cleaned: reader.tally,
    })
}

/// Half a surrogate pair in a key would end the search for the items of an object. In an array they
/// are found without reading keys, and each is cleaned by itself, so that a rejected one keeps its escapes.
fn with_clean_keys<'a>(json: &'a str, tally: &mut Tally) -> Cow<'a, str> {
    match json.trim_ascii_start().starts_with('{') {
        true => clean::escapes(json, tally),
        false => json.into(),
    }
}
