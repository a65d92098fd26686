//! What may be wrong with the pipeline. Items that are errors are stored as such, so they can wait for the morning;
//! what stops or dead-letters events cannot.

use crate::alerts::{
    Rule,
    Severity::{self, Critical, Warning},
};

/// No connection to the broker, or no deliveries from it.
pub(super) const BROKER_LOST: Rule = rule("broker_lost", "Broker lost", Critical);
/// The object store does not answer, or does not do its work.
pub(super) const OBJECT_STORE_LOST: Rule = rule("object_store_lost", "Object store lost", Critical);
/// The database does not answer, or does not do its work.
pub(super) const DATABASE_LOST: Rule = rule("database_lost", "Database lost", Critical);
/// All database connections are in use and a task waits for one.
pub(super) const POOL_EXHAUSTED: Rule = rule("pool_exhausted", "Database connections exhausted", Critical);
/// Too many events end as dead letters.
pub(super) const FAILURE_RATE: Rule = rule("failure_rate", "Many events fail", Critical);
/// Too many of a platform's items are no posts.
pub(super) const ERROR_RATE: Rule = rule("error_rate", "High error rate", Warning);
/// Many more errors than a while ago.
pub(super) const ERROR_SPIKE: Rule = rule("error_spike", "Error spike", Warning);
/// Too few of all items are posts.
pub(super) const SUCCESS_RATE: Rule = rule("success_rate", "Low success rate", Warning);
/// Events take too long.
pub(super) const LATENCY_P95: Rule = rule("latency_p95", "Slow events", Warning);

const fn rule(name: &'static str, title: &'static str, severity: Severity) -> Rule {
    Rule {
        name,
        title,
        severity,
    }
}
