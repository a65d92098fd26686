//! What every table must hold, computed a second time: slow, obvious, and from the contract alone.
//!
//! This crate shares no code with the product, so that a mistake would have to be made twice to stay
//! unseen. Give it the published events and the objects ([`expect`]), read the tables
//! ([`Actual::read`]) and compare ([`compare()`]). [`products`] does the same for product events.

mod actual;
mod compare;
mod error_code;
mod event;
mod expected;
mod facebook;
mod item;
mod leaves;
mod object;
mod path;
pub mod products;
mod project;
mod row;
mod settings;
mod value;

pub use actual::Actual;
pub use compare::{Copies, Difference, compare, compare_dead_letters, report};
pub use error_code::ERROR_CODES;
pub use expected::{Expected, expect};
pub use row::Row;
pub use settings::{Objects, OracleSettings};

#[cfg(test)]
mod tests;
