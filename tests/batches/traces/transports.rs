//! One event, told whole, over each way to a collector.

use super::{
    PRODUCER_SPAN, PRODUCER_TRACE,
    event_spans::{EventSpans, assert_ordered, assert_says},
    over, traced,
};
use crate::running::{PATIENCE, Running, batch_of, event, fresh_id, millrace};
use millrace_stack::{Authority, Collector, Seen, wait_for};
use serde_json::json;
use std::collections::BTreeMap;

async fn one_event_is_one_trace(pipeline: &Running<'_>, collector: &Collector) {
    let event_id = fresh_id();
    let path = pipeline
        .put(&format!("tiktok/{event_id}.json"), batch_of(&event_id, 3))
        .await;
    let headers = json!({"traceparent": format!("00-{PRODUCER_TRACE}-{PRODUCER_SPAN}-01")});
    pipeline
        .publish_with(&headers, event(&event_id, &path).to_string())
        .await;
    let story = EventSpans::of(collector, &event_id, 1).await;

    let root = &story.roots[0];
    assert_eq!(
        (root.name.as_str(), root.kind),
        ("data.collected process", "CONSUMER")
    );
    assert_eq!(root.trace_id, PRODUCER_TRACE);
    assert_eq!(root.parent.as_deref(), Some(PRODUCER_SPAN));
    let bucket = pipeline.tenant.bucket();
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
    assert_logged_and_stored(pipeline, &event_id, root, &steps).await;
}

