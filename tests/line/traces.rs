//! What a collector is told: one trace for each event, whatever happens to it and to the collector.

use crate::running::{PATIENCE, Running, batch_of, event, fresh_id};
use millrace_stack::{Collector, Mood, Seen, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const PRODUCER_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PRODUCER_SPAN: &str = "00f067aa0ba902b7";

/// Spans of one event, whatever trace they are in.
struct Story {
    roots: Vec<Seen>,
    all: Vec<Seen>,
}

// === impl Story ===

impl Story {
    /// Waits until so many deliveries of the event were told.
    async fn of(collector: &Collector, event_id: &str, deliveries: usize) -> Self {
        wait_for("the spans of an event", PATIENCE, async || {
            let all = collector.spans();
            let is_root = |span: &&Seen| span.attribute("millrace.event_id") == event_id;
            let roots: Vec<_> = all.iter().filter(is_root).cloned().collect();
            if roots.len() == deliveries {
                Ok(Self { roots, all })
            } else {
                Err(format!("{} deliveries among {} spans", roots.len(), all.len()))
            }
        })
        .await
        .unwrap()
    }

    fn children(&self, parent: &Seen) -> BTreeMap<&str, &Seen> {
        let of = |span: &&Seen| span.parent.as_ref() == Some(&parent.span_id);
        let found: Vec<_> = self.all.iter().filter(of).collect();
        let by_name: BTreeMap<_, _> = found.iter().map(|span| (span.name.as_str(), *span)).collect();
        assert_eq!(by_name.len(), found.len(), "each step once: {found:?}");
        for child in &found {
            assert_eq!(child.trace_id, parent.trace_id);
        }
        by_name
    }
}

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

fn assert_ordered(spans: &[&Seen], within: &Seen) {
    let mut before = within.start;
    for span in spans {
        assert!(span.start >= before && span.end >= span.start, "{spans:?}");
        before = span.end;
    }
    assert!(before <= within.end, "{within:?} ends after {spans:?}");
}

async fn one_event_is_one_trace(line: &Running<'_>, collector: &Collector) {
    let event_id = fresh_id();
    let path = line
        .put(&format!("tiktok/{event_id}.json"), batch_of(&event_id, 3))
        .await;
    let headers = json!({"traceparent": format!("00-{PRODUCER_TRACE}-{PRODUCER_SPAN}-01")});
    line.publish_with(&headers, event(&event_id, &path).to_string())
        .await;
    let story = Story::of(collector, &event_id, 1).await;

    let root = &story.roots[0];
    assert_eq!(
        (root.name.as_str(), root.kind),
        ("data.collected process", "CONSUMER")
    );
    assert_eq!(root.trace_id, PRODUCER_TRACE);
    assert_eq!(root.parent.as_deref(), Some(PRODUCER_SPAN));
    let bucket = line.tenant.bucket();
    let expected = json!({
        "messaging.system": "rabbitmq",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": "smap.events:data.collected:analytics.data.collected",
        "messaging.rabbitmq.destination.routing_key": "data.collected",
        "server.address": "127.0.0.1",
        "millrace.event_id": event_id,
        "millrace.job_id": "proj_xyz-brand-0",
        "millrace.project_id": "proj_xyz",
        "millrace.platform": "tiktok",
        "millrace.batch_index": 1,
        "millrace.attempt": 1,
        "millrace.redelivered": false,
        "millrace.items": 3,
        "millrace.outcome": "stored",
    });
    assert_says(root, &expected);
    assert!(root.attribute("messaging.message.body.size").as_i64() > Some(100));
    assert_eq!(root.resource["service.name"], "millrace");
    assert_eq!(root.resource["service.version"], env!("CARGO_PKG_VERSION"));
    assert!(root.resource.contains_key("service.instance.id"));

    let steps = story.children(root);
    let [fetch, parse, write, settle] = ["fetch", "parse", "write", "settle"].map(|name| steps[name]);
    assert_eq!(steps.len(), 4, "{steps:?}");
    assert_eq!(
        [fetch, parse, write, settle].map(|span| span.kind),
        ["CLIENT", "INTERNAL", "CLIENT", "CLIENT"]
    );
    assert_ordered(&[fetch, parse, write, settle], root);
    assert_says(
        fetch,
        &json!({"aws.s3.bucket": bucket, "aws.s3.key": format!("tiktok/{event_id}.json"), "millrace.object.size": batch_of(&event_id, 3).len()}),
    );
    assert_says(
        parse,
        &json!({"millrace.items": 3, "millrace.items.success": 3, "millrace.items.rejected": 0}),
    );
    assert_says(
        write,
        &json!({"db.system.name": "postgresql", "db.namespace": bucket, "server.address": "127.0.0.1", "millrace.events": 1, "millrace.rows": 1 + 3 + 3 + 3}),
    );
    assert_says(
        settle,
        &json!({"messaging.operation.type": "settle", "millrace.outcome": "stored"}),
    );
    assert!(
        story.all.iter().all(|span| span.error.is_none()),
        "{:?}",
        story.all
    );
    assert_logged_and_stored(line, &event_id, root, &steps).await;
}

fn assert_says(span: &Seen, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(span.attribute(name), value, "{name} of {span:?}");
    }
}

