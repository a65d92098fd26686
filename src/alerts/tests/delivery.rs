//! The whole loop against a receiver on a real socket.

use super::*;
use crate::alerts::{
    channel::Pace,
    post::{Answer, Sender},
    rule::Severity,
    watch::{Alerting, Alerts, start_at},
};
use crate::config::{AlertSettings, PagerDutySettings};
use millrace_engine::{Backoff, Drain};
use millrace_stack::{Post, Receiver, Reply, wait_for};
use prometheus_client::{encoding::text::encode, registry::Registry};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);
const SLACK: &str = "/slack/SECRET";
const PAGERDUTY: &str = "/pagerduty";

/// Short pauses, so that the test is quick, and long bounds, so that a slow machine meets none.
const PACE: Pace = Pace {
    timeout: Duration::from_secs(30),
    backoff: Backoff::doubling(Duration::from_millis(10), Duration::from_millis(50)),
    farewell: Duration::from_secs(30),
    rounds: 1_000,
    span: Duration::from_secs(60),
};

/// For receivers that say nothing.
const IMPATIENT: Pace = Pace {
    timeout: Duration::from_millis(300),
    ..PACE
};

/// Alerts about what the test says is wrong.
struct Running {
    wrong: Wrong,
    alerts: Alerts,
    alerting: Alerting,
    registry: Registry,
    drain: Drain,
}

impl Running {
    fn start(pace: Pace, slack: Option<&Receiver>, pagerduty: Option<&Receiver>) -> Self {
        // Others may have installed it before: any one will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = AlertSettings {
            interval: Duration::from_millis(10),
            hold: Duration::ZERO,
            slack: slack.map(|receiver| receiver.url(SLACK).into()),
            pagerduty: pagerduty.map(|receiver| PagerDutySettings {
                routing_key: "ROUTINGKEY".into(),
                url: receiver.url(PAGERDUTY),
                least: Severity::Critical,
            }),
        };
        let wrong = Wrong::default();
        let mut registry = Registry::default();
        let drain = Drain::default();
        let watched = wrong.watched();
        let started = start_at(
            pace,
            &settings,
            REPLICA.into(),
            watched,
            &mut registry,
            drain.clone(),
        );
        let (alerts, alerting) = started.unwrap();
        Self {
            wrong,
            alerts,
            alerting,
            registry,
            drain,
        }
    }

    /// Changes what is wrong, and waits until so many alerts fire.
    async fn set(&self, fire: usize, change: impl FnOnce(&Wrong)) {
        change(&self.wrong);
        wait_for("the watch to see it", PATIENCE, async || {
            let firing = self.alerts.firing();
            if firing.len() == fire {
                Ok(())
            } else {
                Err(format!("{firing:?}"))
            }
        })
        .await
        .unwrap();
    }

    async fn lose_broker(&self) {
        self.set(1, |wrong| wrong.is(BROKER_LOST, "connection refused"))
            .await;
    }

    async fn find_broker(&self) {
        self.set(0, |wrong| wrong.is_no_longer(BROKER_LOST)).await;
    }

    fn counted(&self, channel: &str, outcome: &str) -> u64 {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        let start = format!("analytics_alert_notices_total{{channel=\"{channel}\",outcome=\"{outcome}\"}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&start));
        value.map_or(0, |value| value.parse().unwrap())
    }
}

/// Waits until the receiver took so many, and returns them.
async fn taken(receiver: &Receiver, path: &str, count: usize) -> Vec<Value> {
    wait_for("posts to be taken", PATIENCE, async || {
        let taken = receiver.taken(path);
        if taken.len() == count {
            Ok(taken)
        } else {
            Err(format!("{taken:#?}"))
        }
    })
    .await
    .unwrap()
}

async fn posts(receiver: &Receiver, count: usize) -> Vec<Post> {
    wait_for("posts", PATIENCE, async || {
        let posts = receiver.posts();
        if posts.len() >= count {
            Ok(posts)
        } else {
            Err(format!("{posts:#?}"))
        }
    })
    .await
    .unwrap()
}

/// The titles of a Slack message.
fn text(message: &Value) -> &str {
    message["text"].as_str().unwrap()
}

