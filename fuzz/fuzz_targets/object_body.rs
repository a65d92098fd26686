//! Whatever an object holds: no panic, no runaway memory, and only outcomes about the object itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millrace_engine::Fault;
use millrace_engine::Delivery;
use millrace_batches::{domain::{CrawlEvent, Platform, Project}, parse::{ParserLimits, ParserSettings, parse_body}};
use std::sync::LazyLock;

static EVENT: LazyLock<CrawlEvent> = LazyLock::new(|| CrawlEvent {
    event_id: "evt_fuzz".to_owned(),
    event_at: jiff::Timestamp::UNIX_EPOCH,
    job_id: "proj-brand-0".to_owned(),
    project: Project::Named("proj".to_owned()),
    platform: Platform::Tiktok,
    content_count: None,
    batch_index: None,
    total_batches: None,
    task_type: None,
    keyword: None,
    brand_name: None,
    user_id: None,
    delivery: Delivery {
        received_at: jiff::Timestamp::UNIX_EPOCH,
        first_seen: jiff::Timestamp::UNIX_EPOCH,
        attempt: 1,
        trace_id: None,
    },
});

/// Small, so that the caps are reached often.
static SETTINGS: LazyLock<ParserSettings> = LazyLock::new(|| ParserSettings {
    limits: ParserLimits {
        max_decompressed_bytes: 64 << 10,
        max_items: 20,
        max_comments: 30,
        max_depth: 16,
        max_text_bytes: 64,
    },
    ..ParserSettings::default()
});

fuzz_target!(|body: &[u8]| {
    for claims_zstd in [false, true] {
        if let Err(fault) = parse_body(body, claims_zstd, &EVENT, &SETTINGS) {
            assert!(matches!(fault, Fault::Poison { .. }), "{fault}");
        }
    }
});
