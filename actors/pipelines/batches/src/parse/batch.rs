//! One object's bytes to rows: the pure middle of the stage.

use super::{
    borders, clean, decompress, depth, envelope, fix,
    found::{Flaw, Found},
    item::{self, Item},
    platforms,
    reader::Reader,
    record::Refusal,
    scan::Marks,
    settings::{ParserLimits, ParserSettings},
    tally::{CleanKind, Tally},
    tape::{Elements, Tape, Value},
    weight,
};
use crate::domain::{Comment, CrawlEvent, Items, Reason, RejectedItem};
use millrace_engine::Fault;
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
/// `too_many_items`. An item that cannot be read is a row of its own, not an error, as long as its
/// borders can be found.
pub fn parse_body(
    body: &[u8],
    claims_zstd: bool,
    event: &CrawlEvent,
    settings: &ParserSettings,
) -> Result<Parsed, Fault> {
    let json = decompress::unpack(body, claims_zstd, settings.limits.max_decompressed_bytes)?;
    parse_json(&json, event, settings)
}

/// The same step by step, from which the one pass that is taken first must not differ: for tests of that.
///
/// # Errors
/// The same.
pub fn parse_body_step_by_step(
    body: &[u8],
    claims_zstd: bool,
    event: &CrawlEvent,
    settings: &ParserSettings,
) -> Result<Parsed, Fault> {
    let json = decompress::unpack(body, claims_zstd, settings.limits.max_decompressed_bytes)?;
    parse_text(&json, event, settings, |_, _, _, _| None)
}

/// Reads an object's JSON.
pub(super) fn parse_json(
    body: &[u8],
    event: &CrawlEvent,
    settings: &ParserSettings,
) -> Result<Parsed, Fault> {
    parse_text(body, event, settings, in_one_pass)
}

/// Reads the items of a text, as long as nothing is unusual about it.
type Quick = fn(&str, &CrawlEvent, &ParserSettings, &mut Tally) -> Option<Items>;

fn parse_text(
    body: &[u8],
    event: &CrawlEvent,
    settings: &ParserSettings,
    quick: Quick,
) -> Result<Parsed, Fault> {
    let mut tally = Tally::default();
    let text = trimmed(body, &mut tally);
    let Some(json) = clean::utf8(text, settings.limits.max_decompressed_bytes, &mut tally) else {
        return Err(Fault::poison(Reason::MalformedJson, "mostly not UTF-8"));
    };
    let items = match quick(&json, event, settings, &mut tally) {
        Some(items) => items,
        None => step_by_step(&json, event, settings, &mut tally)?,
    };
    Ok(Parsed {
        items,
        json_bytes: body.len(),
        cleaned: tally,
    })
}

/// Reads an array of items, each of them in one pass. None where anything is wrong with the text as a whole, as
/// if it had not been tried.
fn in_one_pass(
    json: &str,
    event: &CrawlEvent,
    settings: &ParserSettings,
    tally: &mut Tally,
) -> Option<Items> {
    let mut items = Elements::of(json, settings.limits.max_depth)?;
    let mut batch = Batch::new(json, settings, *tally);
    let (mut tape, mut cleaned) = (Tape::default(), Tape::default());
    let mut item_index = 0;
    while let Some(item) = items.next(&mut tape)? {
        if item_index == settings.limits.max_items {
            return None;
        }
        batch.take(item_index, item.json, |reader, comments| {
            let text = match item.is_unclean {
                true => clean::escapes(item.json, &mut reader.tally),
                false => item.json.into(),
            };
            let value = match &text {
                Cow::Borrowed(_) => item.value(&tape, json),
                Cow::Owned(text) => cleaned.value_of(text, settings.limits.max_depth),
            };
            item::read(value, event, settings, reader, comments)
        });
        item_index += 1;
    }
    Some(batch.finish(tally))
}

/// Reads the items of any text, and finds out what is wrong with it.
fn step_by_step(
    json: &str,
    event: &CrawlEvent,
    settings: &ParserSettings,
    tally: &mut Tally,
) -> Result<Items, Fault> {
    let clean_keys = with_clean_keys(json, tally);
    let marks = platforms::dialect(&event.platform).marks;
    let found = found(json, &clean_keys, marks, &settings.limits, tally)?;
    let mut batch = Batch::new(json, settings, *tally);
    batch.items.posts.reserve_exact(found.len());
    for (item_index, found) in found.into_iter().enumerate() {
        batch.take(item_index, found.raw, |reader, comments| {
            read(&found, event, settings, reader, comments)
        });
    }
    Ok(batch.finish(tally))
}

/// The rows that were read so far.
struct Batch<'s> {
    reader: Reader<'s>,
    items: Items,
}

// === impl Batch ===

