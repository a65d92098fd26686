//! Alerts, black box: what Slack and PagerDuty would get, from the built program on real servers.

use crate::running::{PATIENCE, Running, fresh_id};
use millrace_stack::{Receiver, Service, Stack, wait_for};
use serde_json::{Value, json};

const SLACK: &str = "/services/T0SECRET/B0SECRET/hookSECRET";
const ROUTING_KEY: &str = "R0SECRETKEY0123456789abcdefSECRET";
const PAGERDUTY: &str = "/v2/enqueue";

/// A batch in which every other item is a crawl error.
fn half_errors(name: &str, items: usize) -> String {
    let item = |n: usize| {
        let id = format!("{name}-{n}");
        match n % 2 {
            0 => json!({"meta": {"id": id, "fetch_status": "success"}, "content": {"description": "hay"}}),
            _ => json!({"meta": {"id": id, "fetch_status": "error", "error_code": "RATE_LIMITED"}}),
        }
    };
    Value::from_iter((0..items).map(item)).to_string()
}

/// Waits until, after the first so many posts, Slack got a message with this title and PagerDuty an event
/// with this action about a rule; returns the event.
async fn both_hear(
    (receiver, pipeline): (&Receiver, &Running<'_>),
    after: usize,
    title: &str,
    (action, rule): (&str, &str),
) -> Value {
    let about = format!("millrace/{rule}/");
    let heard = wait_for(title, PATIENCE, async || {
        let posts = receiver.posts().split_off(after);
        let told = posts.iter().any(|post| {
            post.path == SLACK && post.taken && post.body["text"].as_str().unwrap().contains(title)
        });
        let event = posts.iter().map(|post| &post.body).find(|body| {
            let key = body["dedup_key"].as_str().unwrap_or_default();
            body["event_action"] == action && key.starts_with(&about)
        });
        match event {
            Some(event) if told => Ok(event.clone()),
            _ => Err(format!("{posts:#?}")),
        }
    });
    heard
        .await
        .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.service.lines().join("\n")))
}

async fn fires(pipeline: &Running<'_>, rule: &str, value: f64) {
    wait_for("the gauge", PATIENCE, async || {
        let metrics = pipeline
            .service
            .metrics()
            .await
            .map_err(|error| error.to_string())?;
        let fires = metrics.sum("analytics_alerts_firing", &[("rule", rule)]);
        if fires == Some(value) {
            Ok(())
        } else {
            Err(format!("{fires:?}"))
        }
    })
    .await
    .unwrap();
}

fn settings(receiver: &Receiver) -> Vec<(&'static str, String)> {
    vec![
        ("ALERT_SLACK_WEBHOOK_URL", receiver.url(SLACK)),
        ("ALERT_PAGERDUTY_ROUTING_KEY", ROUTING_KEY.to_owned()),
        ("ALERT_PAGERDUTY_URL", receiver.url(PAGERDUTY)),
        ("ALERT_PAGERDUTY_SEVERITY", "warning".to_owned()),
        ("ALERT_INTERVAL_SECONDS", "0.2".to_owned()),
        ("ALERT_HOLD_SECONDS", "1".to_owned()),
        ("ERROR_ALERT_THRESHOLD", "40".to_owned()),
        // What any library may say of its requests is asked for too.
        (
            "RUST_LOG",
            "debug,reqwest=trace,hyper=trace,hyper_util=trace".to_owned(),
        ),
        ("LOG_FORMAT", "json".to_owned()),
    ]
}

