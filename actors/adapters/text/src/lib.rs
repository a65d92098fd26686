//! Text, as every part of millrace treats it: one copy of what would otherwise be written, and differ, in each.

pub mod escapes;
pub mod mask;
pub mod time;
