//! What people are told.

use super::rule::Rule;
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};

/// One thing to tell about one rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Notice {
    pub(super) rule: Rule,
    /// The pipeline that it is about, as receivers know it.
    pub(super) about: Arc<str>,
    pub(super) kind: Kind,
    /// Since when it is, or was, so.
    pub(super) since: Timestamp,
    /// When it was noticed.
    pub(super) at: Timestamp,
    /// How long it has been so.
    pub(super) lasted: Duration,
    /// The figure, where there is one.
    pub(super) value: Option<f64>,
    /// What it is compared with.
    pub(super) threshold: Option<f64>,
    /// What is so now.
    pub(super) summary: String,
}

/// What a notice says of its alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Started,
    /// A reminder.
    Still,
    Over,
}

// === impl Notice ===

impl Notice {
    /// Where the runbook speaks of it, below the repository.
    pub(super) fn runbook(&self) -> String {
        format!("docs/ALERTS.md#{}", self.rule.name)
    }

    /// One line in the log.
    pub(super) fn log(&self) {
        let (rule, severity) = (self.rule.name, self.rule.severity.as_str());
        let (value, threshold) = (self.value, self.threshold);
        let (seconds, summary) = (self.lasted.as_secs_f64(), &self.summary);
        match self.kind {
            Kind::Started => tracing::warn!(
                alert.rule = rule,
                alert.severity = severity,
                alert.value = value,
                alert.threshold = threshold,
                "alert {rule} started: {summary}"
            ),
            Kind::Still => tracing::warn!(
                alert.rule = rule,
                alert.severity = severity,
                alert.value = value,
                alert.threshold = threshold,
                alert.duration_seconds = seconds,
                "alert {rule} goes on: {summary}"
            ),
            Kind::Over => tracing::info!(
                alert.rule = rule,
                alert.severity = severity,
                alert.value = value,
                alert.threshold = threshold,
                alert.duration_seconds = seconds,
                "alert {rule} is over: {summary}"
            ),
        }
    }
}
