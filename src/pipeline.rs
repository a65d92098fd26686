//! The wiring: writer first, ingress last; the only file that sees all rooms.

use crate::config::Config;
use crate::exit::{Exit, Failure};

/// Runs until it is told to stop, and says how it ended.
///
/// # Errors
/// What stopped it from starting.
pub fn run(config: Config) -> Result<Exit, Failure> {
    let _ = config;
    Err(anyhow::anyhow!("the pipeline is not wired yet").into())
}
