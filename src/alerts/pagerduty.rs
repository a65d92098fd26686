//! PagerDuty's Events API v2: one event for each notice.

use super::{
    channel::{Form, Request},
    notice::{Kind, Notice},
    outbox::Waiting,
    rule::{Rule, Severity},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::sync::Arc;

/// Writes for PagerDuty.
#[derive(Debug)]
pub(super) struct PagerDuty {
    replica: Arc<str>,
    routing_key: SecretString,
    least: Severity,
}

/// Longer ones are refused.
const LONGEST_KEY: usize = 255;
const LONGEST_SUMMARY: usize = 1024;

// === impl PagerDuty ===

impl PagerDuty {
    /// `replica` is what speaks.
    pub(super) fn new(replica: Arc<str>, routing_key: SecretString, least: Severity) -> Self {
        Self {
            replica,
            routing_key,
            least,
        }
    }

    fn event(&self, notice: &Notice) -> Value {
        let mut event = json!({
            "routing_key": self.routing_key.expose_secret(),
            "event_action": if notice.kind == Kind::Over { "resolve" } else { "trigger" },
            "dedup_key": key(notice),
        });
        if notice.kind != Kind::Over {
            event["client"] = "millrace".into();
            event["payload"] = self.payload(notice);
        }
        event
    }

    fn payload(&self, notice: &Notice) -> Value {
        let summary = format!("{}: {}", notice.rule.title, notice.summary);
        json!({
            "summary": cut(summary, LONGEST_SUMMARY),
            "source": &*self.replica,
            "severity": notice.rule.severity.as_str(),
            "timestamp": notice.since,
            "component": "millrace",
            "group": &*notice.about,
            "class": notice.rule.name,
            "custom_details": {
                "value": notice.value,
                "threshold": notice.threshold,
                "since": notice.since,
                "duration_seconds": notice.lasted.as_secs(),
                "version": env!("CARGO_PKG_VERSION"),
                "runbook": notice.runbook(),
            },
        })
    }
}

impl Form for PagerDuty {
    fn name(&self) -> &'static str {
        "pagerduty"
    }

    fn wants(&self, rule: Rule) -> bool {
        rule.severity >= self.least
    }

    fn write(&self, waiting: &[Waiting]) -> Vec<Request> {
        let requests = waiting.iter().map(|waiting| Request {
            body: self.event(&waiting.notice),
            numbers: vec![waiting.number],
        });
        requests.collect()
    }
}

/// One incident for each rule of a pipeline, whichever replica speaks of it.
fn key(notice: &Notice) -> String {
    cut(
        format!("millrace/{}/{}", notice.rule.name, notice.about),
        LONGEST_KEY,
    )
}

/// At most so many bytes, at the border of a character.
fn cut(mut text: String, longest: usize) -> String {
    text.truncate(text.floor_char_boundary(longest));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::tests::{BROKER_LOST, ERROR_RATE, REPLICA, RULES, notice, waiting};

    fn pagerduty(least: Severity) -> PagerDuty {
        PagerDuty::new(REPLICA.into(), "ROUTINGKEY".into(), least)
    }

    #[test]
    fn an_incident_is_opened_and_closed_by_the_same_key() {
        let two = [
            notice(BROKER_LOST, Kind::Started),
            notice(BROKER_LOST, Kind::Over),
        ];
        let requests = pagerduty(Severity::Critical).write(&waiting(two));
        let events: Vec<&Value> = requests.iter().map(|request| &request.body).collect();
        assert_eq!(events[0]["dedup_key"], events[1]["dedup_key"]);
        insta::assert_json_snapshot!(events);
    }

    #[test]
    fn replicas_of_a_pipeline_open_one_incident_and_other_pipelines_others() {
        let event = |replica: &str, notice| {
            let pagerduty = PagerDuty::new(replica.into(), "ROUTINGKEY".into(), Severity::Critical);
            pagerduty.event(&notice)["dedup_key"].clone()
        };
        let other_pipeline = Notice {
            about: "mq/staging/q".into(),
            ..notice(ERROR_RATE, Kind::Started)
        };
        let one = event(REPLICA, notice(ERROR_RATE, Kind::Started));
        assert_eq!(one, event("millrace@other/1", notice(ERROR_RATE, Kind::Started)));
        assert_ne!(one, event(REPLICA, other_pipeline));
    }

    #[test]
    fn nothing_is_longer_than_pagerduty_takes() {
        let long = |rule| Notice {
            about: "ß".repeat(400).into(),
            summary: "ß".repeat(4_000),
            ..notice(rule, Kind::Started)
        };
        let keys: std::collections::BTreeSet<String> = RULES.map(|rule| key(&long(rule))).into();
        assert_eq!(keys.len(), RULES.len());
        assert!(keys.iter().all(|key| key.len() <= LONGEST_KEY));
        let event = pagerduty(Severity::Critical).event(&long(BROKER_LOST));
        assert!(event["payload"]["summary"].as_str().unwrap().len() <= LONGEST_SUMMARY);
    }

    #[test]
    fn what_can_wait_for_the_morning_pages_no_person_unless_it_is_asked_for() {
        let wanted = |least| {
            let pagerduty = pagerduty(least);
            RULES.into_iter().filter(|rule| pagerduty.wants(*rule)).count()
        };
        assert_eq!((wanted(Severity::Critical), wanted(Severity::Warning)), (3, 5));
    }
}
