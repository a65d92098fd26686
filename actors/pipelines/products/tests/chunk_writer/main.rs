//! The writer of product events against a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod commit;
mod corpus;
mod duplicates;
mod fixtures;
mod order;
mod positions;
mod refused;
mod retention;
mod server;
mod swaps;
mod writes;
