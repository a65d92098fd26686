//! From a record to an event: pure, and tolerant of everything but the essentials.
//!
//! `schema/events/product.*.json` is the published form of what [`check()`] accepts.

mod check;
mod cloud;
mod decimal;
mod depth;
mod fields;
mod headers;
mod id;
mod metrics;
mod moment;
mod object;
mod product;
mod reading;
mod record;
mod stage;

pub use check::{Checked, check};
pub use metrics::CheckMetrics;
pub use reading::{Counts, Limits, TimeFallback};
pub use stage::{CHECK_RECORD, Checker};

/// Longest id of an event, a product or a seller, in bytes: they are keys of tables and objects.
pub const MAX_ID_BYTES: usize = 256;
