//! What is counted about alerts.

use super::rule::Rule;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// What fires, and what became of notices.
#[derive(Clone, Debug)]
pub(super) struct AlertMetrics {
    firing: Family<RuleLabel, Gauge>,
    notices: Family<NoticeLabels, Counter>,
}

/// What became of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The receiver took it.
    Sent,
    /// An attempt at it failed; it is tried again.
    Failed,
    /// The receiver will never take it.
    Refused,
    /// A newer one about the same rule took its place before it could be sent.
    Replaced,
    /// The process ended first.
    Unsent,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RuleLabel {
    rule: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NoticeLabels {
    channel: &'static str,
    outcome: &'static str,
}

// === impl AlertMetrics ===

impl AlertMetrics {
    pub(super) fn register(registry: &mut Registry, rules: impl IntoIterator<Item = Rule>) -> Self {
        let metrics = Self {
            firing: Family::default(),
            notices: Family::default(),
        };
        registry.register(
            "analytics_alerts_firing",
            "1 while the alert fires, else 0",
            metrics.firing.clone(),
        );
        registry.register(
            "analytics_alert_notices",
            "Notices of alerts, by receiver and by what became of them",
            metrics.notices.clone(),
        );
        rules.into_iter().for_each(|rule| metrics.fires(rule, false));
        metrics
    }

    /// A receiver that was told nothing yet shows as 0.
    pub(super) fn receiver(&self, channel: &'static str) {
        for outcome in Outcome::ALL {
            self.count(channel, outcome, 0);
        }
    }

    pub(super) fn fires(&self, rule: Rule, yes: bool) {
        let label = RuleLabel { rule: rule.name };
        self.firing.get_or_create(&label).set(yes.into());
    }

    pub(super) fn count(&self, channel: &'static str, outcome: Outcome, notices: usize) {
        let outcome = outcome.as_str();
        let labels = NoticeLabels { channel, outcome };
        self.notices.get_or_create(&labels).inc_by(notices as u64);
    }
}

// === impl Outcome ===

impl Outcome {
    const ALL: [Self; 5] = [
        Self::Sent,
        Self::Failed,
        Self::Refused,
        Self::Replaced,
        Self::Unsent,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Replaced => "replaced",
            Self::Unsent => "unsent",
        }
    }
}