/// The log names trace and span, and the ledger the trace.
async fn assert_logged_and_stored(
    pipeline: &Running<'_>,
    event_id: &str,
    root: &Seen,
    steps: &BTreeMap<&str, &Seen>,
) {
    let logs = pipeline.service.logs();
    let stored = logs
        .iter()
        .find(|log| log["message"] == "stored batch" && log["event_id"] == event_id)
        .unwrap();
    assert_eq!(stored["trace_id"], root.trace_id);
    assert_eq!(stored["span_id"], steps["write"].span_id);
    assert!(logs.iter().all(|log| log.get("otel.name").is_none()));
    let row = pipeline
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
    let pipeline = traced("traces-http", &settings).await;
    one_event_is_one_trace(&pipeline, &collector).await;
    let export = &collector.exports()[0];
    assert_eq!(export.headers["x-token"], "s3cret,token");
    assert_eq!(export.headers["content-encoding"], "gzip");
    let told = pipeline.service.lines().join("\n");
    assert!(!told.contains("s3cret"), "a header's value is a secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_is_one_trace_over_grpc() {
    let collector = Collector::start().await.unwrap();
    let mut settings = over("grpc", collector.grpc_endpoint());
    settings.push(("OTEL_EXPORTER_OTLP_HEADERS", "x-token=s3cret".to_owned()));
    settings.push(("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip".to_owned()));
    let pipeline = traced("traces-grpc", &settings).await;
    one_event_is_one_trace(&pipeline, &collector).await;
    assert_eq!(collector.exports()[0].headers["x-token"], "s3cret");
}

/// A collector behind TLS is told only by who trusts it and, where it wants that, shows a certificate.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_behind_tls_is_told_by_who_trusts_it() {
    let collector = Collector::start().await.unwrap();
    let (grpc, http) = collector.ports();
    let (ours, others) = (Authority::new().unwrap(), Authority::new().unwrap());
    let us = ours.identity("millrace").unwrap();
    for (protocol, port) in [("grpc", grpc), ("http/protobuf", http)] {
        let front = ours.front("127.0.0.1", port, true).await.unwrap();
        let misnamed = ours.front("elsewhere.example", port, false).await.unwrap();
        let told = async |port: u16, trusted: &Authority, shows: bool| {
            let mut settings = over(protocol, format!("https://127.0.0.1:{port}"));
            let path = |path: &std::path::Path| path.display().to_string();
            settings.push(("OTEL_EXPORTER_OTLP_CERTIFICATE", path(&trusted.file())));
            if shows {
                settings.push(("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", path(&us.certificate)));
                settings.push(("OTEL_EXPORTER_OTLP_CLIENT_KEY", path(&us.key)));
            }
            let pipeline = traced("traces-tls", &settings).await;
            pipeline.batch(&fresh_id(), 1).await;
            // The first answer decides.
            wait_for("spans to be told or refused", PATIENCE, async || {
                let metrics = pipeline.service.metrics().await?;
                let spans = |outcome| metrics.sum("analytics_trace_spans_total", &[("outcome", outcome)]);
                match (spans("exported"), spans("failed")) {
                    (Some(told), Some(0.0)) if told > 0.0 => Ok(true),
                    (Some(0.0), Some(refused)) if refused > 0.0 => Ok(false),
                    neither => anyhow::bail!("{neither:?}"),
                }
            })
            .await
            .unwrap()
        };
        assert!(
            told(front.port(), &ours, true).await,
            "{protocol}: trusted both ways"
        );
        assert!(
            !told(front.port(), &ours, false).await,
            "{protocol}: no certificate shown"
        );
        assert!(
            !told(front.port(), &others, true).await,
            "{protocol}: another authority"
        );
        assert!(
            !told(misnamed.port(), &ours, false).await,
            "{protocol}: another name"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_settings_say_of_the_service_is_said_of_each_span() {
    let collector = Collector::start().await.unwrap();
    let mut settings = over("http/protobuf", String::new());
    settings[0] = (
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        format!("{}/v1/traces", collector.http_endpoint()),
    );
    settings.push(("OTEL_SERVICE_NAME", "collector-eu".to_owned()));
    settings.push((
        "OTEL_RESOURCE_ATTRIBUTES",
        "service.name=ignored,deployment.environment.name=test,team=data%2Cplatform".to_owned(),
    ));
    settings.push(("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2".to_owned()));
    let pipeline = traced("traces-resource", &settings).await;
    let event_id = fresh_id();
    pipeline.batch(&event_id, 1).await;
    let story = EventSpans::of(&collector, &event_id, 1).await;
    let resource = &story.roots[0].resource;
    let said = ["service.name", "deployment.environment.name", "team"].map(|name| &resource[name]);
    assert_eq!(said, ["collector-eu", "test", "data,platform"]);
    assert!(collector.exports().iter().all(|export| export.spans.len() <= 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sampler_leaves_traces_out() {
    let collector = Collector::start().await.unwrap();
    let mut settings = over("http/protobuf", collector.http_endpoint());
    settings.push(("OTEL_TRACES_SAMPLER", "traceidratio".to_owned()));
    settings.push(("OTEL_TRACES_SAMPLER_ARG", "0.5".to_owned()));
    let pipeline = traced("traces-ratio", &settings).await;
    let events: Vec<_> = (0..60).map(|_| fresh_id()).collect();
    for event_id in &events {
        pipeline.batch(event_id, 1).await;
    }
    pipeline.stored(&events).await;
    pipeline.queue_empties().await;
    assert_eq!(pipeline.service.terminate().await.unwrap(), Some(0));
    let roots = collector
        .spans()
        .into_iter()
        .filter(|span| span.kind == "CONSUMER")
        .count();
    // All or none of 60 at even odds: once in 10^17 runs.
    assert!((1..60).contains(&roots), "{roots} of 60");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_generate_publishes_begins_the_trace_that_the_pipeline_goes_on_with() {
    let collector = Collector::start().await.unwrap();
    let settings = over("http/protobuf", collector.http_endpoint());
    let pipeline = traced("traces-generate", &settings).await;
    let settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let generate = [
        "generate",
        "--plain",
        "--items",
        "100",
        "--duplicates",
        "0",
        "--json",
    ];
    let generated = pipeline
        .tenant
        .command(millrace(), &generate, &settings)
        .await
        .unwrap();
    assert!(
        generated.status.success(),
        "{}",
        String::from_utf8_lossy(&generated.stderr)
    );
    let summary: serde_json::Value = serde_json::from_slice(&generated.stdout).unwrap();
    let events = summary["events"].as_u64().unwrap() as usize;
    wait_for("all deliveries to be told", PATIENCE, async || {
        let spans = collector.spans();
        let of = |kind| {
            spans
                .iter()
                .filter(move |span| span.kind == kind && span.name != "settle")
        };
        let published: Vec<_> = of("PRODUCER")
            .filter(|span| span.name == "smap.events publish")
            .collect();
        let begun = |span: &&&Seen| {
            let parent = published
                .iter()
                .find(|published| Some(&published.span_id) == span.parent.as_ref());
            parent.is_some_and(|parent| parent.trace_id == span.trace_id && parent.parent.is_none())
        };
        match of("CONSUMER").collect::<Vec<_>>().iter().filter(begun).count() {
            found if found == events => Ok(()),
            found => Err(format!("{found} of {events}, {} published", published.len())),
        }
    })
    .await
    .unwrap();
}
