//! What Jaeger shows of an event, asked for over its query API.

mod seen;

use crate::{
    running::{DLQ, PATIENCE, QUEUE, Running, batch_of, event, fresh_id},
    tools::is_there,
};
use millrace_stack::{Jaeger, Span, Stack, Tool, Trace, wait_for};
use seen::{CLIENT, CONSUMER, INTERNAL, PRODUCER, Seen, assert_in_time, outline};
use serde_json::{Value, json};

const PROCESS: &str = "data.collected process";
const PARENT_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT_SPAN: &str = "00f067aa0ba902b7";

/// A pipeline whose traces go to a Jaeger of its own.
struct Traced {
    pipeline: Running<'static>,
    jaeger: Jaeger,
}

impl Traced {
    /// None where there is no Jaeger.
    async fn start(name: &str, protocol: &str, settings: &[(&str, &str)]) -> Option<Self> {
        if !is_there(Tool::JAEGER) {
            return None;
        }
        let stack = Stack::shared().await;
        let jaeger = stack.jaeger().await.unwrap();
        let endpoint = match protocol {
            "grpc" => jaeger.otlp_grpc(),
            _ => jaeger.otlp_http(),
        };
        let mut all = vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_BSP_SCHEDULE_DELAY", "100"),
            ("LOG_FORMAT", "json"),
        ];
        all.extend(settings);
        let pipeline = Running::start(stack.tenant(name).await.unwrap(), &all).await;
        Some(Self { pipeline, jaeger })
    }

    /// The one trace of an event, once it has so many spans of that name.
    async fn trace_of(&self, event_id: &str, name: &str, count: usize) -> Trace {
        let found = wait_for("the trace", PATIENCE, async || {
            let tags = [("millrace.event_id", event_id)];
            let traces = self
                .jaeger
                .find("millrace", &tags)
                .await
                .map_err(|error| error.to_string())?;
            match traces.as_slice() {
                [only] if only.named(name).len() == count => Ok(only.clone()),
                traces => Err(format!(
                    "{} traces: {:?}",
                    traces.len(),
                    traces.iter().map(outline).collect::<Vec<_>>()
                )),
            }
        });
        found
            .await
            .unwrap_or_else(|error| panic!("{error:#}\n{}", self.pipeline.service.lines().join("\n")))
    }

    async fn publish_traced(&self, body: &Value) {
        let parent = json!({"traceparent": format!("00-{PARENT_TRACE}-{PARENT_SPAN}-01")});
        self.pipeline.publish_with(&parent, body.to_string()).await;
    }
}

