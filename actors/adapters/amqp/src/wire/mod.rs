//! What stands between the client library and the broker, so that no message can hold a queue.
//!
//! amqprs ends the connection over a frame that it cannot decode, and the broker delivers the same message again, for
//! ever: it wants UTF-8 wherever AMQP has text, reads each name in a table once, knows fewer types than RabbitMQ, and calls
//! itself for every table within a table. Nothing in it can be told otherwise. So it connects to a relay on loopback,
//! which passes on what it can read byte by byte as it is, and rewrites the rest: text is cleaned, what cannot be
//! read at all is left out, and the session is told beside the delivery what was done.

mod content;
mod cursor;
mod frames;
mod login;
mod method;
mod relay;
mod repairs;
mod table;
mod text;

#[cfg(test)]
mod tests;

pub use content::{Properties, properties};
pub(super) use relay::Relay;
pub(super) use repairs::{Repair, Repairs};
