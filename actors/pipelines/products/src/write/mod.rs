//! Stores checked chunks: each is one transaction, in which the position of its partition moves from where the chunk
//! begins to where it ends, or nothing happens.
//!
//! `draft` is what one transaction is to store, `statements` are its statements in their order, `tables` says of each
//! table what of a draft becomes its rows, and `state` what events make of a product. `writer` is the sink; it finds the
//! events that the database refuses. `positions` answers the source, `retention` removes what has had its time.

mod days;
mod draft;
mod metrics;
mod positions;
mod query;
mod retention;
mod schema;
mod settings;
mod state;
mod statements;
mod tables;
mod told;
mod writer;

pub use metrics::WriterMetrics;
pub use positions::Positions;
pub use retention::{Retention, Tidied};
pub use schema::{MIGRATIONS, rights};
pub use settings::{Keeping, Rules};
pub use statements::{WRITE_BEGIN, WRITE_COMMITTED, WRITE_END};
pub use writer::Writer;
