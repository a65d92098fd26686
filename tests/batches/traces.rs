//! What a collector is told: one trace for each event, whatever happens to it and to the collector.

mod event_spans;
mod transports;

use crate::running::{NO_WAIT_IS_TOO_LONG, PATIENCE, Running, batch_of, event, fresh_id};
use event_spans::{EventSpans, assert_says};
use millrace_stack::{Collector, ExportReply, Seen, wait_for};
use serde_json::json;

const PRODUCER_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PRODUCER_SPAN: &str = "00f067aa0ba902b7";

/// Settings that export to a collector without waiting.
fn over(protocol: &'static str, endpoint: String) -> Vec<(&'static str, String)> {
    vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_owned()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned()),
    ]
}

async fn traced(name: &str, settings: &[(&'static str, String)]) -> Running<'static> {
    let settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    Running::shared(name, &settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_event_stays_in_its_trace() {
    let collector = Collector::start().await.unwrap();
    let mut settings = over("http/protobuf", collector.http_endpoint());
    settings.push(("RETRY_INITIAL_DELAY", "0.2".to_owned()));
    let pipeline = traced("traces-retry", &settings).await;
    let event_id = fresh_id();
    let key = format!("tiktok/{event_id}.json");
    let path = format!("{}/{key}", pipeline.tenant.bucket());
    pipeline.announce(&event_id, &path).await;
    let first = EventSpans::of(&collector, &event_id, 1).await.roots[0].clone();
    pipeline.put(&key, batch_of(&event_id, 1)).await;
    pipeline.stored(std::slice::from_ref(&event_id)).await;
    pipeline.queue_empties().await;
    let last = wait_for("the delivery that was stored", PATIENCE, async || {
        let spans = collector.spans();
        let of = |span: &&Seen| span.attribute("millrace.event_id") == event_id.as_str();
        let stored = |span: &&Seen| span.attribute("millrace.outcome") == "stored";
        spans
            .iter()
            .filter(of)
            .find(stored)
            .cloned()
            .ok_or_else(|| format!("{spans:?}"))
    })
    .await
    .unwrap();

    assert_eq!(first.attribute("millrace.outcome"), "retried");
    assert_eq!(first.attribute("error.type"), "object_missing");
    assert!(first.error.is_some());
    assert_eq!(first.parent, None, "the producer sent no trace");
    assert_eq!(last.trace_id, first.trace_id);
    assert_eq!(last.error, None);
    // From the second delivery back to the first: consumer, publish, settle, consumer.
    let all = collector.spans();
    let parent = |span: &Seen| {
        let id = span.parent.clone().unwrap();
        all.iter().find(|span| span.span_id == id).unwrap().clone()
    };
    let publish = parent(&last);
    assert_eq!(publish.kind, "PRODUCER");
    assert!(
        publish.name.starts_with("analytics.data.collected.retry."),
        "{publish:?}"
    );
    assert!(publish.name.ends_with(" publish"), "{publish:?}");
    let settle = parent(&publish);
    assert_eq!(settle.name, "settle");
    assert_eq!(parent(&settle).name, "data.collected process");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_says_why_and_carries_its_trace() {
    let collector = Collector::start().await.unwrap();
    let pipeline = traced("traces-dead", &over("http/protobuf", collector.http_endpoint())).await;
    let event_id = fresh_id();
    pipeline.announce(&event_id, "not-allowed/a.json").await;
    let letter = pipeline.dead_letters(1).await.remove(0);
    let spans = EventSpans::of(&collector, &event_id, 1).await;
    let root = &spans.roots[0];
    assert_eq!(root.attribute("millrace.outcome"), "dead_lettered");
    assert_eq!(root.attribute("error.type"), "bucket_not_allowed");
    assert!(
        root.error
            .as_deref()
            .is_some_and(|why| why.contains("not-allowed")),
        "{root:?}"
    );
    let steps = spans.children(root);
    assert_eq!(steps["fetch"].attribute("error.type"), "bucket_not_allowed");
    let publish = spans.children(steps["settle"]);
    let publish = publish["analytics.data.collected.dlq publish"];
    let carried = letter.header("traceparent").unwrap();
    assert_eq!(carried, format!("00-{}-{}-01", publish.trace_id, publish.span_id));

    pipeline.publish("{not json").await;
    pipeline.dead_letters(2).await;
    wait_for("the span of an unreadable event", PATIENCE, async || {
        let spans = collector.spans();
        let found = spans
            .iter()
            .find(|span| span.attribute("error.type") == "malformed_event");
        found.map(drop).ok_or("none")
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_of_many_is_linked_to_each_of_its_events() {
    let collector = Collector::start().await.unwrap();
    let mut settings = over("http/protobuf", collector.http_endpoint());
    settings.push(("MAX_WRITERS", "1".to_owned()));
    settings.extend(NO_WAIT_IS_TOO_LONG.map(|(name, value)| (name, value.to_owned())));
    let pipeline = traced("traces-many", &settings).await;
    // While the first write waits for the table the others gather.
    pipeline
        .database
        .batch_execute("BEGIN; LOCK TABLE post_analytics IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let events: Vec<_> = (0..6).map(|_| fresh_id()).collect();
    for event_id in &events {
        pipeline.batch(event_id, 2).await;
    }
    wait_for("events at the writer", PATIENCE, async || {
        let metrics = pipeline.service.metrics().await?;
        let waiting = metrics.sum("analytics_actor_mailbox_depth", &[("actor", "writer-0")]);
        anyhow::ensure!(waiting == Some(6.0), "{waiting:?}");
        Ok(())
    })
    .await
    .unwrap();
    pipeline.database.batch_execute("ROLLBACK").await.unwrap();
    pipeline.stored(&events).await;

    let mut shared = 0;
    for event_id in &events {
        let spans = EventSpans::of(&collector, event_id, 1).await;
        let steps = spans.children(&spans.roots[0]);
        let write = steps["write"];
        let Some((trace, span)) = write.links.first() else {
            continue; // the one that went first, alone
        };
        shared += 1;
        let batch = spans.all.iter().find(|other| other.span_id == *span).unwrap();
        assert_eq!(
            (batch.name.as_str(), &batch.trace_id, &batch.parent),
            ("write batch", trace, &None)
        );
        assert!(
            batch
                .links
                .contains(&(write.trace_id.clone(), write.span_id.clone())),
            "{batch:?}"
        );
        assert_says(
            batch,
            &json!({"db.system.name": "postgresql", "millrace.events": batch.links.len()}),
        );
        assert_ne!(batch.trace_id, write.trace_id);
    }
    assert!(shared >= 2, "{shared} events were written with others");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_spans_leave_at_the_end() {
    for grpc in [false, true] {
        let collector = Collector::start().await.unwrap();
        let mut settings = match grpc {
            true => over("grpc", collector.grpc_endpoint()),
            false => over("http/protobuf", collector.http_endpoint()),
        };
        settings.push(("OTEL_BSP_SCHEDULE_DELAY", "600000".to_owned()));
        settings.push(("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100000".to_owned()));
        settings.push(("OTEL_BSP_MAX_QUEUE_SIZE", "100000".to_owned()));
        let pipeline = traced("traces-last", &settings).await;
        let events: Vec<_> = (0..20).map(|_| fresh_id()).collect();
        for event_id in &events {
            pipeline.batch(event_id, 1).await;
        }
        pipeline.stored(&events).await;
        pipeline.queue_empties().await;
        assert_eq!(collector.spans().len(), 0, "nothing was exported before the end");
        assert_eq!(pipeline.service.terminate().await.unwrap(), Some(0));
        for event_id in &events {
            EventSpans::of(&collector, event_id, 1).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_in_trouble_costs_spans_and_no_events() {
    let collector = Collector::start().await.unwrap();
    let mut settings = over("http/protobuf", collector.http_endpoint());
    settings.push(("OTEL_BSP_MAX_QUEUE_SIZE", "10".to_owned()));
    settings.push(("OTEL_EXPORTER_OTLP_TIMEOUT", "300".to_owned()));
    let pipeline = traced("traces-trouble", &settings).await;
    let spans = async |outcome: &str| {
        let metrics = pipeline.service.metrics().await.unwrap();
        metrics
            .sum("analytics_trace_spans_total", &[("outcome", outcome)])
            .unwrap()
    };
    for reply in [ExportReply::Refuses, ExportReply::Silent] {
        collector.set_reply(reply);
        let (failed, dropped) = (spans("failed").await, spans("dropped").await);
        let events: Vec<_> = (0..20).map(|_| fresh_id()).collect();
        for event_id in &events {
            pipeline.batch(event_id, 1).await;
        }
        pipeline.stored(&events).await;
        pipeline.queue_empties().await;
        wait_for("lost spans to be counted", PATIENCE, async || {
            let lost = (spans("failed").await - failed, spans("dropped").await - dropped);
            // Some wait in the queue; of the others each was counted as one or the other.
            if lost.0 > 0.0 && lost.1 > 0.0 && lost.0 + lost.1 >= 20.0 * 5.0 - 10.0 {
                Ok(())
            } else {
                Err(format!("{reply:?}: {lost:?} failed and dropped"))
            }
        })
        .await
        .unwrap();
    }
    collector.set_reply(ExportReply::Takes);
    let event_id = fresh_id();
    pipeline.batch(&event_id, 1).await;
    EventSpans::of(&collector, &event_id, 1).await;
    let said = |words: &str| {
        let logs = pipeline.service.logs();
        logs.iter()
            .filter(|log| log["message"].as_str().is_some_and(|said| said.contains(words)))
            .count()
    };
    assert_eq!(said("do not reach their collector"), 1, "one line a change");
    assert_eq!(said("reach their collector again"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_producers_choice_not_to_sample_is_followed() {
    let collector = Collector::start().await.unwrap();
    let pipeline = traced(
        "traces-sampled",
        &over("http/protobuf", collector.http_endpoint()),
    )
    .await;
    let (kept, left_out) = (fresh_id(), fresh_id());
    let path = pipeline.put("tiktok/sampled.json", batch_of("sampled", 1)).await;
    let headers = json!({"traceparent": format!("00-{PRODUCER_TRACE}-{PRODUCER_SPAN}-00")});
    pipeline
        .publish_with(&headers, event(&left_out, &path).to_string())
        .await;
    pipeline.stored(std::slice::from_ref(&left_out)).await;
    pipeline.announce(&kept, &path).await;
    let spans = EventSpans::of(&collector, &kept, 1).await;
    let of = |id: &str| {
        spans
            .all
            .iter()
            .filter(|span| span.attribute("millrace.event_id") == id)
            .count()
    };
    assert_eq!((of(&kept), of(&left_out)), (1, 0));
    let row = pipeline
        .database
        .query_one(
            "SELECT trace_id FROM ingested_batches WHERE event_id = $1",
            &[&left_out],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, Option<String>>(0).as_deref(), Some(PRODUCER_TRACE));
}
