//! `millrace run`.

use crate::config::{Config, Source};
use crate::exit::{Exit, Failure};
use crate::{pipeline, telemetry};

pub(super) fn run(source: &Source) -> Result<Exit, Failure> {
    let config = Config::load(source)?;
    let telemetry =
        telemetry::start_with_traces(&config.log, config.traces.as_ref(), &pipeline::replica_name())?;
    for warning in &config.warnings {
        tracing::warn!("settings: {warning}");
    }
    millrace_engine::failpoints::arm();
    // From here on standard error is a log: the reason for the end is a line of it.
    Ok(pipeline::run(config, &telemetry).unwrap_or_else(|failure| {
        tracing::error!(exit.code = failure.exit.code(), "{:#}", failure.error);
        failure.exit
    }))
}
