//! One item: a post, a crawl error, or a refusal that says why.

use super::{
    clean::excerpt,
    comment, crawl_error, post,
    reader::{MAX_KEY_BYTES, Read, Reader, Scalar},
    record::{Record, Refusal},
    settings::ParserSettings,
    spelling::{Place, meta},
    tally::CleanKind,
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

/// What the crawler says of its attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchStatus {
    Success,
    Error,
    /// Nothing: crawlers of old only sent what they had.
    Legacy,
}

/// Reads an item whose escapes are clean. Its comments go to those of the batch, also where the item is refused in the end.
pub(super) fn read(
    json: &str,
    event: &CrawlEvent,
    settings: &ParserSettings,
    reader: &mut Reader<'_>,
    comments: &mut Vec<Comment>,
) -> Result<Item, Refusal> {
    let mut record = Record::item(json, reader)?;
    let id = id(&mut record, reader)?;
    let status = fetch_status(&record)?;
    record.take(meta("fetch_status"));
    record.drop_if(meta("platform"), |name| Platform::new(name) == event.platform);
    record.drop_if(meta("job_id"), |job| job == event.job_id);
    if status == FetchStatus::Error {
        let error = crawl_error::read(&mut record, id, event, &settings.error_policy, reader)?;
        return Ok(Item::Error(Box::new(error)));
    }
    let crawled_at = record
        .pick(&[meta("crawled_at")], reader, Reader::time)
        .unwrap_or(event.event_at);
    comment::read_all(&mut record, &id, crawled_at, &event.platform, reader, comments);
    let (post, author) = post::read(&mut record, id, status, crawled_at, event, reader)?;
    Ok(Item::Post(Box::new(post), author.map(Box::new)))
}

fn id(record: &mut Record<'_>, reader: &mut Reader<'_>) -> Result<String, Refusal> {
    let spelling = meta("id");
    let missing = |detail: &str| Refusal::new(Reason::MissingId, detail);
    let Some(json) = record.json(spelling) else {
        return Err(missing("no meta.id"));
    };
    match reader.key(json) {
        Read::Value(id) | Read::Partly(id, _) => {
            record.take(spelling);
            Ok(id)
        }
        Read::Absent => Err(missing(&format!("meta.id is {}", excerpt(json)))),
        Read::Unreadable(kind @ CleanKind::KeyTooLong) => {
            let detail = format!(
                "meta.id has {} bytes, at most {MAX_KEY_BYTES} can be a key",
                json.len()
            );
            reader.tally.add(kind);
            Err(Refusal::new(Reason::MalformedItem, detail))
        }
        Read::Unreadable(_) => Err(missing(&format!("meta.id is no text: {}", excerpt(json)))),
    }
}

fn fetch_status(record: &Record<'_>) -> Result<FetchStatus, Refusal> {
    let unknown = |detail: String| Err(Refusal::new(Reason::UnknownFetchStatus, detail));
    let json = record.json(meta("fetch_status")).map_or("null", |json| json);
    match Scalar::of(json) {
        Scalar::Null if record.has(Place::Content) => Ok(FetchStatus::Legacy),
        Scalar::Null => unknown("no meta.fetch_status, and content is no object".to_owned()),
        Scalar::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "success" => Ok(FetchStatus::Success),
            "error" => Ok(FetchStatus::Error),
            _ => unknown(format!("meta.fetch_status is {:?}", excerpt(&text))),
        },
        _ => unknown(format!("meta.fetch_status is {}", excerpt(json))),
    }
}
