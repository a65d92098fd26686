//! The room as a whole: bytes in, rows out.

mod bodies;
mod items;
mod properties;
mod slips;
mod spellings;
mod stage;
mod values;
