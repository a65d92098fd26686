//! The archive on a real Postgres and a real S3 server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod checks;
mod closing;
mod deaths;
mod fixtures;
mod layouts;
mod planning;
mod server;
mod writing;
