//! Alerts, black box: what Slack and PagerDuty would get, from the built program on real servers.

use crate::running::{PATIENCE, Running, fresh_id};
use millrace_stack::{Receiver, Stack, wait_for};
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

/// Waits for a Slack message with this title, and for a PagerDuty event with this action, about a rule.
async fn both_hear(receiver: &Receiver, line: &Running<'_>, title: &str, action: &str, rule: &str) -> Value {
    let about = format!("millrace/{rule}/");
    let heard = wait_for(title, PATIENCE, async || {
        let (messages, events) = (receiver.taken(SLACK), receiver.taken(PAGERDUTY));
        let told = messages
            .iter()
            .any(|message| message["text"].as_str().unwrap().contains(title));
        let event = events.iter().find(|event| {
            event["event_action"] == action && event["dedup_key"].as_str().unwrap().starts_with(&about)
        });
        match event {
            Some(event) if told => Ok(event.clone()),
            _ => Err(format!("{messages:#?} {events:#?}")),
        }
    });
    heard
        .await
        .unwrap_or_else(|error| panic!("{error:#}\n{}", line.service.lines().join("\n")))
}

async fn fires(line: &Running<'_>, rule: &str, value: f64) {
    wait_for("the gauge", PATIENCE, async || {
        let metrics = line.service.metrics().await.map_err(|error| error.to_string())?;
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

#[tokio::test(flavor = "multi_thread")]
async fn slack_and_pagerduty_hear_of_errors_and_of_a_lost_broker_and_no_log_tells_their_secrets() {
    let receiver = Receiver::start().await.unwrap();
    let settings = [
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
    ];
    let settings: Vec<_> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let stack = Stack::start().await.unwrap();
    let line = Running::start(stack.tenant("alerts").await.unwrap(), &settings).await;
    fires(&line, "error_rate", 0.0).await;

    let ids: Vec<_> = (0..4).map(|_| fresh_id()).collect();
    for id in &ids {
        let path = line.put(&format!("tiktok/{id}.json"), half_errors(id, 50)).await;
        line.announce(id, &path).await;
    }
    let event = both_hear(
        &receiver,
        &line,
        "[WARNING] High error rate",
        "trigger",
        "error_rate",
    )
    .await;
    assert_eq!(event["routing_key"], ROUTING_KEY);
    assert_eq!(event["payload"]["severity"], "warning");
    assert_eq!(event["payload"]["custom_details"]["value"], 50.0);
    assert_eq!(event["payload"]["custom_details"]["threshold"], 40.0);
    fires(&line, "error_rate", 1.0).await;

    stack.rabbitmq.stop().await.unwrap();
    let lost = both_hear(
        &receiver,
        &line,
        "[CRITICAL] Broker lost",
        "trigger",
        "broker_lost",
    )
    .await;
    assert_eq!(lost["payload"]["severity"], "critical");
    fires(&line, "broker_lost", 1.0).await;
    stack.rabbitmq.start().await.unwrap();
    let found = both_hear(
        &receiver,
        &line,
        "[RESOLVED] Broker lost",
        "resolve",
        "broker_lost",
    )
    .await;
    assert_eq!(found["dedup_key"], lost["dedup_key"]);
    fires(&line, "broker_lost", 0.0).await;

    assert_eq!(line.service.terminate().await.unwrap(), Some(0));
    let logs = line.service.logs();
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
    let telling = line.service.lines();
    let telling: Vec<_> = telling.iter().filter(|line| line.contains("SECRET")).collect();
    assert!(telling.is_empty(), "{telling:#?}");
}
