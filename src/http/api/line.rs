//! Log lines as the API tells them.

use crate::telemetry::Line;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Something about an actor.
#[derive(Serialize, ToSchema)]
pub(super) struct Incident {
    /// When.
    at: Timestamp,
    /// `INFO`, `WARN` or `ERROR`.
    level: &'static str,
    /// For people.
    message: String,
    /// Which actor, where it is about one.
    actor: Option<String>,
    /// The event that it held.
    event_id: Option<String>,
    /// `outage`, `panic`, `hung`, `broken`.
    cause: Option<String>,
    /// What went wrong.
    error: Option<String>,
    /// What became of the event: `held`, `requeued`, `retried`.
    fate: Option<String>,
    /// Restarts of this actor for this cause so far.
    restarts: Option<u64>,
    /// Pause before the restart.
    delay_ms: Option<u64>,
}

/// An event that was given up.
#[derive(Serialize, ToSchema)]
pub(super) struct DeadLetter {
    /// When.
    at: Timestamp,
    /// Its id, where it could be read.
    event_id: Option<String>,
    /// Why, as a code.
    reason: String,
    /// Why, for people.
    detail: String,
    /// The number of the attempt that failed last, from 1; only charged attempts count.
    attempts: u64,
    /// Its job.
    job_id: Option<String>,
    /// Its project.
    project_id: Option<String>,
    /// The trace it belongs to.
    trace_id: Option<String>,
}

/// A line about an event.
#[derive(Serialize, ToSchema)]
pub struct Told {
    /// When.
    at: Timestamp,
    /// `DEBUG`, `INFO`, `WARN` or `ERROR`.
    level: &'static str,
    /// For people.
    message: String,
    /// Which part of the program says it.
    target: &'static str,
    /// For machines.
    fields: BTreeMap<&'static str, Value>,
}

fn text(line: &Line, name: &str) -> Option<String> {
    line.text(name).map(str::to_owned)
}

// === impl Incident ===

impl From<&Line> for Incident {
    fn from(line: &Line) -> Self {
        Self {
            at: line.at,
            level: line.level,
            message: line.message.clone(),
            actor: text(line, "actor"),
            event_id: text(line, "event_id"),
            cause: text(line, "cause"),
            error: text(line, "error").or_else(|| text(line, "breaker.detail")),
            fate: text(line, "fate"),
            restarts: line.count("restarts"),
            delay_ms: line.count("delay_ms"),
        }
    }
}

// === impl DeadLetter ===

impl From<&Line> for DeadLetter {
    fn from(line: &Line) -> Self {
        Self {
            at: line.at,
            event_id: text(line, "event_id"),
            reason: text(line, "reason").unwrap_or_default(),
            detail: text(line, "detail").unwrap_or_default(),
            attempts: line.count("attempts").unwrap_or_default(),
            job_id: text(line, "job_id"),
            project_id: text(line, "project_id"),
            trace_id: text(line, "trace_id"),
        }
    }
}

// === impl Told ===

impl From<&Line> for Told {
    fn from(line: &Line) -> Self {
        Self {
            at: line.at,
            level: line.level,
            message: line.message.clone(),
            target: line.target,
            fields: line.fields().map(|(name, value)| (name, value.clone())).collect(),
        }
    }
}
