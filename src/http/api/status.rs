//! `/status`: this replica at a glance.

use super::Api;
use super::line::Incident;
use crate::health::{Consuming, DependencyStatus, FiringAlert, HealthView, Inflight, Queues, StageStatus};
use crate::http::Extent;
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The state of this replica, and what it saw since it started.
#[derive(Serialize, ToSchema)]
pub(super) struct Status {
    status: Condition,
    /// Of the program.
    version: &'static str,
    /// Who answers.
    replica: String,
    /// When this was so.
    timestamp: Timestamp,
    /// When this replica started.
    started_at: Timestamp,
    live: Live,
    consuming: Consuming,
    /// In the order of the data.
    dependencies: Vec<DependencyStatus>,
    /// In the order of the data.
    #[serde(rename = "rooms")]
    stages: Vec<StageStatus>,
    inflight: Inflight,
    queues: Queues,
    /// What pipelines add.
    #[serde(flatten)]
    #[schema(ignore)]
    of_pipelines: Map<String, Value>,
    /// What was said about actors, newest first, at most 100.
    supervision: Vec<Incident>,
    /// Rules that fire now.
    alerts: Vec<FiringAlert>,
    links: Links,
}

/// In one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::http) enum Condition {
    /// All is well.
    Healthy,
    /// A dependency is down, or nothing is consumed; it is waited for.
    Degraded,
    /// Work is stuck.
    Unhealthy,
}

/// Whether work progresses, or there is none.
#[derive(Serialize, ToSchema)]
struct Live {
    /// It does.
    ok: bool,
    /// What is stuck.
    why: Option<String>,
}

/// Where to look further.
#[derive(Serialize, ToSchema)]
struct Links {
    /// The setting `JAEGER_UI_URL`.
    jaeger_ui: Option<String>,
}

/// This replica at a glance.
///
/// What it is doing, and what it saw since it started; other replicas know of their own.
#[utoipa::path(get, path = "/status", responses((status = 200, body = Status)))]
pub(super) async fn status(State(api): State<Api>) -> Json<Status> {
    Json(Status::now(&api, Extent::Whole))
}

// === impl Status ===

impl Status {
    /// How it is now.
    pub(super) fn now(api: &Api, extent: Extent) -> Self {
        let http = &api.http;
        let health = &http.health;
        let live = health.live();
        Self {
            status: Condition::of(&**health),
            version: env!("CARGO_PKG_VERSION"),
            replica: http.replica.name.to_string(),
            timestamp: Timestamp::now(),
            started_at: http.replica.started_at,
            live: Live {
                ok: live.is_ok(),
                why: live.err(),
            },
            consuming: health.consuming(),
            dependencies: health.dependencies(),
            stages: health.stages(),
            inflight: health.inflight(),
            queues: health.queues(),
            of_pipelines: http
                .shown
                .iter()
                .flat_map(|shown| shown.status(&http.replica, extent))
                .collect(),
            supervision: http
                .lines
                .incidents()
                .iter()
                .map(|line| (&**line).into())
                .collect(),
            alerts: (http.alerts)(),
            links: Links {
                jaeger_ui: api.jaeger_ui.as_deref().map(str::to_owned),
            },
        }
    }
}

// === impl Condition ===

impl Condition {
    pub(in crate::http) fn of(health: &dyn HealthView) -> Self {
        let ready = || health.consuming().ok && health.dependencies().iter().all(|dependency| dependency.ok);
        match health.live() {
            Err(_) => Self::Unhealthy,
            Ok(()) if ready() => Self::Healthy,
            Ok(()) => Self::Degraded,
        }
    }

    pub(in crate::http) fn is_healthy(&self) -> bool {
        matches!(self, Self::Healthy)
    }
}
