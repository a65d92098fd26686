//! What the pipeline says in streams, and the stories that are made of log lines.

use super::made_up::start;
use crate::http::tests::stream::Reader;
use crate::telemetry::Lines;
use serde_json::Value;

/// What the product would log, in `lines`.
fn log(lines: &Lines, what: impl FnOnce()) {
    crate::telemetry::remembering(lines, what);
}

#[tokio::test]
async fn a_status_holds_the_newest_slots_alone() {
    let service = start().await.http;
    let mut stream = Reader::open(&service).await;
    let status = stream.next("status").await.unwrap();
    assert!(status.data["recent"]["slots"].as_array().unwrap().len() <= 2);
}

#[tokio::test]
async fn what_happens_is_told_to_all_that_listen() {
    let service = start().await.http;
    let mut streams = [Reader::open(&service).await, Reader::open(&service).await];
    log(&service.state.lines, || {
        tracing::info!(target: "millrace_spool", pipeline = "spool", event_id = "theirs", fate = "stored", "stored note");
        for n in 0..100 {
            let event_id = format!("e{n}");
            tracing::info!(target: "millrace_batches::write", pipeline = "batches", event_id, job_id = "j", platform = "tiktok", items = 3, errors = 1, rejected = 0, fate = "stored", "stored batch");
        }
        tracing::warn!(target: "millrace_amqp", event_id = "bad", reason = "bad_path", detail = "no", attempts = 2, fate = "dead_lettered", "event cannot be stored");
        tracing::warn!(target: "millrace_engine", actor = "fetcher-0", cause = "outage", restarts = 1, "actor failed");
    });
    for stream in &mut streams {
        let batch = stream.next("batch").await.unwrap();
        assert_eq!(
            (&batch.data["event_id"], &batch.data["items"]),
            (&"e0".into(), &3.into())
        );
        assert_eq!(batch.data["project_id"], Value::Null);
        let dead = stream.next("dead_letter").await.unwrap();
        assert_eq!(
            (&dead.data["reason"], &dead.data["attempts"]),
            (&"bad_path".into(), &2.into())
        );
        assert!(dead.id < 100, "of 100 batches at once most are left out");
        let incident = stream.next("supervision").await.unwrap();
        assert_eq!(incident.data["actor"], "fetcher-0");
        assert!(incident.id > dead.id);
    }
    let (_, _, listed) = service.get("/api/v1/dead-letters?reason=bad_path").await;
    assert_eq!(listed["dead_letters"][0]["event_id"], "bad");
    assert_eq!(listed["reasons"][0]["count"], 1);
    let (_, _, story) = service.get("/api/v1/batches/bad").await;
    assert_eq!(
        (&story["fate"], &story["stored"]),
        (&"dead_lettered".into(), &Value::Null)
    );
    assert_eq!(story["history"][0]["fields"]["reason"], "bad_path");
    let (_, _, status) = service.get("/api/v1/status").await;
    assert_eq!(status["supervision"][0]["cause"], "outage");
}

#[tokio::test]
async fn a_fate_is_what_was_said_since_the_event_came_last() {
    let service = start().await.http;
    let fate = async |id: &str| service.get(&format!("/api/v1/batches/{id}")).await.2["fate"].clone();
    let receive = |id: &str| tracing::debug!(target: "millrace_amqp", event_id = id, redelivered = false, "event received");
    let settle =
        |id: &str, fate: &str| tracing::info!(target: "millrace_amqp", event_id = id, fate, "settled");
    log(&service.state.lines, || {
        ["new", "held", "back", "again", "dead", "meant"]
            .into_iter()
            .for_each(receive);
        settle("held", "held");
        settle("back", "retried");
        settle("again", "retried");
        receive("again");
        settle("dead", "dead_lettered");
        settle("dead", "retried"); // the supervisor, a moment later
        tracing::warn!(target: "millrace_engine", event_id = "meant", actor = "parser-0", fate = "retried", "failed");
    });
    assert_eq!(fate("new").await, "in_flight");
    assert_eq!(fate("held").await, "in_flight");
    assert_eq!(fate("back").await, "retried");
    assert_eq!(fate("again").await, "in_flight");
    assert_eq!(fate("dead").await, "dead_lettered");
    assert_eq!(fate("meant").await, "in_flight", "no queue has its copy yet");
}
