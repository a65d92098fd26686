//! Stores checked chunks.

mod schema;

pub use schema::{MIGRATIONS, rights};
