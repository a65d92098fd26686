//! Recent events and reports on a real Postgres and on a server of the DynamoDB API: both stores tell the same, and what was sent.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod projection;
mod questions;
mod reports;
mod server;
