//! The stage as a whole: bytes in, rows out.

mod bodies;
mod items;
pub(super) mod properties;
mod slips;
mod spellings;
mod stage;
mod values;
