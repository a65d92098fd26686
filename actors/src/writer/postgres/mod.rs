//! The only place that names tokio-postgres.
//!
//! A table is described once (`tables`); `upsert` derives its statement and `rows` its
//! parameters. `statements` sends them and `writer` makes one transaction of them. `blame` sorts what can go wrong;
//! where that is not clear, `probe` asks the database and `evidence` says what became of others. `crashes`
//! remembers redelivered events, `reports` answers the API, `rollups` keeps
//! the sums that it answers from, and `migrations` brings the schema up to date.

mod blame;
mod connection_string;
mod crashes;
mod database;
mod evidence;
mod migrations;
mod parameters;
mod probe;
mod reports;
mod rights;
mod rollups;
mod rows;
mod statements;
mod table;
pub(super) mod tables;
mod tls;
mod upsert;
mod wishes;
mod writer;

pub use connection_string::{BadConnectionString, check};
pub use crashes::Crashes;
pub use database::{Database, PoolStatus};
pub use migrations::{MigrateError, Migration, MigrationReport, migrate, pending};
pub use reports::Reports;
pub use rollups::Rollups;
pub use writer::Writer;
