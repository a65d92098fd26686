//! Alerts: looks at how things are every few seconds, and tells Slack and PagerDuty when something is
//! wrong for a while and when it is over.
//!
//! [`Snapshot`] are what is looked at, [`Rule`]s say what is wrong, a state remembers since when, and a
//! channel for each receiver takes the notices away, so that a receiver that is down delays no other.
//! `docs/ALERTS.md` says what each alert means and what to do.

mod channel;
mod finding;
mod metrics;
mod notice;
mod outbox;
mod pagerduty;
mod post;
mod rule;
mod slack;
mod snapshot;
mod state;
mod watch;

#[cfg(test)]
mod tests;

pub use rule::{Rule, Severity};
pub use snapshot::{Snapshot, SnapshotSource};
pub use watch::{Alerting, Alerts, Origin, start};
