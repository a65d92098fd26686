//! Stores parsed batches.
//!
//! Each table is described once (`tables`), `statements` names them in the order of every transaction, and `writer`
//! is the sink. `schema` says how the schema comes about; `reports` answers the API from it, and `rollups` keeps the
//! sums that it answers from.

mod batch_summary;
mod metrics;
mod probe;
mod reports;
mod rollups;
mod schema;
mod statements;
mod tables;
mod writer;
mod written;

pub use metrics::WriterMetrics;
pub use reports::Reports;
pub use rollups::Rollups;
pub use schema::{MIGRATIONS, quarantine, rights};
pub use statements::statements;
pub use writer::Writer;
