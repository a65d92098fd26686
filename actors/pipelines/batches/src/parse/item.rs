//! One item: a post, a crawl error, or a refusal that says why.

use super::{
    clean::excerpt,
    comment, crawl_error, platforms, post,
    reader::{MAX_KEY_BYTES, Read, Reader},
    record::{Record, Refusal},
    settings::ParserSettings,
    shape::{FetchStatus, Shape, Spellings},
    tally::CleanKind,
    tape::Value,
};
use crate::domain::{Author, Comment, CrawlError, CrawlEvent, Platform, Post, Reason};

/// What an item turned out to be.
#[derive(Debug, PartialEq)]
pub(super) enum Item {
    /// The crawler fetched it.
    Post(Box<Post>, Option<Box<Author>>),
    /// The crawler could not fetch it.
    Error(Box<CrawlError>),
}

/// Reads an item whose escapes are clean. Its comments go to those of the batch, also where the item is refused in the end.
pub(super) fn read(
    item: Value<'_>,
    event: &CrawlEvent,
    settings: &ParserSettings,
    reader: &mut Reader<'_>,
    comments: &mut Vec<Comment>,
) -> Result<Item, Refusal> {
    let (mut record, shape) = Record::item(item, platforms::dialect(&event.platform), reader)?;
    let status = (shape.status)(&mut record);
    let id = id(&mut record, shape, status.as_ref().ok(), reader)?;
    let status = status?;
    for spelling in shape.platform {
        record.drop_if(*spelling, |name| Platform::new(name) == event.platform);
    }
    for spelling in shape.job_id {
        record.drop_if(*spelling, |job| job == event.job_id);
    }
    if status == FetchStatus::Error {
        let error = crawl_error::read(&mut record, shape, id, event, &settings.error_policy, reader)?;
        return Ok(Item::Error(Box::new(error)));
    }
    let crawled_at = record
        .pick(shape.crawled_at, reader, Reader::time)
        .unwrap_or(event.event_at);
    let thread = comment::Thread {
        shape: &shape.comment,
        platform: &event.platform,
        post_id: id.as_str().into(),
        crawled_at,
    };
    thread.read_all(&mut record, reader, comments);
    let (post, author) = post::read(&mut record, shape, id, status, crawled_at, event, reader)?;
    Ok(Item::Post(Box::new(post), author.map(Box::new)))
}

fn id(
    record: &mut Record<'_>,
    shape: &Shape,
    status: Option<&FetchStatus>,
    reader: &mut Reader<'_>,
) -> Result<String, Refusal> {
    let of_errors: Spellings = match status {
        Some(FetchStatus::Error) => shape.error_id,
        _ => &[],
    };
    let missing = |detail: String| Refusal::new(Reason::MissingId, detail);
    let mut absent = None;
    for spelling in shape.id.iter().chain(of_errors) {
        let name = || record.path(*spelling);
        let Some(json) = record.json(*spelling) else {
            absent.get_or_insert_with(|| missing(format!("no {}", name())));
            continue;
        };
        match reader.key(json) {
            Read::Value(id) | Read::Partly(id, _) => {
                record.take(*spelling);
                return Ok(id);
            }
            Read::Absent => {
                absent.get_or_insert_with(|| missing(format!("{} is {}", name(), excerpt(json))));
            }
            Read::Unreadable(kind @ CleanKind::KeyTooLong) => {
                let (name, bytes) = (name(), json.len());
                reader.tally.add(kind);
                let detail = format!("{name} has {bytes} bytes, at most {MAX_KEY_BYTES} can be a key");
                return Err(Refusal::new(Reason::MalformedItem, detail));
            }
            Read::Unreadable(_) => {
                return Err(missing(format!("{} is no text: {}", name(), excerpt(json))));
            }
        }
    }
    Err(absent.unwrap_or_else(|| missing("no id".to_owned())))
}
