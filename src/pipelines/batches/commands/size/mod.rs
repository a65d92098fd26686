//! `millrace size`: settings from a load.

mod print;
mod scrape;
#[cfg(test)]
mod tests;

use crate::cli::{self, output};
use crate::config::Processing;
use crate::exit::{Exit, Failure};
use millrace_sizing::{Capacity, Load, Plan, measured};
use std::time::Duration;
use url::Url;

/// The load, and the capacity there is for it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Defaults are measured: docs/scaling.md says how. Nothing is changed anywhere.")]
#[group(skip)]
pub(super) struct Args {
    /// Items that arrive in a second
    #[arg(long, value_name = "N", value_parser = positive, required_unless_present = "events_per_second", conflicts_with = "events_per_second")]
    items_per_second: Option<f64>,
    /// Events that arrive in a second
    #[arg(long, value_name = "N", value_parser = positive)]
    events_per_second: Option<f64>,
    /// Items of an event [default: measured, or 50]
    #[arg(long, value_name = "N", value_parser = positive)]
    items_per_event: Option<f64>,
    /// Events that wait at the worst moment [default: ten minutes of arrivals]
    #[arg(long, value_name = "EVENTS", value_parser = positive)]
    backlog: Option<f64>,
    /// How long that backlog may take, beside what goes on arriving
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = positive)]
    drain_seconds: f64,
    /// Bytes of an object as it is stored [default: measured, by the items of an event]
    #[arg(long, value_name = "BYTES", value_parser = positive)]
    object_bytes: Option<f64>,
    /// Bytes of an object's JSON, unpacked [default: measured, by the items of an event]
    #[arg(long, value_name = "BYTES", value_parser = positive)]
    json_bytes: Option<f64>,
    /// Milliseconds that the store takes for an object [default: measured, or 50]
    #[arg(long, value_name = "MS", value_parser = positive)]
    fetch_ms: Option<f64>,
    /// Items a second that one replica was seen to store with a backlog [default: from its cores]
    #[arg(
        long,
        value_name = "N",
        value_parser = positive,
        conflicts_with = "metrics_url"
    )]
    replica_items_per_second: Option<f64>,
    /// Look at a running replica instead, `http://HOST:9090/metrics`, while there is a backlog
    #[arg(long, value_name = "URL", value_parser = web)]
    metrics_url: Option<Url>,
    /// Time between the two looks
    #[arg(long, value_name = "N", default_value = "10", value_parser = positive, requires = "metrics_url")]
    metrics_seconds: f64,
    /// Connections that Postgres has for millrace
    #[arg(long, value_name = "N", default_value_t = 97)]
    max_connections: u32,
    /// Cores of the Postgres server; without it nothing is said about them but the need
    #[arg(long, value_name = "N", value_parser = positive)]
    postgres_cores: Option<f64>,
    /// Cores of one replica
    #[arg(long, value_name = "N", default_value = "1", value_parser = positive)]
    cores: f64,
    /// Memory of one replica
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    memory_mb: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print values for the Helm chart
    #[arg(long, conflicts_with = "json")]
    helm: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let seen = match &args.metrics_url {
        Some(url) => {
            let pause = Duration::try_from_secs_f64(args.metrics_seconds).map_err(Failure::usage)?;
            Some(cli::block_on(scrape::watch(url, pause))??)
        }
        None => None,
    };
    let (load, capacity) = args.read(seen);
    let plan = Plan::of(&load, &capacity).map_err(Failure::usage)?;
    match (args.json, args.helm) {
        (true, _) => output::print_json(&print::json(&plan))?,
        (_, true) => output::print(&print::helm(&plan))?,
        _ => print::table(&plan)?,
    }
    Ok(Exit::Fine)
}

// === impl Args ===

impl Args {
    /// What was said wins over what was seen, and that over what was measured elsewhere.
    fn read(&self, seen: Option<scrape::Seen>) -> (Load, Capacity) {
        let items_an_event = self
            .items_per_event
            .or(seen.map(|seen| seen.items_an_event))
            .unwrap_or(measured::ITEMS_AN_EVENT);
        let items = self.items_per_second;
        let items = items.or(self.events_per_second.map(|events| events * items_an_event));
        let items = items.unwrap_or_default();
        let events = items / items_an_event;
        let load = Load {
            items,
            items_an_event,
            backlog: self.backlog.unwrap_or(events * DEFAULT_BACKLOG_SECONDS),
            drain_seconds: self.drain_seconds,
            object_bytes: self
                .object_bytes
                .unwrap_or(measured::OBJECT_BYTES * items_an_event),
            json_bytes: self.json_bytes.unwrap_or(measured::JSON_BYTES * items_an_event),
            fetch_seconds: self
                .fetch_ms
                .map(|ms| ms / 1_000.0)
                .or(seen.and_then(|seen| seen.fetch_seconds))
                .unwrap_or(DEFAULT_FETCH_SECONDS),
        };
        let unset = Processing::unset();
        let capacity = Capacity {
            replica_items: self.replica_items_per_second.or(seen.map(|seen| seen.items)),
            held: seen.map(|seen| seen.held),
            cores: self.cores,
            memory_mib: self.memory_mb,
            connections: self.max_connections,
            postgres_cores: self.postgres_cores,
            writers: unset.workers.writers,
            shutdown_grace: unset.shutdown_grace,
        };
        (load, capacity)
    }
}

/// A crawl that ran while the database was down for ten minutes.
const DEFAULT_BACKLOG_SECONDS: f64 = 600.0;
/// A store in the same data centre that has other things to do; ours in the benchmark is faster.
const DEFAULT_FETCH_SECONDS: f64 = 0.05;

/// A number that can be divided by.
fn positive(text: &str) -> Result<f64, String> {
    // Neither infinite nor so large that a product of two could be.
    let number = text.parse::<f64>().ok().filter(|n| *n > 0.0 && *n <= 1e12);
    number.ok_or_else(|| "is not a number above 0".to_owned())
}

fn web(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("starts with {other}: and not with http: or https:")),
    }
}
