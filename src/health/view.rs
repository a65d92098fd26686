//! How things are, as the HTTP handlers see it. The run of the pipelines implements it; tests make it up.

use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The state of the service.
pub trait HealthView: Send + Sync {
    /// Whether work progresses, or there is none; else what is stuck.
    fn live(&self) -> Result<(), String>;
    /// Whether deliveries are taken; else why not.
    fn consuming(&self) -> Consuming;
    /// Each dependency.
    fn dependencies(&self) -> Vec<DependencyStatus>;
    /// Deliveries are taken, and every dependency answers that is needed for that.
    fn ready(&self) -> bool {
        let dependencies = self.dependencies();
        let mut needed = dependencies.iter().filter(|dependency| dependency.needed);
        self.consuming().ok && needed.all(|dependency| dependency.ok)
    }
    /// Each pipeline, and whether it is ready by itself; none where there is but one.
    fn pipelines(&self) -> Vec<(&'static str, bool)> {
        Vec::new()
    }
    /// Each stage with its actors, in the order of the data.
    fn stages(&self) -> Vec<StageStatus>;
    /// What is being worked on.
    fn inflight(&self) -> Inflight;
    /// What waits at the broker.
    fn queues(&self) -> Queues;
    /// A few figures for people.
    fn summary(&self) -> Summary;
}

/// Alert rules that fire now.
pub type AlertView = dyn Fn() -> Vec<FiringAlert> + Send + Sync;

/// Figures by name.
pub type Summary = BTreeMap<String, serde_json::Value>;

/// Whether deliveries are taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Consuming {
    /// They are.
    pub ok: bool,
    /// Why not.
    pub why: Option<String>,
    /// Since when it is so.
    pub since: Timestamp,
}

/// Whether a dependency answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DependencyStatus {
    /// Its name, as its pipeline gives it.
    pub name: &'static str,
    /// Whether no delivery can be taken without it.
    #[serde(skip)]
    pub needed: bool,
    /// Whether it answered last time.
    pub ok: bool,
    /// What it said: its version, or what is wrong and what to do.
    pub why: Option<String>,
    /// Since when it has been so.
    pub since: Timestamp,
}

/// Actors of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StageStatus {
    /// What its actors are called.
    pub name: String,
    /// Those that work in it.
    pub actors: Vec<ActorStatus>,
}

/// How an actor is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ActorStatus {
    /// Which one: its stage, and its number where there are several.
    pub name: String,
    /// `starting`, `up`, `down`, `gave_up`, `drained`.
    pub state: &'static str,
    /// Since when.
    pub since: Timestamp,
    /// Restarts so far, by cause: `outage`, `panic`, `hung`, `broken`.
    pub restarts: BTreeMap<String, u64>,
    /// Messages that wait for it.
    pub mailbox_depth: u64,
    /// Why it last failed.
    pub last_error: Option<String>,
}

/// What is being worked on, and how much may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Inflight {
    /// Deliveries that are not settled.
    pub events: u64,
    /// Most that the broker hands out.
    pub prefetch: u64,
    /// Bytes of objects and rows in memory.
    pub bytes: u64,
    /// Most there may be.
    pub budget_bytes: u64,
}

/// Messages that wait at the broker; null where it has not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Queues {
    /// Ready in the queues that this replica consumes.
    pub waiting: Option<u64>,
    /// In their dead-letter queues.
    pub dead_letters: Option<u64>,
}

/// An alert rule that fires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FiringAlert {
    /// Which.
    pub rule: &'static str,
    /// Since when.
    pub since: Timestamp,
    /// What is wrong, for people.
    pub summary: String,
}
