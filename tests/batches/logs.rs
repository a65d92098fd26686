//! The log explains: one object a line, an event followed by its id alone, levels that mean something.

mod leaks;
mod secrets;

use crate::running::{DLQ, PATIENCE, Running, batch_of, event, fresh_id};
use millrace_stack::{Stack, wait_for};
use serde_json::{Value, json};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

const ODD: &str = "the object holds another number of items than its event says";

/// The lines of a service, each of which must be an object with the fixed keys.
fn lines(pipeline: &Running<'_>) -> Vec<Value> {
    let parsed = pipeline.service.lines();
    parsed.iter().map(|text| well_formed(text)).collect()
}

fn well_formed(text: &str) -> Value {
    let log: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text:?}"));
    assert!(log.is_object(), "{text}");
    let key = |name: &str| {
        let value = log[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {text}"));
        assert!(!value.is_empty(), "an empty {name} in {text}");
        value
    };
    key("timestamp").parse::<jiff::Timestamp>().unwrap();
    assert!(
        ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&key("level")),
        "{text}"
    );
    assert!(
        !key("message").contains('\n') || log["panic.location"].is_string(),
        "{text}"
    );
    assert!(
        key("target").starts_with("millrace") || log["level"] != "INFO",
        "a chatty library: {text}"
    );
    for name in [
        "pipeline",
        "event_id",
        "job_id",
        "project_id",
        "trace_id",
        "span_id",
        "actor",
    ] {
        assert!(log[name].is_string() || log[name].is_null(), "{name} in {text}");
        assert!(
            text.matches(&format!("\"{name}\":")).count() <= 1,
            "{name} twice in {text}"
        );
    }
    let of_one = log["event_id"].is_string() || log["actor"].is_string();
    assert!(!of_one || log["pipeline"] == "batches", "whose is {text}");
    log
}

/// Level and message of each line about an event, in order.
fn story<'a>(logs: &'a [Value], event_id: &str) -> Vec<(&'a str, &'a str)> {
    let about = logs.iter().filter(|log| log["event_id"] == event_id);
    about
        .map(|log| (log["level"].as_str().unwrap(), log["message"].as_str().unwrap()))
        .collect()
}

/// What every kind of outcome is published for.
struct Outcomes {
    stored: String,
    twice: String,
    mixed: String,
    late: String,
    poison: String,
    panics: String,
}

impl Outcomes {
    fn new() -> Self {
        Self {
            stored: fresh_id(),
            twice: fresh_id(),
            mixed: fresh_id(),
            late: fresh_id(),
            poison: fresh_id(),
            panics: fresh_id(),
        }
    }

