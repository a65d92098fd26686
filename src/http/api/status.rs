//! `/status`: this replica at a glance.

use super::Api;
use super::line::Incident;
use super::replica::Replica;
use crate::health::{Consuming, DependencyStatus, FiringAlert, HealthView, Inflight, Queues, StageStatus};
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use millrace_batches::recent::{Recent, SLOT, Slot, WINDOW};
use serde::Serialize;
use std::time::{Duration, Instant};
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
    recent: Series,
    rates: Rates,
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

/// The last minutes.
#[derive(Serialize, ToSchema)]
struct Series {
    /// Length of a slot.
    slot_seconds: u64,
    /// Oldest first; the last one is not over. At most 180, and 2 in a stream.
    slots: Vec<SlotReport>,
}

/// What happened in a slot.
#[derive(Serialize, ToSchema)]
struct SlotReport {
    /// When it began.
    at: Timestamp,
    /// Events stored.
    stored: u64,
    /// Events given up.
    dead_lettered: u64,
    /// Events sent back to be tried again.
    retried: u64,
    /// Items that are posts.
    success: u64,
    /// Items that are crawl errors.
    error: u64,
    /// Items that could not be read.
    rejected: u64,
    /// Half of the stored events took no longer, from delivery to acknowledgement.
    p50_ms: Option<u64>,
    /// 95 of 100 took no longer.
    p95_ms: Option<u64>,
}

/// Items of the last minutes.
#[derive(Serialize, ToSchema)]
struct Rates {
    /// What they speak of.
    window_seconds: u64,
    /// Those that had any.
    platforms: Vec<PlatformRate>,
}

/// Items of one platform.
#[derive(Serialize, ToSchema)]
struct PlatformRate {
    /// `tiktok`, `youtube`, `other`.
    platform: &'static str,
    /// Posts.
    success: u64,
    /// Crawl errors.
    error: u64,
    /// Items that could not be read.
    rejected: u64,
    /// Part that is posts.
    success_percent: Option<f64>,
}

/// Where to look further.
#[derive(Serialize, ToSchema)]
struct Links {
    /// The setting `JAEGER_UI_URL`.
    jaeger_ui: Option<String>,
}

/// What the rates speak of.
const RATES_OF: Duration = Duration::from_secs(5 * 60);

/// This replica at a glance.
///
/// What it is doing, and what it saw since it started; other replicas know of their own.
#[utoipa::path(get, path = "/status", responses((status = 200, body = Status)))]
pub(super) async fn status(State(api): State<Api>) -> Json<Status> {
    Json(Status::now(&api, WINDOW))
}

// === impl Status ===

impl Status {
    /// How it is now, with the slots of the last `span`.
    pub(super) fn now(api: &Api, span: Duration) -> Self {
        let http = &api.http;
        let (health, now) = (&http.health, Instant::now());
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
            recent: Series::new(&http.recent, &http.replica, now, span),
            rates: Rates::new(&http.recent, now),
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
}

// === impl Series ===

impl Series {
    fn new(recent: &Recent, replica: &Replica, now: Instant, span: Duration) -> Self {
        let report = |slot: Slot| {
            let began = now.checked_sub(slot.age).unwrap_or(now);
            SlotReport::new(replica.time_of(began), slot)
        };
        Self {
            slot_seconds: SLOT.as_secs(),
            slots: recent.series(now, span).into_iter().map(report).collect(),
        }
    }
}

// === impl SlotReport ===

impl SlotReport {
    fn new(at: Timestamp, Slot { happened, .. }: Slot) -> Self {
        let items = happened.all_items();
        let ms = |percent| {
            let took = happened.latency.percentile(percent)?;
            u64::try_from(took.as_millis()).ok()
        };
        Self {
            at,
            stored: happened.stored,
            dead_lettered: happened.dead_lettered,
            retried: happened.retried,
            success: items.success,
            error: items.error,
            rejected: items.rejected,
            p50_ms: ms(50.0),
            p95_ms: ms(95.0),
        }
    }
}

// === impl Rates ===

impl Rates {
    fn new(recent: &Recent, now: Instant) -> Self {
        let items = recent.within(now, RATES_OF).items;
        let rate = |(platform, counts): (_, millrace_batches::recent::ItemCounts)| PlatformRate {
            platform,
            success: counts.success,
            error: counts.error,
            rejected: counts.rejected,
            success_percent: counts.success_percent(),
        };
        Self {
            window_seconds: RATES_OF.as_secs(),
            platforms: items.into_iter().map(rate).collect(),
        }
    }
}
