//! The only place that names tokio-postgres.
//!
//! A table is described once (`tables`); `upsert` derives its statement and `rows` its
//! parameters. `writer` runs them in one transaction, `blame` sorts what can go wrong, `strikes`
//! remembers suspect events, `reports` answers the API, `rollups` keeps
//! the sums that it answers from, and `migrations` brings the schema up to date.

mod blame;
mod connection_string;
mod database;
mod migrations;
mod parameters;
mod reports;
mod rollups;
mod rows;
mod strikes;
mod table;
pub(super) mod tables;
mod tls;
mod upsert;
mod wishes;
mod writer;

pub use connection_string::{BadConnectionString, check};
pub use database::{Database, PoolStatus};
pub use migrations::{MigrateError, Migration, MigrationReport, migrate, pending};
pub use reports::Reports;
pub use rollups::Rollups;
pub use strikes::Strikes;
pub use writer::Writer;
