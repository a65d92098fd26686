//! Streams.

use super::made_up::{Running, start};
use crate::telemetry::Lines;
use reqwest::Response;
use serde_json::Value;
use std::time::Duration;

/// Long enough for any machine; nothing waits for it unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// An open stream and what was read of it.
struct Reader {
    response: Response,
    text: String,
}

/// An event as a browser gets it.
#[derive(Debug)]
struct Received {
    name: String,
    id: u64,
    data: Value,
}

impl Reader {
    async fn open(service: &Running) -> Self {
        let response = reqwest::get(service.url("/api/v1/stream")).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self {
            response,
            text: String::new(),
        }
    }

    /// The next event with this name; `None` when the stream ends.
    async fn next(&mut self, name: &str) -> Option<Received> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = parse(event);
                self.text = rest.to_owned();
                if let Some(event) = event.filter(|event| event.name == name) {
                    return Some(event);
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk())
                .await
                .unwrap();
            self.text += std::str::from_utf8(&chunk.ok()??).unwrap();
        }
    }
}

fn parse(event: &str) -> Option<Received> {
    let field = |name: &str| {
        event
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    Some(Received {
        name: field("event")?.to_owned(),
        id: field("id")?.parse().unwrap(),
        data: serde_json::from_str(field("data")?).unwrap(),
    })
}

/// What the product would log, in `lines`.
fn log(lines: &Lines, what: impl FnOnce()) {
    crate::telemetry::remembering(lines, what);
}

#[tokio::test]
async fn a_status_comes_at_once_and_again_and_again() {
    let service = start().await;
    let mut stream = Reader::open(&service).await;
    let first = stream.next("status").await.unwrap();
    assert_eq!((first.id, &first.data["replica"]), (1, &"millrace@test/1".into()));
    assert!(first.data["recent"]["slots"].as_array().unwrap().len() <= 2);
    let second = stream.next("status").await.unwrap();
    assert!(second.id > first.id);
}

#[tokio::test]
async fn what_happens_is_told_to_all_that_listen() {
    let service = start().await;
    let mut streams = [Reader::open(&service).await, Reader::open(&service).await];
    log(&service.state.lines, || {
        for n in 0..100 {
            let event_id = format!("e{n}");
            tracing::info!(target: "millrace_batches::write", event_id, job_id = "j", platform = "tiktok", items = 3, errors = 1, rejected = 0, fate = "stored", "stored batch");
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
    let service = start().await;
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

#[tokio::test]
async fn there_are_16_streams_at_most() {
    let service = start().await;
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(Reader::open(&service).await);
    }
    let (code, _, body) = service.get("/api/v1/stream").await;
    assert_eq!(code, 503);
    assert!(body["error"].as_str().unwrap().contains("16"), "{body}");
    open.pop();
    // The server notices with the next status that it cannot send.
    millrace_stack::wait_for("a place to be free", PATIENCE, async || {
        service.get_status("/api/v1/stream").await == 200
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let service = start().await;
    let mut stream = Reader::open(&service).await;
    assert!(stream.next("status").await.is_some());
    service.stop.cancel();
    let ended = tokio::time::timeout(PATIENCE, stream.next("never"));
    assert!(ended.await.unwrap().is_none());
    service.served.await.unwrap();
}
