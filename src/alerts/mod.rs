//! Alerts: looks at how things are every few seconds, and tells Slack and PagerDuty when something is
//! wrong for a while and when it is over.
//!
//! [`Vitals`] are what is looked at, [`Rule`]s say what is wrong, a book remembers since when, and a
//! channel for each receiver takes the notices away, so that a receiver that is down delays nobody.
//! `docs/ALERTS.md` says what each alert means and what to do.

mod book;
mod channel;
mod finding;
mod metrics;
mod notice;
mod outbox;
mod pagerduty;
mod post;
mod rule;
mod slack;
mod vitals;
mod watch;

#[cfg(test)]
mod tests;

pub use rule::{Rule, Severity};
pub use vitals::{VitalSigns, Vitals};
pub use watch::{Alerting, Alerts, Line, start};
