//! From a message's body to an event: pure, and tolerant of everything but the essentials.
//!
//! `schema/events/data.collected.json` is the published form of what [`decode()`] accepts.

mod decode;
mod fields;
mod legacy;
mod metrics;
mod note;
mod source;

#[cfg(test)]
mod decode_tests;
#[cfg(test)]
mod schema_tests;

pub use decode::{DecodeError, Decoded, MAX_EVENT_BYTES, MAX_LEGACY_BYTES, decode};
pub use fields::MAX_ID_BYTES;
pub use metrics::EventMetrics;
pub use note::Note;
pub use source::CrawlEvents;
