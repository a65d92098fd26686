//! The source on a real broker, over a position store in memory that stores by compare-and-swap as a database does.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod care;
mod ends;
mod outages;
mod positions;
mod producer;
mod rebalances;
mod replica;
mod store;

use std::time::Duration;

/// Longer than anything takes on a machine that compiles beside it.
const TIMEOUT: Duration = Duration::from_secs(90);