fn tells_alerts_and_no_secrets(service: &Service) {
    let logs = service.logs();
    let said = |words: &str| {
        logs.iter()
            .find(|log| log["message"].as_str().unwrap_or_default().starts_with(words))
    };
    let started = said("alert error_rate started").unwrap();
    assert_eq!(
        (
            &started["alert.rule"],
            &started["alert.value"],
            &started["alert.threshold"]
        ),
        (&json!("error_rate"), &json!(50.0), &json!(40.0))
    );
    assert!(said("alert broker_lost started").is_some());
    assert!(said("alert broker_lost is over").is_some());
    let spoke = |library: &str| {
        logs.iter()
            .any(|log| log["target"].as_str().unwrap_or_default().starts_with(library))
    };
    assert!(
        spoke("hyper_util") && spoke("reqwest"),
        "libraries say nothing, so nothing is shown about them"
    );
    let telling = service.lines();
    let telling: Vec<_> = telling.iter().filter(|line| line.contains("SECRET")).collect();
    assert!(telling.is_empty(), "{telling:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_and_pagerduty_hear_of_errors_and_of_a_lost_broker_and_no_log_tells_their_secrets() {
    let receiver = Receiver::start().await.unwrap();
    let settings = settings(&receiver);
    let settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let stack = Stack::start().await.unwrap();
    let pipeline = Running::start(stack.tenant("alerts").await.unwrap(), &settings).await;
    let both = (&receiver, &pipeline);
    fires(&pipeline, "error_rate", 0.0).await;

    let ids: Vec<_> = (0..4).map(|_| fresh_id()).collect();
    for id in &ids {
        let path = pipeline
            .put(&format!("tiktok/{id}.json"), half_errors(id, 50))
            .await;
        pipeline.announce(id, &path).await;
    }
    let event = both_hear(both, 0, "[WARNING] High error rate", ("trigger", "error_rate")).await;
    assert_eq!(event["routing_key"], ROUTING_KEY);
    assert_eq!(event["payload"]["severity"], "warning");
    assert_eq!(event["payload"]["custom_details"]["value"], 50.0);
    assert_eq!(event["payload"]["custom_details"]["threshold"], 40.0);
    fires(&pipeline, "error_rate", 1.0).await;

    // A slow start may have been an alert as well.
    fires(&pipeline, "broker_lost", 0.0).await;
    let before = receiver.posts().len();
    stack.rabbitmq.stop().await.unwrap();
    let lost = both_hear(both, before, "[CRITICAL] Broker lost", ("trigger", "broker_lost")).await;
    assert_eq!(lost["payload"]["severity"], "critical");
    fires(&pipeline, "broker_lost", 1.0).await;
    let before = receiver.posts().len();
    stack.rabbitmq.start().await.unwrap();
    let found = both_hear(both, before, "[RESOLVED] Broker lost", ("resolve", "broker_lost")).await;
    assert_eq!(found["dedup_key"], lost["dedup_key"]);
    fires(&pipeline, "broker_lost", 0.0).await;

    assert_eq!(pipeline.service.terminate().await.unwrap(), Some(0));
    tells_alerts_and_no_secrets(&pipeline.service);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_table_that_takes_every_connection_is_told_until_it_is_free() {
    let receiver = Receiver::start().await.unwrap();
    let webhook = receiver.url(SLACK);
    let settings = [
        ("ALERT_SLACK_WEBHOOK_URL", webhook.as_str()),
        ("ALERT_INTERVAL_SECONDS", "0.2"),
        ("ALERT_HOLD_SECONDS", "1"),
        ("DATABASE_POOL_SIZE", "1"),
        ("DATABASE_MAX_OVERFLOW", "0"),
        ("MAX_WRITERS", "1"),
    ];
    let pipeline = Running::shared("exhausted", &settings).await;
    fires(&pipeline, "pool_exhausted", 0.0).await;
    let lock = "BEGIN; LOCK TABLE post_analytics";
    pipeline.database.batch_execute(lock).await.unwrap();
    let id = fresh_id();
    pipeline.batch(&id, 3).await;
    let title = "Database connections exhausted";
    hears(&receiver, &pipeline, &format!("[CRITICAL] {title}")).await;
    fires(&pipeline, "pool_exhausted", 1.0).await;
    pipeline.database.batch_execute("ROLLBACK").await.unwrap();
    hears(&receiver, &pipeline, &format!("[RESOLVED] {title}")).await;
    pipeline.stored(&[id]).await;
}

async fn hears(receiver: &Receiver, pipeline: &Running<'_>, title: &str) {
    wait_for(title, PATIENCE, async || {
        let messages = receiver.taken(SLACK);
        let told = |message: &Value| message["text"].as_str().unwrap().contains(title);
        if messages.iter().any(told) {
            Ok(())
        } else {
            Err(format!("{messages:#?}"))
        }
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.service.lines().join("\n")));
}
