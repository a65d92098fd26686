//! The writer against a real Postgres.

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