/// The deliveries of an event, the first one first.
fn deliveries(trace: &Trace) -> Vec<&Span> {
    let mut deliveries = trace.named(PROCESS);
    deliveries.sort_by_key(|span| span.start_time);
    deliveries
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_one_trace_that_goes_on_with_its_producers() {
    for protocol in ["grpc", "http/protobuf"] {
        let Some(traced) = Traced::start("trace", protocol, &[]).await else {
            return;
        };
        let pipeline = &traced.pipeline;
        let id = fresh_id();
        let begun = jiff::Timestamp::now();
        let path = pipeline.put(&format!("tiktok/{id}.json"), batch_of(&id, 3)).await;
        let body = event(&id, &path);
        traced.publish_traced(&body).await;
        pipeline.stored(std::slice::from_ref(&id)).await;
        pipeline.queue_empties().await;

        let trace = traced.trace_of(&id, "settle", 1).await;
        assert_eq!(trace.id, PARENT_TRACE);
        let tree = [PROCESS, "  fetch", "  parse", "  write", "  settle"];
        assert_eq!(outline(&trace), tree, "{trace:#?}");
        let root = deliveries(&trace)[0];
        let parent = root.parent().unwrap();
        assert_eq!((&*parent.trace, &*parent.span), (PARENT_TRACE, PARENT_SPAN));
        assert_in_time(&trace, root, begun);
        assert_attributes(&traced, &trace, &body);
        let kinds: Vec<_> = trace
            .children(root)
            .into_iter()
            .map(|child| child.tag("span.kind").unwrap())
            .collect();
        assert_eq!(kinds, [CLIENT, INTERNAL, CLIENT, CLIENT]);
        let noted = "SELECT trace_id FROM ingested_batches WHERE event_id = $1";
        let noted: String = pipeline.database.query_one(noted, &[&id]).await.unwrap().get(0);
        assert_eq!(noted, PARENT_TRACE);
    }
}

fn assert_attributes(traced: &Traced, trace: &Trace, body: &Value) {
    let root = deliveries(trace)[0];
    let tenant = &traced.pipeline.tenant;
    let broker = tenant.stack().rabbitmq.port();
    let size = body.to_string().len();
    Seen::of(root)
        .is("span.kind", CONSUMER)
        .is("messaging.system", "rabbitmq")
        .is("messaging.operation.type", "process")
        .has("messaging.operation.name")
        .has("messaging.destination.name")
        .is("messaging.rabbitmq.destination.routing_key", "data.collected")
        .is("messaging.message.body.size", size)
        .is("server.address", "127.0.0.1")
        .is("server.port", broker)
        .is("millrace.event_id", body["event_id"].clone())
        .is("millrace.job_id", "proj_xyz-brand-0")
        .is("millrace.project_id", "proj_xyz")
        .is("millrace.platform", "tiktok")
        .is("millrace.batch_index", 1)
        .is("millrace.attempt", 1)
        .is("millrace.items", 3)
        .lacks("error.type")
        .lacks("otel.status_code");
    let key = body["payload"]["minio_path"]
        .as_str()
        .unwrap()
        .split_once('/')
        .unwrap()
        .1;
    Seen::of(trace.named("fetch")[0])
        .is("aws.s3.bucket", tenant.bucket())
        .is("aws.s3.key", key)
        .is(
            "millrace.object.size",
            batch_of(body["event_id"].as_str().unwrap(), 3).len(),
        );
    Seen::of(trace.named("write")[0])
        .is("db.system.name", "postgresql")
        .is("db.namespace", tenant.vhost())
        .lacks("error.type");
    let resource = trace.resource(root);
    assert_eq!(trace.service(root), Some("millrace"));
    assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
    assert!(
        resource["service.instance.id"]
            .as_str()
            .is_some_and(|id| !id.is_empty()),
        "{resource:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_producer_sent_no_trace_has_one_of_its_own() {
    let settings = [("OTEL_SERVICE_NAME", "pipeline-7")];
    let Some(traced) = Traced::start("own-trace", "grpc", &settings).await else {
        return;
    };
    let ids = [fresh_id(), fresh_id()];
    for id in &ids {
        traced.pipeline.batch(id, 1).await;
    }
    traced.pipeline.stored(&ids).await;
    // The last spans are not lost at the end.
    assert_eq!(traced.pipeline.service.terminate().await.unwrap(), Some(0));
    for id in &ids {
        let noted = "SELECT trace_id FROM ingested_batches WHERE event_id = $1";
        let noted: String = traced
            .pipeline
            .database
            .query_one(noted, &[id])
            .await
            .unwrap()
            .get(0);
        let trace = traced.jaeger.trace(&noted).await.unwrap().unwrap();
        assert_eq!(
            outline(&trace),
            [PROCESS, "  fetch", "  parse", "  write", "  settle"]
        );
        assert_eq!(trace.service(&trace.spans[0]), Some("pipeline-7"));
        assert!(deliveries(&trace)[0].parent().is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_says_why_and_names_the_span_that_published_it() {
    let Some(traced) = Traced::start("dead-trace", "grpc", &[]).await else {
        return;
    };
    let id = fresh_id();
    traced.publish_traced(&event(&id, "not-allowed/a.json")).await;
    let letter = traced.pipeline.dead_letters(1).await.remove(0);
    let trace = traced.trace_of(&id, "settle", 1).await;
    let publish = format!("{DLQ} publish");
    let tree = [
        PROCESS.to_owned(),
        "  fetch".to_owned(),
        "  settle".to_owned(),
        format!("    {publish}"),
    ];
    assert_eq!(outline(&trace), tree, "{trace:#?}");
    for span in [deliveries(&trace)[0], trace.named("fetch")[0]] {
        Seen::of(span).failed("bucket_not_allowed");
    }
    let publish = trace.named(&publish)[0];
    Seen::of(publish)
        .is("span.kind", PRODUCER)
        .is("messaging.destination.name", DLQ);
    let named = format!("00-{PARENT_TRACE}-{}-01", publish.id);
    assert_eq!(letter.header("traceparent"), Some(named));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_retried_stays_in_its_trace() {
    let settings = [
        ("FAILPOINTS", "parse.begin=1*return(panic evt_panics_once)"),
        ("RETRY_INITIAL_DELAY", "0.2"),
        ("RETRY_MAX_DELAY", "0.2"),
    ];
    let Some(traced) = Traced::start("retried-trace", "grpc", &settings).await else {
        return;
    };
    let id = "evt_panics_once";
    traced.pipeline.batch(id, 2).await;
    traced.pipeline.stored(&[id.to_owned()]).await;
    let trace = traced.trace_of(id, "settle", 2).await;
    let publish = format!("{QUEUE}.retry.200ms publish");
    let tree = [
        PROCESS.to_owned(),
        "  fetch".to_owned(),
        "  parse".to_owned(),
        "  settle".to_owned(),
        format!("    {publish}"),
        format!("      {PROCESS}"),
        "        fetch".to_owned(),
        "        parse".to_owned(),
        "        write".to_owned(),
        "        settle".to_owned(),
    ];
    assert_eq!(outline(&trace), tree, "{trace:#?}");
    let [first, second] = deliveries(&trace)[..] else {
        panic!("{trace:#?}")
    };
    Seen::of(first)
        .is("millrace.attempt", 1)
        .is("millrace.event_id", id)
        .failed("panic");
    Seen::of(second)
        .is("millrace.attempt", 2)
        .is("millrace.event_id", id)
        .lacks("error.type");
    Seen::of(trace.children(first)[1]).failed("panic");
    assert_eq!(second.parent().unwrap().span, trace.named(&publish)[0].id);
    assert!(first.end_time() <= second.start_time, "{trace:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_serves_several_events_is_linked_to_all_of_them() {
    let settings = [("MAX_WRITERS", "1"), ("EVENT_PREFETCH_COUNT", "8")];
    let Some(traced) = Traced::start("shared-write", "grpc", &settings).await else {
        return;
    };
    let pipeline = &traced.pipeline;
    let locked = pipeline.tenant.connect_postgres().await.unwrap();
    locked
        .batch_execute("BEGIN; LOCK TABLE ingested_batches IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let ids: Vec<_> = (0..5).map(|_| fresh_id()).collect();
    for (n, id) in ids.iter().enumerate() {
        pipeline.batch(id, 1).await;
        // The first occupies the writer, and the others gather.
        wait_for("the event to come to the writer", PATIENCE, async || {
            let metrics = pipeline.service.metrics().await.ok()?;
            let depth = metrics.sum("analytics_actor_mailbox_depth", &[("actor", "writer-0")]);
            (depth == Some((n + 1) as f64)).then_some(())
        })
        .await
        .unwrap();
    }
    locked.batch_execute("ROLLBACK").await.unwrap();
    pipeline.stored(&ids).await;
    let mut writes = Vec::new();
    for id in &ids[1..] {
        let trace = traced.trace_of(id, "settle", 1).await;
        let write = trace.named("write")[0];
        let [link] = write.links()[..] else {
            panic!("{write:#?}")
        };
        writes.push((trace.id.clone(), write.clone(), link.clone()));
    }
    let shared = &writes[0].2;
    assert!(
        writes.iter().all(|(_, _, link)| link == shared),
        "one write for all: {writes:#?}"
    );
    let batch = wait_for("the trace of the shared write", PATIENCE, async || {
        traced.jaeger.trace(&shared.trace).await.ok().flatten()
    })
    .await
    .unwrap();
    assert_eq!(outline(&batch), ["write batch"]);
    let span = &batch.spans[0];
    assert_eq!(span.id, shared.span);
    Seen::of(span)
        .is("span.kind", CLIENT)
        .is("db.system.name", "postgresql")
        .is("millrace.events", ids.len() - 1);
    let mut served: Vec<_> = span
        .links()
        .iter()
        .map(|link| (link.trace.clone(), link.span.clone()))
        .collect();
    let mut wanted: Vec<_> = writes
        .iter()
        .map(|(trace, write, _)| (trace.clone(), write.id.clone()))
        .collect();
    served.sort();
    wanted.sort();
    assert_eq!(served, wanted);
    for (_, write, _) in &writes {
        assert!(
            write.start_time <= span.end_time() && span.start_time <= write.end_time(),
            "{write:#?} {span:#?}"
        );
    }
}
