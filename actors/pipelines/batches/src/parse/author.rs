//! Who published an item.

use super::{
    reader::{Reader, Scalar},
    record::{Record, Refusal},
    shape::{AuthorShape, Spellings},
    spelling::Spelling,
};
use crate::domain::Author;
use jiff::Timestamp;

/// What the post repeats of its author, and the author's own row where there is a key for it.
#[derive(Debug)]
pub(super) struct AuthorOfPost {
    pub(super) key: Option<String>,
    pub(super) username: Option<String>,
    pub(super) name: Option<String>,
    pub(super) followers: Option<i64>,
    pub(super) row: Option<Author>,
}

/// Reads the author. Without a key there is no row, and what the post has no column for is left in
/// the item, for the post's `extra`.
pub(super) fn read(
    record: &mut Record<'_>,
    shape: &AuthorShape,
    crawled_at: Timestamp,
    reader: &mut Reader<'_>,
) -> Result<AuthorOfPost, Refusal> {
    let key = key(record, shape.key, reader);
    let username = record.pick(shape.username, reader, Reader::text);
    let name = record.pick(shape.display_name, reader, Reader::text);
    let followers = record.pick(shape.follower_count, reader, Reader::count);
    let mut author = AuthorOfPost {
        key,
        username,
        name,
        followers,
        row: None,
    };
    if let Some(author_key) = author.key.clone() {
        author.row = Some(row(record, shape, author_key, &author, crawled_at, reader)?);
    }
    Ok(author)
}

/// The first spelling that can be a key: one that is too long for an index, or no text, is passed over.
fn key(record: &mut Record<'_>, mut spellings: Spellings, reader: &mut Reader<'_>) -> Option<String> {
    while !spellings.is_empty() {
        let key = record.pick(spellings, reader, Reader::key);
        if key.is_some() {
            return key;
        }
        let is_unreadable = |spelling: &Spelling| {
            let json = record.json(*spelling);
            json.is_some_and(|json| Scalar::of(json) != Scalar::Null)
        };
        let unreadable = spellings.iter().position(is_unreadable)?;
        spellings = &spellings[unreadable + 1..];
    }
    None
}

fn row(
    record: &mut Record<'_>,
    shape: &AuthorShape,
    author_key: String,
    author: &AuthorOfPost,
    crawled_at: Timestamp,
    reader: &mut Reader<'_>,
) -> Result<Author, Refusal> {
    let mut text = |spellings: Spellings| record.pick(spellings, reader, Reader::text);
    let [avatar_url, bio] = [text(shape.avatar_url), text(shape.bio)];
    let mut count = |spellings: Spellings| record.pick(spellings, reader, Reader::count);
    Ok(Author {
        author_key,
        username: author.username.clone(),
        display_name: author.name.clone(),
        avatar_url,
        bio,
        follower_count: author.followers,
        following_count: count(shape.following_count),
        total_likes: count(shape.total_likes),
        video_count: count(shape.video_count),
        verified: record.pick(shape.verified, reader, Reader::flag),
        crawled_at,
        extra: match shape.sections.iter().find(|place| record.has(**place)) {
            Some(place) => record.take_extra(*place, reader)?,
            None => None,
        },
    })
}
