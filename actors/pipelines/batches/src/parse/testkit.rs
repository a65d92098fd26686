//! What the parser's tests share.

use super::{ParserSettings, batch::Parsed, parse_body};
use crate::domain::{CrawlEvent, ErrorPolicy, Items, Platform, Post};
use millrace_engine::Delivery;
use millrace_engine::Fault;

/// An event of 6 December 2025.
pub(crate) fn event(platform: Platform) -> CrawlEvent {
    let at = "2025-12-06T10:16:00Z".parse().unwrap();
    CrawlEvent {
        batch_index: Some(0),
        total_batches: Some(1),
        task_type: Some("from_event".into()),
        keyword: Some("event keyword".into()),
        ..CrawlEvent::new("evt_1", "proj_xyz-brand-0", platform, Delivery::first(at))
    }
}

pub(crate) fn settings() -> ParserSettings {
    ParserSettings {
        error_policy: ErrorPolicy::standard(),
        ..ParserSettings::default()
    }
}

pub(crate) fn parse_as(body: &[u8], event: &CrawlEvent) -> Result<Parsed, Fault> {
    parse_body(body, false, event, &settings())
}

pub(crate) fn parse(body: &[u8], platform: Platform) -> Result<Parsed, Fault> {
    parse_as(body, &event(platform))
}

/// The rows of a body that must be readable.
pub(crate) fn items(body: impl AsRef<[u8]>) -> Items {
    parse(body.as_ref(), Platform::Tiktok).unwrap().items
}

/// The one post of a body that must hold one.
pub(crate) fn post(body: impl AsRef<[u8]>) -> Post {
    let mut items = items(body);
    assert_eq!((items.posts.len(), items.item_count()), (1, 1), "{items:?}");
    items.posts.remove(0)
}

/// The reason of a body that must be refused.
pub(crate) fn refused(body: impl AsRef<[u8]>) -> &'static str {
    match parse(body.as_ref(), Platform::Tiktok) {
        Err(Fault::Poison { reason, .. }) => reason,
        other => panic!("expected poison, got {other:?}"),
    }
}
