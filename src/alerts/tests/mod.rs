//! What the tests of alerts share, and the tests of more than one file.

mod delivery;
mod state;

use super::{
    Finding, Health, Rule,
    Severity::{self, Critical, Warning},
    Watched,
    notice::{Kind, Notice},
    outbox::Waiting,
    watch::DependencyView,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

pub(super) const BROKER_LOST: Rule = rule("broker_lost", "Broker lost", Critical);
pub(super) const STORE_LOST: Rule = rule("object_store_lost", "Object store lost", Critical);
pub(super) const DATABASE_LOST: Rule = rule("database_lost", "Database lost", Critical);
pub(super) const ERROR_RATE: Rule = rule("error_rate", "High error rate", Warning);
pub(super) const SUCCESS_RATE: Rule = rule("success_rate", "Low success rate", Warning);

/// The rules of a made-up pipeline.
pub(super) const RULES: [Rule; 5] = [BROKER_LOST, STORE_LOST, DATABASE_LOST, ERROR_RATE, SUCCESS_RATE];

pub(super) const REPLICA: &str = "millrace@host/1";
const ABOUT: &str = "mq/analytics.data.collected";

/// What is wrong, by rule, with words about it.
#[derive(Clone, Default)]
struct Wrong(Arc<Mutex<BTreeMap<&'static str, String>>>);

const fn rule(name: &'static str, title: &'static str, severity: Severity) -> Rule {
    Rule {
        name,
        title,
        severity,
    }
}

pub(super) fn notice(rule: Rule, kind: Kind) -> Notice {
    Notice {
        rule,
        about: ABOUT.into(),
        kind,
        since: "2026-01-02T03:04:05Z".parse().unwrap(),
        at: "2026-01-02T03:09:15Z".parse().unwrap(),
        lasted: Duration::from_secs(310),
        value: None,
        threshold: None,
        summary: "as the rule found it".to_owned(),
    }
}

/// Notices as they wait, even several about one rule.
pub(super) fn waiting(notices: impl IntoIterator<Item = Notice>) -> Vec<Waiting> {
    let numbered = (1..).zip(notices);
    numbered
        .map(|(number, notice)| Waiting { number, notice })
        .collect()
}

// === impl Wrong ===

impl Wrong {
    fn is(&self, rule: Rule, why: &str) {
        self.0.lock().unwrap().insert(rule.name, why.to_owned());
    }

    fn is_no_longer(&self, rule: Rule) {
        self.0.lock().unwrap().remove(rule.name);
    }

    /// A pipeline of which this is wrong.
    fn watched(&self) -> Vec<(Watched, DependencyView)> {
        let wrong = self.clone();
        let look = move |rule: Rule| match wrong.0.lock().unwrap().get(rule.name) {
            Some(why) => Finding::plain(Health::Bad, why.clone()),
            None => Finding::plain(Health::Good, "all is well".to_owned()),
        };
        let watched = Watched {
            name: ABOUT.into(),
            rules: RULES.into(),
            look: Box::new(move |_, _| RULES.map(&look).into()),
        };
        vec![(watched, Box::new(Vec::new))]
    }
}
