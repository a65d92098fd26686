//! What `make bench BENCH=scale` measured. `docs/scaling.md` holds the same figures and how they came about; a test
//! compares the two.

/// Processor seconds of millrace for an item.
pub const MILLRACE_CPU: f64 = 0.000_17;
/// Processor seconds of Postgres for an item.
pub const POSTGRES_CPU: f64 = 0.000_36;
/// Bytes of Postgres' log for an item.
pub const WAL_BYTES: f64 = 11_000.0;
/// Bytes of an item in the object store, where some crawlers pack and some do not.
pub const OBJECT_BYTES: f64 = 4_100.0;
/// The same unpacked.
pub const JSON_BYTES: f64 = 6_350.0;
/// Items of a TikTok batch.
pub const ITEMS_AN_EVENT: f64 = 50.0;
