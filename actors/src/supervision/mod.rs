//! The engine: it moves envelopes, contains failures and settles deliveries. It names no room.

mod byte_budget;
mod fault;
mod verbs;

pub use byte_budget::{ByteBudget, Reservation};
pub use fault::Fault;
pub use verbs::{Load, Sink, Stage};
