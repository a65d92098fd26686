//! The writer against a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod contract;
mod faults;
mod fixtures;
mod ledger;
mod locking;
mod merge;
mod metrics;
mod migrations;
mod server;
mod views;
