//! Postgres. The only crate that names tokio-postgres.
//!
//! A pipeline describes each [`Table`] once; [`Insert`] derives statement and parameters from the description, for rows
//! of any type, and [`Transactions`] makes one transaction of several messages. Errors are sorted in [`Failure`]; where
//! one is not clear, the database is asked, and what became of other messages counts too. [`Migrations`] bring the
//! schema up to date, [`Rights`] are looked for, and [`Quarantine`] remembers what was at hand when a process crashed. A
//! table of things to do is described as a [`DueTable`]; [`DueRowsOf`] claims and settles its rows for the engine.

mod arrays;
mod connection_string;
mod copy;
mod crashes;
mod database;
mod due_key;
mod due_rows;
mod due_table;
mod failure;
mod insert;
mod libpq_parameters;
mod migrations;
mod order;
mod parameters;
mod reads;
pub mod reasons;
mod recent_writes;
mod rights;
mod rows;
mod settings;
mod table;
mod time_limits;
mod tls;
mod transactions;
mod upsert;
mod wire;

pub use connection_string::{BadConnectionString, check};
pub use crashes::{Quarantine, QuarantineTables};
pub use database::{Database, Lease, Limits, PoolStatus};
pub use due_key::{DueKey, DueKeyColumn, Parameter};
pub use due_rows::DueRowsOf;
pub use due_table::{DueTable, Fate};
pub use failure::{Failure, reason_of};
pub use insert::{BYTES_A_STATEMENT, Insert, Preparing, TableRows};
pub use migrations::{MigrateError, Migration, MigrationReport, Migrations, OUTSIDE_TRANSACTION};
pub use reads::{Question, Unanswered, all};
pub use rights::Rights;
pub use rows::Version;
pub use settings::{DatabaseUrl, PostgresSettings};
pub use table::{Column, Get, Rule, Table, clock, earliest, key, sum, value, version};
pub use time_limits::TimeLimits;
pub use transactions::{LEAVE_A_TRACE, Transactions, Write};

/// A connection, to send statements on.
pub use deadpool_postgres::ClientWrapper as Client;
/// Types and errors of the client library, as statements of a pipeline need them.
pub use tokio_postgres::{Error, Row, types};
