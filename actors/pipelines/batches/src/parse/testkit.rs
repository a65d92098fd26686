//! What the parser's tests share.

use super::{ParserSettings, batch::Parsed, parse_body};
use crate::domain::{CrawlEvent, ErrorPolicy, Items, Platform, Post, Project};
use millrace_engine::Delivery;
use millrace_engine::Fault;

/// An event of 6 December 2025.
pub(crate) fn event(platform: Platform) -> CrawlEvent {
    let at = "2025-12-06T10:16:00Z".parse().unwrap();
    CrawlEvent {
        event_id: "evt_1".to_owned(),
        event_at: at,
        job_id: "proj_xyz-brand-0".to_owned(),
        project: Project::Named("proj_xyz".to_owned()),
        platform,
        content_count: None,
        batch_index: Some(0),
        total_batches: Some(1),
        task_type: Some("from_event".into()),
        keyword: Some("event keyword".into()),
        brand_name: None,
        user_id: None,
        delivery: Delivery {
            received_at: at,
            first_seen: at,
            attempt: 1,
            trace_id: None,
        },
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
