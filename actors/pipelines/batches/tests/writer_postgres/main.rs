//! The writer against a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod collisions;
mod commit;
mod contract;
mod copying;
mod crashes;
mod defaults;
mod distributed;
mod downtime;
mod encodings;
mod faults;
mod fixtures;
mod ledger;
mod locking;
mod merge;
mod metrics;
mod migrations;
mod pooler;
mod reports;
mod rollups;
mod room;
mod server;
mod sqlstates;
mod standbys;
mod views;
mod writes;