/// The log names trace and span, and the ledger the trace.
async fn assert_logged_and_stored(
    line: &Running<'_>,
    event_id: &str,
    root: &Seen,
    steps: &BTreeMap<&str, &Seen>,
) {
    let logs = line.service.logs();
    let stored = logs
        .iter()
        .find(|log| log["message"] == "stored batch" && log["event_id"] == event_id)
        .unwrap();
    assert_eq!(stored["trace_id"], root.trace_id);
    assert_eq!(stored["span_id"], steps["write"].span_id);
    assert!(logs.iter().all(|log| log.get("otel.name").is_none()));
    let row = line
        .database
        .query_one(
            "SELECT trace_id FROM ingested_batches WHERE event_id = $1",
            &[&event_id],
        )
        .await
        .unwrap();
    assert_eq!(
        row.get::<_, Option<String>>(0).as_deref(),
        Some(root.trace_id.as_str())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_is_one_trace_over_http() {
    let collector = Collector::start().await.unwrap();
    let mut settings = over("http/protobuf", collector.http_endpoint());
    settings.push(("OTEL_EXPORTER_OTLP_HEADERS", "x-token=s3cret%2Ctoken".to_owned()));
    settings.push(("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip".to_owned()));
    let line = traced("traces-http", &settings).await;
    one_event_is_one_trace(&line, &collector).await;
    let export = &collector.exports()[0];
    assert_eq!(export.headers["x-token"], "s3cret,token");
    assert_eq!(export.headers["content-encoding"], "gzip");
    let told = line.service.lines().join("\n");
    assert!(!told.contains("s3cret"), "a header's value is a secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_is_one_trace_over_grpc() {
    let collector = Collector::start().await.unwrap();
    let mut settings = over("grpc", collector.grpc_endpoint());
    settings.push(("OTEL_EXPORTER_OTLP_HEADERS", "x-token=s3cret".to_owned()));
    settings.push(("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip".to_owned()));
    let line = traced("traces-grpc", &settings).await;
    one_event_is_one_trace(&line, &collector).await;
    assert_eq!(collector.exports()[0].headers["x-token"], "s3cret");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_event_stays_in_its_trace() {
    let collector = Collector::start().await.unwrap();
    let mut settings = over("http/protobuf", collector.http_endpoint());
    settings.push(("RETRY_INITIAL_DELAY", "0.2".to_owned()));
    let line = traced("traces-retry", &settings).await;
    let event_id = fresh_id();
    let key = format!("tiktok/{event_id}.json");
    let path = format!("{}/{key}", line.tenant.bucket());
    line.announce(&event_id, &path).await;
    let first = Story::of(&collector, &event_id, 1).await.roots[0].clone();
    line.put(&key, batch_of(&event_id, 1)).await;
    line.stored(std::slice::from_ref(&event_id)).await;
    line.queue_empties().await;
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
    let line = traced("traces-dead", &over("http/protobuf", collector.http_endpoint())).await;
    let event_id = fresh_id();
    line.announce(&event_id, "somebody-elses/a.json").await;
    let letter = line.dead_letters(1).await.remove(0);
    let story = Story::of(&collector, &event_id, 1).await;
    let root = &story.roots[0];
    assert_eq!(root.attribute("millrace.outcome"), "dead_lettered");
    assert_eq!(root.attribute("error.type"), "bucket_not_allowed");
    assert!(
        root.error
            .as_deref()
            .is_some_and(|why| why.contains("somebody-elses")),
        "{root:?}"
    );
    let steps = story.children(root);
    assert_eq!(steps["fetch"].attribute("error.type"), "bucket_not_allowed");
    let publish = story.children(steps["settle"]);
    let publish = publish["analytics.data.collected.dlq publish"];
    let carried = letter.header("traceparent").unwrap();
    assert_eq!(carried, format!("00-{}-{}-01", publish.trace_id, publish.span_id));

    line.publish("{not json").await;
    line.dead_letters(2).await;
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
    let line = traced("traces-many", &settings).await;
    // While the first write waits for the table the others gather.
    line.database
        .batch_execute("BEGIN; LOCK TABLE post_analytics IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let events: Vec<_> = (0..6).map(|_| fresh_id()).collect();
    for event_id in &events {
        line.batch(event_id, 2).await;
    }
    wait_for("events at the writer", PATIENCE, async || {
        let metrics = line.service.metrics().await?;
        let waiting = metrics.sum("analytics_actor_mailbox_depth", &[("actor", "writer-0")]);
        anyhow::ensure!(waiting == Some(6.0), "{waiting:?}");
        Ok(())
    })
    .await
    .unwrap();
    line.database.batch_execute("ROLLBACK").await.unwrap();
    line.stored(&events).await;

    let mut shared = 0;
    for event_id in &events {
        let story = Story::of(&collector, event_id, 1).await;
        let steps = story.children(&story.roots[0]);
        let write = steps["write"];
        let Some((trace, span)) = write.links.first() else {
            continue; // the one that went first, alone
        };
        shared += 1;
        let batch = story.all.iter().find(|other| other.span_id == *span).unwrap();
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
        let line = traced("traces-last", &settings).await;
        let events: Vec<_> = (0..20).map(|_| fresh_id()).collect();
        for event_id in &events {
            line.batch(event_id, 1).await;
        }
        line.stored(&events).await;
        line.queue_empties().await;
        assert_eq!(collector.spans().len(), 0, "nothing was exported before the end");
        assert_eq!(line.service.terminate().await.unwrap(), Some(0));
        for event_id in &events {
            Story::of(&collector, event_id, 1).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_in_trouble_costs_spans_and_no_events() {
    let collector = Collector::start().await.unwrap();
    let mut settings = over("http/protobuf", collector.http_endpoint());
    settings.push(("OTEL_BSP_MAX_QUEUE_SIZE", "10".to_owned()));
    settings.push(("OTEL_EXPORTER_OTLP_TIMEOUT", "300".to_owned()));
    let line = traced("traces-trouble", &settings).await;
    let spans = async |outcome: &str| {
        let metrics = line.service.metrics().await.unwrap();
        metrics
            .sum("analytics_trace_spans_total", &[("outcome", outcome)])
            .unwrap()
    };
    for mood in [Mood::Refuses, Mood::Silent] {
        collector.set_mood(mood);
        let (failed, dropped) = (spans("failed").await, spans("dropped").await);
        let events: Vec<_> = (0..20).map(|_| fresh_id()).collect();
        for event_id in &events {
            line.batch(event_id, 1).await;
        }
        line.stored(&events).await;
        line.queue_empties().await;
        wait_for("lost spans to be counted", PATIENCE, async || {
            let lost = (spans("failed").await - failed, spans("dropped").await - dropped);
            // Some wait in the queue; of the others each was counted as one or the other.
            if lost.0 > 0.0 && lost.1 > 0.0 && lost.0 + lost.1 >= 20.0 * 5.0 - 10.0 {
                Ok(())
            } else {
                Err(format!("{mood:?}: {lost:?} failed and dropped"))
            }
        })
        .await
        .unwrap();
    }
    collector.set_mood(Mood::Takes);
    let event_id = fresh_id();
    line.batch(&event_id, 1).await;
    Story::of(&collector, &event_id, 1).await;
    let said = |words: &str| {
        let logs = line.service.logs();
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
    let line = traced(
        "traces-sampled",
        &over("http/protobuf", collector.http_endpoint()),
    )
    .await;
    let (kept, left_out) = (fresh_id(), fresh_id());
    let path = line.put("tiktok/sampled.json", batch_of("sampled", 1)).await;
    let headers = json!({"traceparent": format!("00-{PRODUCER_TRACE}-{PRODUCER_SPAN}-00")});
    line.publish_with(&headers, event(&left_out, &path).to_string())
        .await;
    line.stored(std::slice::from_ref(&left_out)).await;
    line.announce(&kept, &path).await;
    let story = Story::of(&collector, &kept, 1).await;
    let of = |id: &str| {
        story
            .all
            .iter()
            .filter(|span| span.attribute("millrace.event_id") == id)
            .count()
    };
    assert_eq!((of(&kept), of(&left_out)), (1, 0));
    let row = line
        .database
        .query_one(
            "SELECT trace_id FROM ingested_batches WHERE event_id = $1",
            &[&left_out],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, Option<String>>(0).as_deref(), Some(PRODUCER_TRACE));
}
