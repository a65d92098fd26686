//! How things are, as the HTTP handlers see it. The pipeline implements it; tests make it up.

use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// The state of the service.
pub trait HealthView: Send + Sync {
    /// Whether work progresses, or there is none; else what is stuck.
    fn live(&self) -> Result<(), String>;
    /// Whether deliveries are taken; else why not.
    fn consuming(&self) -> Result<(), String>;
    /// Each dependency.
    fn dependencies(&self) -> Vec<DependencyStatus>;
    /// Each actor.
    fn actors(&self) -> Vec<ActorStatus>;
    /// A few figures for people.
    fn summary(&self) -> Summary;
}

/// Figures by name.
pub type Summary = BTreeMap<String, serde_json::Value>;

/// Whether a dependency answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DependencyStatus {
    /// `rabbitmq`, `object_store`, `database`.
    pub name: &'static str,
    /// Whether it answered last time.
    pub ok: bool,
    /// What it said: its version, or what is wrong and what to do.
    pub why: Option<String>,
    /// Since when it has been so.
    pub since: Timestamp,
}

/// How an actor is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ActorStatus {
    /// Which one: `fetcher-2`.
    pub name: String,
    /// `running`, `waiting`, `restarting`, `stopped`.
    pub state: String,
    /// Restarts so far.
    pub restarts: u64,
    /// Messages in line.
    pub mailbox_depth: u64,
    /// Why it last failed.
    pub last_error: Option<String>,
}
