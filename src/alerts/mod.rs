//! Alerts: looks at how things are every few seconds, and tells Slack and PagerDuty when something is
//! wrong for a while and when it is over.
//!
//! A [`Rule`] is something that may be wrong with a pipeline, which says itself whether it is ([`Watched`]). A state
//! remembers since when, and a channel for each receiver takes the notices away, so that a receiver that is down
//! delays no other.
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
mod state;
mod watch;
mod watched;

#[cfg(test)]
mod tests;

pub use finding::{Finding, GOOD_AGAIN, Health};
pub use rule::{Rule, Severity};
pub use watch::{Alerting, Alerts, DependencyView, start};
pub use watched::{Look, Watched};
