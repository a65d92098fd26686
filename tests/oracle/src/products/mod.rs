//! What the tables of product events must hold, computed a second time from the records that were sent.
//!
//! Give it the records with their places in Kafka ([`expect`]), read the tables ([`Actual::read`]) and compare
//! ([`compare()`]).

mod actual;
mod compare;
mod decimal;
mod event;
mod expected;
mod json;
mod record;
mod rows;
mod says;
mod state;
mod time;
mod wrapped;

pub use actual::{Actual, TextRow};
pub use compare::{Difference, compare, report};
pub use decimal::numeric;
pub use event::{Event, Kind, Read, Refused, Says, read};
pub use expected::{Expected, expect};
pub use record::{ProductSettings, SentRecord};

#[cfg(test)]
mod tests;
