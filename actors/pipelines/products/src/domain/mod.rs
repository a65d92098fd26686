//! What product events are.

mod event;
mod event_type;
mod reason;

pub use event::{Change, Event, ProductValues, Rejected};
pub use event_type::EventType;
pub use reason::Reason;
