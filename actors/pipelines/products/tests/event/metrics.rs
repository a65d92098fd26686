//! The stage, and what it counts.

use crate::*;
use millrace_engine::{Messages, Transform};
use millrace_products::event::{CheckMetrics, Checker};
use prometheus_client::registry::Registry;

#[tokio::test]
async fn the_stage_makes_a_checked_chunk_and_counts_what_was_odd() {
    let mut registry = Registry::default();
    let topics = ["ProductDeleted".into(), "ProductCreated".into()];
    let metrics = CheckMetrics::register(&mut registry, &topics);
    let mut tombstone = record("");
    tombstone.value = None;
    let mut keyed = record(r#"{"timestamp":"1970-01-01","sellerId":"\u0000s\ud800"}"#);
    keyed.key = Some("p".into());
    let sent = chunk("ProductDeleted", vec![tombstone, keyed, record("{")]);
    let mut stage = Checker::new(Limits::default(), metrics);
    let made = stage.run(&sent).await.unwrap();
    let Messages::One(checked) = Checker::finish(sent, made) else {
        panic!("one chunk makes one");
    };
    assert_eq!((checked.events.len(), checked.rejected.len()), (1, 1));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for line in [
        "tombstones_total{topic=\"ProductDeleted\"} 1",
        "tombstones_total{topic=\"ProductCreated\"} 0",
        "events_without_id_total 1",
        "time_fallbacks_total{kind=\"past\"} 1",
        "time_fallbacks_total{kind=\"missing\"} 0",
        "texts_cleaned_total{kind=\"nul_removed\"} 1",
        "texts_cleaned_total{kind=\"half_pair_replaced\"} 1",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}
