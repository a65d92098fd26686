//! `millrace generate`.

use crate::config::{Config, Source};
use crate::exit::{Exit, Failure};

/// What to make up.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(args: &Args, source: &Source) -> Result<Exit, Failure> {
    super::log_quietly(source);
    let (_amqp, _fetcher) = Config::load_producer(source)?;
    let Args {} = args;
    Err(anyhow::anyhow!("the generator is not wired yet").into())
}
