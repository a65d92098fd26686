//! Whatever an object holds: read in one pass, where that is possible, it gives what it gives step by step.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millrace_batches::{
    domain::{CrawlEvent, Platform},
    parse::{ParserLimits, ParserSettings, parse_body, parse_body_step_by_step},
};
use millrace_engine::Delivery;
use std::sync::LazyLock;

static EVENTS: LazyLock<[CrawlEvent; 2]> = LazyLock::new(|| {
    let delivery = Delivery::first(jiff::Timestamp::UNIX_EPOCH);
    let event = |platform| CrawlEvent::new("evt_fuzz", "proj-brand-0", platform, delivery.clone());
    [event(Platform::Tiktok), event(Platform::new("facebook"))]
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
    for event in EVENTS.iter() {
        let in_one_pass = parse_body(body, false, event, &SETTINGS);
        assert_eq!(in_one_pass, parse_body_step_by_step(body, false, event, &SETTINGS));
    }
});
