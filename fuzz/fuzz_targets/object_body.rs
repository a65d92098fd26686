//! Whatever an object holds: no panic, no runaway memory, and only outcomes about the object itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millrace_engine::{Delivery, Fault};
use millrace_batches::{domain::{CrawlEvent, Platform}, parse::{ParserLimits, ParserSettings, parse_body}};
use std::sync::LazyLock;

static EVENT: LazyLock<CrawlEvent> = LazyLock::new(|| {
    let delivery = Delivery::first(jiff::Timestamp::UNIX_EPOCH);
    CrawlEvent::new("evt_fuzz", "proj-brand-0", Platform::Tiktok, delivery)
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