impl<'s> Batch<'s> {
    fn new(json: &str, settings: &'s ParserSettings, tally: Tally) -> Self {
        let limits = &settings.limits;
        // Lists that double as they grow are there three times for a moment. Most rows are comments.
        let most = weight::objects(json).min(limits.max_comments);
        Self {
            reader: Reader {
                limits,
                tally,
                comments_left: limits.max_comments,
            },
            items: Items {
                comments: Vec::with_capacity(most),
                ..Items::default()
            },
        }
    }

    fn finish(mut self, tally: &mut Tally) -> Items {
        *tally = self.reader.tally;
        self.items.shrink();
        self.items
    }

    /// Reads one item into the rows of the batch.
    fn take(
        &mut self,
        item_index: usize,
        raw: &str,
        read: impl FnOnce(&mut Reader<'s>, &mut Vec<Comment>) -> Result<Item, Refusal>,
    ) {
        let Self { reader, items } = self;
        let comments_before = items.comments.len();
        let over_before = reader.tally.count(CleanKind::CommentsOverCap);
        match read(reader, &mut items.comments) {
            Ok(Item::Post(post, author)) => {
                let over = reader.tally.count(CleanKind::CommentsOverCap) - over_before;
                if over > 0 {
                    let stored = items.comments.len() - comments_before;
                    let max = reader.limits.max_comments;
                    items
                        .curtailed
                        .push(curtailed(item_index, &post.id, over, stored, max));
                }
                items.posts.push(*post);
                items.authors.extend(author.map(|author| *author));
            }
            Ok(Item::Error(error)) => items.errors.push(*error),
            Err(refusal) => {
                // They are in its raw text.
                reader.comments_left += items.comments.len() - comments_before;
                items.comments.truncate(comments_before);
                items.rejected.push(RejectedItem {
                    item_index,
                    reason: refusal.reason,
                    detail: refusal.detail,
                    raw: fix::without_nul(raw),
                });
            }
        }
    }
}

/// What is said of a post of which some comments are no rows. They are in its `extra`, so not in here as well:
/// here is what finds it.
fn curtailed(
    item_index: usize,
    post_id: &str,
    over: u64,
    stored: usize,
    max_comments: usize,
) -> RejectedItem {
    RejectedItem {
        item_index,
        reason: Reason::TooManyComments,
        detail: format!(
            "{over} comments are beyond the {max_comments} of a batch (MAX_COMMENTS_PER_BATCH): they are no rows \
             and stay in `extra` of this item's post, under `comments`; {stored} comments of this item are rows"
        ),
        raw: serde_json::json!({"meta": {"id": post_id}}).to_string(),
    }
}

/// The body without what some writers put around it.
fn trimmed<'b>(body: &'b [u8], tally: &mut Tally) -> &'b [u8] {
    let padded = decompress::without_bom(body);
    let text = decompress::without_padding(padded);
    tally.add_many(CleanKind::BomSkipped, u64::from(padded.len() < body.len()));
    tally.add_many(CleanKind::PaddingSkipped, u64::from(text.len() < padded.len()));
    text
}

/// The items: quickly where the whole body is JSON, else by their borders, so that one with a slip of
/// syntax, or one that nests too deep, costs itself alone.
fn found<'a>(
    json: &'a str,
    clean_keys: &'a str,
    marks: Marks,
    limits: &ParserLimits,
    tally: &mut Tally,
) -> Result<Vec<Found<'a>>, Fault> {
    if !depth::exceeds(clean_keys, limits.max_depth) {
        match envelope::items(clean_keys, marks, limits.max_items) {
            Ok(items) => return Ok(items.into_iter().map(Found::whole).collect()),
            Err(fault) if fault.kind() == Reason::TooManyItems.code() => return Err(fault),
            Err(_) => {}
        }
    }
    borders::items(json, marks, limits, tally)
}

fn read(
    found: &Found<'_>,
    event: &CrawlEvent,
    settings: &ParserSettings,
    reader: &mut Reader<'_>,
    comments: &mut Vec<Comment>,
) -> Result<Item, Refusal> {
    match &found.flaw {
        Flaw::None => {
            let clean = clean::escapes(found.raw, &mut reader.tally);
            item::read(Value::from(&*clean), event, settings, reader, comments)
        }
        Flaw::Mendable => {
            let fixed = fix::fix(found.raw, &mut reader.tally);
            let clean = clean::escapes(&fixed, &mut reader.tally);
            item::read(Value::from(&*clean), event, settings, reader, comments)
        }
        Flaw::Fatal(reason, detail) => Err(Refusal::new(*reason, detail)),
    }
}

/// Half a surrogate pair in a key would end the search for the items of an object. In an array they
/// are found without reading keys, and each is cleaned by itself, so that a rejected one keeps its escapes.
fn with_clean_keys<'a>(json: &'a str, tally: &mut Tally) -> Cow<'a, str> {
    match json.trim_ascii_start().starts_with('{') {
        true => clean::escapes(json, tally),
        false => json.into(),
    }
}
