//! PagerDuty's Events API v2: one event for each notice.

use super::{
    channel::{Form, Request},
    notice::{Kind, Notice},
    outbox::Waiting,
    rule::{Rule, Severity},
    watch::Origin,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// Writes for PagerDuty.
#[derive(Debug)]
pub(super) struct PagerDuty {
    origin: Origin,
    routing_key: SecretString,
    least: Severity,
}

/// Longer ones are refused.
const LONGEST_KEY: usize = 255;
const LONGEST_SUMMARY: usize = 1024;

// === impl PagerDuty ===

impl PagerDuty {
    pub(super) fn new(origin: Origin, routing_key: SecretString, least: Severity) -> Self {
        Self {
            origin,
            routing_key,
            least,
        }
    }

    fn event(&self, notice: &Notice) -> Value {
        let mut event = json!({
            "routing_key": self.routing_key.expose_secret(),
            "event_action": if notice.kind == Kind::Over { "resolve" } else { "trigger" },
            "dedup_key": self.key(notice.rule),
        });
        if notice.kind != Kind::Over {
            event["client"] = "millrace".into();
            event["payload"] = self.payload(notice);
        }
        event
    }

    /// One incident for each rule of a pipeline, whichever replica speaks of it.
    fn key(&self, rule: Rule) -> String {
        cut(
            format!("millrace/{}/{}", rule.name(), self.origin.name),
            LONGEST_KEY,
        )
    }

    fn payload(&self, notice: &Notice) -> Value {
        let Origin { name, replica } = &self.origin;
        let summary = format!("{}: {}", notice.rule.title(), notice.summary);
        json!({
            "summary": cut(summary, LONGEST_SUMMARY),
            "source": replica,
            "severity": notice.rule.severity().as_str(),
            "timestamp": notice.since,
            "component": "millrace",
            "group": name,
            "class": notice.rule.name(),
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
        rule.severity() >= self.least
    }

    fn write(&self, waiting: &[Waiting]) -> Vec<Request> {
        let requests = waiting.iter().map(|waiting| Request {
            body: self.event(&waiting.notice),
            numbers: vec![waiting.number],
        });
        requests.collect()
    }
}

/// At most so many bytes, at the border of a character.
fn cut(mut text: String, longest: usize) -> String {
    text.truncate(text.floor_char_boundary(longest));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::tests::{notice, origin, waiting};

    fn pagerduty(origin: Origin, least: Severity) -> PagerDuty {
        PagerDuty::new(origin, "ROUTINGKEY".into(), least)
    }

    #[test]
    fn an_incident_is_opened_and_closed_by_the_same_key() {
        let two = [
            notice(Rule::BrokerLost, Kind::Started),
            notice(Rule::BrokerLost, Kind::Over),
        ];
        let requests = pagerduty(origin(), Severity::Critical).write(&waiting(two));
        let events: Vec<&Value> = requests.iter().map(|request| &request.body).collect();
        assert_eq!(events[0]["dedup_key"], events[1]["dedup_key"]);
        insta::assert_json_snapshot!(events);
    }

    #[test]
    fn replicas_of_a_pipeline_open_one_incident_and_other_pipelines_others() {
        let other_replica = Origin {
            replica: "millrace@other/1".to_owned(),
            ..origin()
        };
        let other_origin = Origin {
            name: "mq/staging/q".to_owned(),
            ..origin()
        };
        let key = |origin| pagerduty(origin, Severity::Critical).key(Rule::ErrorRate);
        assert_eq!(key(origin()), key(other_replica));
        assert_ne!(key(origin()), key(other_origin));
    }

    #[test]
    fn nothing_is_longer_than_pagerduty_takes() {
        let long = Origin {
            name: "ß".repeat(400),
            ..origin()
        };
        let mut notice = notice(Rule::BrokerLost, Kind::Started);
        notice.summary = "ß".repeat(4_000);
        let pagerduty = pagerduty(long, Severity::Critical);
        let keys: std::collections::BTreeSet<String> = Rule::ALL.map(|rule| pagerduty.key(rule)).into();
        assert_eq!(keys.len(), Rule::ALL.len());
        assert!(keys.iter().all(|key| key.len() <= LONGEST_KEY));
        let event = pagerduty.event(&notice);
        assert!(event["payload"]["summary"].as_str().unwrap().len() <= LONGEST_SUMMARY);
    }

    #[test]
    fn what_can_wait_for_the_morning_pages_no_person_unless_it_is_asked_for() {
        let wanted = |least| {
            let pagerduty = pagerduty(origin(), least);
            Rule::ALL
                .into_iter()
                .filter(|rule| pagerduty.wants(*rule))
                .count()
        };
        assert_eq!((wanted(Severity::Critical), wanted(Severity::Warning)), (5, 9));
    }
}