#[tokio::test]
async fn both_are_told_when_it_starts_and_when_it_is_over() {
    let receiver = Receiver::start().await.unwrap();
    let running = Running::start(PACE, Some(&receiver), Some(&receiver));
    running.lose_broker().await;
    let firing = running.alerts.firing();
    assert_eq!(
        (firing[0].rule, firing[0].summary.as_str()),
        ("broker_lost", "connection refused")
    );
    taken(&receiver, SLACK, 1).await;
    taken(&receiver, PAGERDUTY, 1).await;
    running.find_broker().await;
    let messages = taken(&receiver, SLACK, 2).await;
    assert_eq!(text(&messages[0]), "[CRITICAL] Broker lost");
    assert_eq!(text(&messages[1]), "[RESOLVED] Broker lost");
    let events = taken(&receiver, PAGERDUTY, 2).await;
    let actions = [&events[0]["event_action"], &events[1]["event_action"]];
    assert_eq!(actions, ["trigger", "resolve"]);
    assert_eq!(events[0]["dedup_key"], events[1]["dedup_key"]);
    assert_eq!(events[0]["routing_key"], "ROUTINGKEY");
    wait_for("both to be counted", PATIENCE, async || {
        (
            running.counted("slack", "sent"),
            running.counted("pagerduty", "sent"),
        ) == (2, 2)
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_starts_together_is_one_message_and_an_incident_each() {
    let receiver = Receiver::start().await.unwrap();
    let running = Running::start(PACE, Some(&receiver), Some(&receiver));
    // All at once, as one look finds them.
    let three = [BROKER_LOST, ERROR_RATE, SUCCESS_RATE].map(|rule| (rule.name, "bad".to_owned()));
    let change = |wrong: &Wrong| wrong.0.lock().unwrap().extend(three);
    running.set(3, change).await;
    let messages = taken(&receiver, SLACK, 1).await;
    assert_eq!(
        text(&messages[0]),
        "[CRITICAL] Broker lost\n[WARNING] High error rate\n[WARNING] Low success rate"
    );
    let events = taken(&receiver, PAGERDUTY, 1).await;
    assert_eq!(
        events[0]["payload"]["class"], "broker_lost",
        "warnings page no person"
    );
}

#[tokio::test]
async fn a_receiver_that_asks_for_patience_gets_it_and_then_the_notice_once() {
    let receiver = Receiver::start().await.unwrap();
    receiver.reply([Reply::RetryAfter(429, 1), Reply::Status(500), Reply::Status(503)]);
    let running = Running::start(PACE, Some(&receiver), None);
    running.lose_broker().await;
    taken(&receiver, SLACK, 1).await;
    assert_eq!(receiver.posts().len(), 4);
    assert_eq!(running.counted("slack", "failed"), 3);
    running.find_broker().await;
    taken(&receiver, SLACK, 2).await;
    assert_eq!(receiver.posts().len(), 5, "nothing is told twice");
}

#[tokio::test]
async fn what_is_refused_is_not_tried_again_and_holds_up_nothing() {
    let receiver = Receiver::start().await.unwrap();
    receiver.reply([Reply::Status(404)]);
    let running = Running::start(PACE, Some(&receiver), None);
    running.lose_broker().await;
    posts(&receiver, 1).await;
    running.find_broker().await;
    let messages = taken(&receiver, SLACK, 1).await;
    assert_eq!(text(&messages[0]), "[RESOLVED] Broker lost");
    assert_eq!(receiver.posts().len(), 2);
    assert_eq!(running.counted("slack", "refused"), 1);
}

#[tokio::test]
async fn a_mute_receiver_delays_no_other_and_is_told_later_how_things_are() {
    let (mute, well) = (Receiver::start().await.unwrap(), Receiver::start().await.unwrap());
    mute.reply([Reply::Silence, Reply::Silence]);
    let running = Running::start(IMPATIENT, Some(&mute), Some(&well));
    running.lose_broker().await;
    taken(&well, PAGERDUTY, 1).await;
    taken(&mute, SLACK, 1).await;
    assert!(running.counted("slack", "failed") >= 2);
}

#[tokio::test]
async fn a_receiver_that_is_down_costs_no_memory_and_is_told_later_how_things_are() {
    let mut receiver = Receiver::absent().unwrap();
    let running = Running::start(PACE, Some(&receiver), None);
    for _ in 0..20 {
        running.lose_broker().await;
        running.find_broker().await;
    }
    running.set(1, |wrong| wrong.is(DATABASE_LOST, "disk full")).await;
    wait_for("failures", PATIENCE, async || {
        running.counted("slack", "failed") > 3
    })
    .await
    .unwrap();
    assert_eq!(
        running.counted("slack", "replaced"),
        39,
        "40 notices about the broker, of which one waits"
    );
    receiver.come().await.unwrap();
    let messages = taken(&receiver, SLACK, 1).await;
    assert_eq!(
        text(&messages[0]),
        "[RESOLVED] Broker lost\n[CRITICAL] Database lost"
    );
}

#[tokio::test]
async fn more_notices_than_allowed_wait_and_are_told_in_one() {
    let receiver = Receiver::start().await.unwrap();
    let pace = Pace {
        rounds: 2,
        span: Duration::from_secs(3_600),
        ..PACE
    };
    let running = Running::start(pace, Some(&receiver), None);
    running.lose_broker().await;
    taken(&receiver, SLACK, 1).await;
    running.find_broker().await;
    taken(&receiver, SLACK, 2).await;
    // The two are used up.
    running.set(1, |wrong| wrong.is(DATABASE_LOST, "disk full")).await;
    running.set(2, |wrong| wrong.is(STORE_LOST, "no answer")).await;
    running.set(1, |wrong| wrong.is_no_longer(DATABASE_LOST)).await;
    assert_eq!(receiver.posts().len(), 2);
    // A stop waits for no allowance.
    running.drain.order();
    running.alerting.ended().await;
    let messages = taken(&receiver, SLACK, 3).await;
    assert_eq!(
        text(&messages[2]),
        "[CRITICAL] Object store lost\n[RESOLVED] Database lost"
    );
}

#[tokio::test]
async fn a_stop_tells_what_is_left() {
    let receiver = Receiver::start().await.unwrap();
    receiver.reply([Reply::RetryAfter(429, 600)]);
    let running = Running::start(PACE, Some(&receiver), None);
    running.lose_broker().await;
    posts(&receiver, 1).await;
    running.drain.order();
    running.alerting.ended().await;
    assert_eq!(receiver.taken(SLACK).len(), 1);
}

#[tokio::test]
async fn a_mute_receiver_does_not_hold_up_a_stop() {
    let receiver = Receiver::start().await.unwrap();
    receiver.reply(std::iter::repeat_n(Reply::Silence, 100));
    let pace = Pace {
        timeout: Duration::from_secs(3_600),
        farewell: Duration::from_millis(100),
        ..PACE
    };
    let running = Running::start(pace, Some(&receiver), None);
    running.lose_broker().await;
    posts(&receiver, 1).await;
    running.drain.order();
    let Running {
        alerting, registry, ..
    } = running;
    tokio::time::timeout(PATIENCE, alerting.ended()).await.unwrap();
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    assert!(
        text.contains("{channel=\"slack\",outcome=\"unsent\"} 1"),
        "{text}"
    );
}

#[tokio::test]
async fn nothing_is_evaluated_during_a_drain() {
    let receiver = Receiver::start().await.unwrap();
    let running = Running::start(PACE, Some(&receiver), None);
    running.drain.order();
    running.wrong.is(BROKER_LOST, "draining");
    running.alerting.ended().await;
    assert!(receiver.posts().is_empty());
}

#[tokio::test]
async fn no_error_names_the_address_and_no_redirect_is_followed() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (receiver, other) = (Receiver::start().await.unwrap(), Receiver::start().await.unwrap());
    let gone = Receiver::absent().unwrap();
    receiver.reply([
        Reply::Redirect(other.url("/SECRET")),
        Reply::Status(500),
        Reply::Silence,
    ]);
    let addresses = [
        receiver.url("/SECRET"),
        receiver.url("/SECRET"),
        receiver.url("/SECRET"),
        gone.url("/SECRET"),
        "http://SECRET.invalid/SECRET".to_owned(),
        "http://127.0.0.1:0/SECRET".to_owned(),
        "no address SECRET".to_owned(),
    ];
    for address in addresses {
        let sender = Sender::new(address.clone().into(), IMPATIENT.timeout).unwrap();
        let answer = sender.post(&Value::Null).await;
        assert_ne!(answer, Answer::Taken, "{address}");
        let said = format!("{answer:?} {sender:?}");
        assert!(!said.contains("SECRET"), "{said}");
    }
    assert!(other.posts().is_empty());
}
