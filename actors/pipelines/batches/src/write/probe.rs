//! The batch of the probe: written and taken back, to learn whether the database takes writes.

use crate::{
    domain::{Author, Comment, CrawlError, CrawlEvent, Items, Platform, Post, Reason, RejectedItem},
    messages::{ObjectInfo, ParsedBatch},
};
use jiff::Timestamp;
use millrace_engine::{ByteBudget, Delivery};
use std::sync::Arc;

/// A batch with a row for each table.
pub(super) fn batch(name: &str) -> ParsedBatch {
    let (now, name) = (Timestamp::now(), name.to_owned());
    ParsedBatch {
        object: ObjectInfo {
            path: name.clone(),
            etag: None,
            claims_zstd: false,
        },
        items: items(&name, now),
        event: Arc::new(CrawlEvent::new(
            &name,
            &name,
            Platform::Tiktok,
            Delivery::first(now),
        )),
        bytes: 0,
        reservation: ByteBudget::new(1).try_reserve(0).expect("nothing always fits"),
    }
}

fn items(name: &str, now: Timestamp) -> Items {
    let name = || name.to_owned();
    Items {
        posts: vec![Post {
            id: name(),
            crawled_at: now,
            ..Post::default()
        }],
        authors: vec![Author {
            author_key: name(),
            crawled_at: now,
            ..Author::default()
        }],
        comments: vec![Comment {
            comment_id: name(),
            post_id: name().into(),
            crawled_at: now,
            ..Comment::default()
        }],
        errors: vec![CrawlError {
            content_id: name(),
            crawled_at: now,
            ..CrawlError::default()
        }],
        rejected: vec![RejectedItem {
            item_index: 0,
            reason: Reason::MissingId,
            detail: name(),
            raw: String::new(),
        }],
        curtailed: Vec::new(),
    }
}
