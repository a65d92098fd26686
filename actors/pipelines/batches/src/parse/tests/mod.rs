//! The stage as a whole: bytes in, rows out.

mod bodies;
mod items;
mod one_pass;
pub(super) mod properties;
mod slips;
mod spellings;
mod stage;
mod values;
