//! Whatever arrives in a queue: no panic, and what is accepted can be stored.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millrace_engine::Delivery;
use millrace_batches::event::{MAX_ID_BYTES, decode};
use millrace_batches::messages::BatchSource;

fuzz_target!(|body: &[u8]| {
    for legacy_queue in [None, Some("tiktok_result_queue")] {
        let delivery = Delivery::first(jiff::Timestamp::UNIX_EPOCH);
        match decode(body, legacy_queue, delivery) {
            Ok(found) => {
                let event = found.event;
                for id in [&event.event_id, &event.job_id] {
                    assert!(!id.trim().is_empty() && id.len() <= MAX_ID_BYTES);
                }
                let texts = [
                    Some(event.event_id),
                    Some(event.job_id),
                    event.task_type.map(|text| text.to_string()),
                    event.keyword.map(|text| text.to_string()),
                    event.brand_name,
                    event.user_id,
                ];
                assert!(!texts.into_iter().flatten().any(|text| text.contains('\0')));
                assert!(event.content_count.is_none_or(|count| count >= 0));
                if let BatchSource::Inline(items) = found.source {
                    assert!(legacy_queue.is_some() && !items.is_empty());
                }
            }
            Err(error) => assert!(error.event_id.is_none_or(|id| !id.is_empty())),
        }
    }
});