    /// Starts a pipeline on which each of these comes to its end.
    async fn run(&self, name: &str, level: &str) -> Running<'static> {
        let fault = format!("parse.begin=return(panic {})", self.panics);
        let settings = [
            ("LOG_LEVEL", level),
            ("LOG_FORMAT", "json"),
            ("FAILPOINTS", fault.as_str()),
            ("MAX_RETRY_ATTEMPTS", "2"),
            ("RETRY_INITIAL_DELAY", "0.1"),
        ];
        let pipeline = Running::shared(name, &settings).await;
        pipeline.publish("no event at all").await;
        let path = pipeline
            .put(&format!("{}.json", self.stored), batch_of(&self.stored, 3))
            .await;
        let mut traced = event(&self.stored, &path);
        traced["payload"]["batch_index"] = 7.into();
        let parent = json!({"traceparent": format!("00-{TRACE_ID}-00f067aa0ba902b7-01")});
        pipeline.publish_with(&parent, traced.to_string()).await;
        pipeline.batch(&self.twice, 1).await;
        pipeline.stored(std::slice::from_ref(&self.twice)).await;
        pipeline.batch(&self.twice, 1).await;
        self.publish_mixed(&pipeline).await;
        pipeline.batch(&self.panics, 1).await;
        pipeline.announce(&self.poison, "not-allowed/a.json").await;
        self.publish_late(&pipeline).await;
        pipeline
            .stored(&[self.stored.clone(), self.mixed.clone(), self.late.clone()])
            .await;
        pipeline.dead_letters(3).await;
        pipeline.queue_empties().await;
        assert_eq!(pipeline.service.terminate().await.unwrap(), Some(0));
        pipeline
    }

    /// A post, a crawl error and an item that is none.
    async fn publish_mixed(&self, pipeline: &Running<'_>) {
        let mut items: Value = serde_json::from_str(&batch_of(&self.mixed, 1)).unwrap();
        let items = items.as_array_mut().unwrap();
        items.push(json!({"meta": {"id": "gone", "fetch_status": "error", "error_code": "CONTENT_REMOVED"}}));
        items.push(json!("no item"));
        let path = pipeline
            .put(
                &format!("{}.json", self.mixed),
                Value::from(items.clone()).to_string(),
            )
            .await;
        pipeline.announce(&self.mixed, &path).await;
    }

    /// Its object comes when it was asked for in vain.
    async fn publish_late(&self, pipeline: &Running<'_>) {
        let key = format!("{}.json", self.late);
        pipeline
            .announce(&self.late, &format!("{}/{key}", pipeline.tenant.bucket()))
            .await;
        wait_for("a retry", PATIENCE, async || {
            let metrics = pipeline.service.metrics().await.ok()?;
            metrics
                .sum("analytics_retries_total", &[("stage", "fetcher")])
                .filter(|retries| *retries >= 1.0)
        })
        .await
        .unwrap();
        pipeline.put(&key, batch_of(&self.late, 1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_followed_by_its_id_alone_from_its_handle_to_its_acknowledgement() {
    let outcomes = Outcomes::new();
    let pipeline = outcomes.run("logs-trace", "trace").await;
    let logs = lines(&pipeline);
    let story_of = |id: &str| story(&logs, id);
    let received = ("INFO", "event received");
    let (fetched, read) = (("DEBUG", "object fetched"), ("DEBUG", "object read"));
    let (stored, acknowledged) = (("INFO", "stored batch"), ("DEBUG", "event acknowledged"));
    let retried = ("WARN", "event will be tried again");
    let dead = ("ERROR", "event cannot be stored");

    // The events claim one item, and where there are three that is worth a word.
    let odd = ("WARN", ODD);
    assert!(story_of(&outcomes.stored).contains(&odd));
    let words = |id: &str| {
        let mut story = story_of(id);
        story.retain(|line| *line != odd);
        story
    };
    assert_eq!(
        words(&outcomes.stored),
        [received, fetched, read, stored, acknowledged]
    );
    let repeated = ("INFO", "batch was stored before, nothing changed");
    assert_eq!(
        words(&outcomes.twice),
        [
            received,
            fetched,
            read,
            stored,
            acknowledged,
            received,
            repeated,
            acknowledged,
        ]
    );
    assert_eq!(words(&outcomes.poison), [received, dead, acknowledged]);
    let items = [
        ("DEBUG", "the crawler could not get this item"),
        ("DEBUG", "item rejected"),
    ];
    assert_eq!(
        words(&outcomes.mixed),
        [received, fetched, read, items[0], items[1], stored, acknowledged]
    );
    let late = words(&outcomes.late);
    assert_eq!(late[..3], [received, retried, acknowledged]);
    assert_eq!(
        late[late.len() - 5..],
        [received, fetched, read, stored, acknowledged]
    );
    assert_panicked(&logs, &outcomes.panics);
    assert_facts(&logs, &outcomes);
}

/// Two attempts, each with a panic: what the supervisor says of it and what became of it.
fn assert_panicked(logs: &[Value], id: &str) {
    let story = story(logs, id);
    let times = |wanted: &str| story.iter().filter(|(_, text)| text.starts_with(wanted)).count();
    assert_eq!(times("event received"), 2, "{story:?}");
    assert_eq!(times("panic: fault at parse.begin"), 2, "{story:?}");
    assert_eq!(times("actor failed while it held this event"), 2, "{story:?}");
    assert_eq!(
        (
            times("event will be tried again"),
            times("event cannot be stored")
        ),
        (1, 1),
        "{story:?}"
    );
    let failed = logs
        .iter()
        .find(|log| log["event_id"] == id && log["fate"] == "retried" && !log["actor"].is_null());
    let failed = failed.unwrap();
    assert!(
        failed["actor"].as_str().unwrap().starts_with("parser-"),
        "{failed}"
    );
    assert!(
        failed["restarts"].is_u64() && failed["delay_ms"].is_u64() && failed["cause"] == "panic",
        "{failed}"
    );
}

/// What is said beside the words.
fn assert_facts(logs: &[Value], outcomes: &Outcomes) {
    let with = |id: &str, message: &str| {
        let found = logs
            .iter()
            .find(|log| log["event_id"] == id && log["message"] == message);
        found.unwrap_or_else(|| panic!("no {message:?} about {id}"))
    };
    for log in logs
        .iter()
        .filter(|log| log["event_id"] == outcomes.stored.as_str())
    {
        assert_eq!(log["job_id"], "proj_xyz-brand-0", "{log}");
        assert_eq!(log["project_id"], "proj_xyz", "{log}");
        assert_eq!(log["trace_id"], TRACE_ID, "{log}");
    }
    for (message, stage) in [
        ("object fetched", "fetcher-"),
        ("object read", "parser-"),
        ("stored batch", "writer-"),
    ] {
        let actor = with(&outcomes.stored, message)["actor"].as_str().unwrap();
        assert!(actor.starts_with(stage), "{actor}");
    }
    let stored = with(&outcomes.mixed, "stored batch");
    assert_eq!(
        (&stored["success"], &stored["errors"], &stored["rejected"]),
        (&1.into(), &1.into(), &1.into())
    );
    let error = with(&outcomes.mixed, "the crawler could not get this item");
    assert_eq!(
        (&error["content_id"], &error["error_code"]),
        (&"gone".into(), &"CONTENT_REMOVED".into())
    );
    let rejected = with(&outcomes.mixed, "item rejected");
    assert_eq!(
        (&rejected["item_index"], &rejected["reason"]),
        (&2.into(), &"malformed_item".into())
    );
    let dead = with(&outcomes.poison, "event cannot be stored");
    assert_eq!(
        (&dead["reason"], &dead["fate"]),
        (&"bucket_not_allowed".into(), &"dead_lettered".into())
    );
    assert!(dead["detail"].as_str().unwrap().contains("not-allowed"), "{dead}");
    let unreadable = logs
        .iter()
        .find(|log| log["reason"] == "malformed_event")
        .unwrap();
    assert_eq!(unreadable["fate"], "dead_lettered");
}

#[tokio::test(flavor = "multi_thread")]
async fn info_tells_milestones_and_warning_only_what_went_wrong() {
    let outcomes = Outcomes::new();
    let pipeline = outcomes.run("logs-info", "INFO").await;
    let logs = lines(&pipeline);
    assert_eq!(story(&logs, &outcomes.stored)[0], ("INFO", "event received"));
    assert_eq!(
        story(&logs, &outcomes.stored).last(),
        Some(&("INFO", "stored batch"))
    );
    assert!(
        logs.iter()
            .all(|log| log["level"] != "DEBUG" && log["level"] != "TRACE")
    );

    // As Python spells it; what is said about an event still names it.
    let outcomes = Outcomes::new();
    let pipeline = outcomes.run("logs-warning", "Warning").await;
    let logs = lines(&pipeline);
    assert!(
        logs.iter()
            .all(|log| log["level"] == "WARN" || log["level"] == "ERROR")
    );
    assert_eq!(
        story(&logs, &outcomes.poison),
        [("ERROR", "event cannot be stored")]
    );
    let odd = logs.iter().find(|log| log["message"] == ODD);
    assert!(
        odd.unwrap()["event_id"].is_string() && odd.unwrap()["job_id"].is_string(),
        "{odd:?}"
    );
    assert!(
        story(&logs, &outcomes.late)
            .iter()
            .all(|line| *line == ("WARN", "event will be tried again"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_dependency_is_an_error_that_names_it_and_its_end_is_told() {
    let stack = Stack::start().await.unwrap();
    let tenant = stack.tenant("logs-outage").await.unwrap();
    let pipeline = Running::start(tenant, &[("LOG_FORMAT", "json")]).await;
    let id = fresh_id();
    let path = pipeline.put(&format!("{id}.json"), batch_of(&id, 1)).await;
    stack.objects.kill().await.unwrap();
    pipeline.announce(&id, &path).await;
    let says = |level: &str, words: &str| {
        let logs = pipeline.service.logs();
        logs.iter()
            .any(|log| log["level"] == level && log["message"].as_str().unwrap_or_default().contains(words))
    };
    let waits_for = async |level: &str, words: &str| {
        wait_for(words, PATIENCE, async || says(level, words))
            .await
            .unwrap();
    };
    waits_for("ERROR", "object_store is down for stage fetcher").await;
    waits_for("WARN", "actor failed while it held this event").await;
    stack.objects.start().await.unwrap();
    waits_for("INFO", "object_store serves stage fetcher again").await;
    pipeline.stored(&[id]).await;
    stack.rabbitmq.kill().await.unwrap();
    waits_for("ERROR", "actor failed; restarting").await;
    stack.rabbitmq.start().await.unwrap();
    pipeline.service.wait_ready(PATIENCE).await.unwrap();
    let logs = lines(&pipeline);
    let lost = logs
        .iter()
        .find(|log| log["actor"] == "ingress" && log["level"] == "ERROR")
        .unwrap();
    assert!(lost["error"].as_str().unwrap().contains("rabbitmq"), "{lost}");
    assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
}
