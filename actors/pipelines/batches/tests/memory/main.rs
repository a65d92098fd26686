//! What is in memory is a sum of what came in, never a product: one text times many items. All of it is
//! counted, byte by byte, from the message to the statements for a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod event_fields;
mod heap;
mod item_fields;
mod pipeline;
mod places;
mod weights;
