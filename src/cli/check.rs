//! `millrace check`.

use super::output;
use crate::config::{Config, ConfigError, Source};
use crate::exit::{Exit, Failure};
use crate::probe::Probe;
use futures_util::future::join_all;
use serde::Serialize;
use serde_json::json;
use std::io;
use std::time::{Duration, Instant};

/// How long a dependency may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// What to print.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What one dependency said.
#[derive(Debug, Serialize)]
struct Checked {
    name: &'static str,
    ok: bool,
    detail: String,
    seconds: f64,
}

pub(super) fn run(args: &Args, source: &Source) -> Result<Exit, Failure> {
    super::log_quietly(source);
    let config = match Config::load(source) {
        Ok(config) => config,
        Err(error) if args.json => {
            refuse(&error)?;
            return Ok(Exit::Config);
        }
        Err(error) => return Err(error.into()),
    };
    let checked = super::block_on(async {
        let probes = config.pipelines.iter().flat_map(|pipeline| pipeline.probes());
        ask_all(probes.collect(), PATIENCE).await
    })?;
    match args.json {
        true => print_json(&config.warnings, &checked)?,
        false => print_table(&config.warnings, &checked)?,
    }
    let fine = checked.iter().all(|dependency| dependency.ok);
    Ok(if fine { Exit::Fine } else { Exit::Unavailable })
}

/// Asks all at once: with several down, one wait is enough.
async fn ask_all(probes: Vec<Probe>, patience: Duration) -> Vec<Checked> {
    join_all(probes.iter().map(|probe| ask(probe, patience))).await
}

async fn ask(probe: &Probe, patience: Duration) -> Checked {
    let start = Instant::now();
    let answer = probe.ask(patience).await;
    let seconds = start.elapsed().as_secs_f64();
    let ok = answer.is_ok();
    Checked {
        name: probe.name,
        ok,
        detail: answer.unwrap_or_else(|why| why),
        seconds,
    }
}

fn refuse(error: &ConfigError) -> io::Result<()> {
    output::print_json(&json!({
        "configuration": {"ok": false, "problems": error.problems, "warnings": error.warnings},
        "dependencies": [],
    }))
}

fn print_json(warnings: &[String], checked: &[Checked]) -> io::Result<()> {
    output::print_json(&json!({
        "configuration": {"ok": true, "problems": [], "warnings": warnings},
        "dependencies": checked,
    }))
}

fn print_table(warnings: &[String], checked: &[Checked]) -> io::Result<()> {
    let mut table = output::table(&["CHECK", "RESULT", "SECONDS", "DETAIL"]);
    table.add_row(["settings", "ok", "", ""]);
    for warning in warnings {
        table.add_row(["settings", "warning", "", warning]);
    }
    for Checked {
        name,
        ok,
        detail,
        seconds,
    } in checked
    {
        let result = if *ok { "ok" } else { "FAILED" };
        let seconds = format!("{seconds:.3}");
        table.add_row([name, result, seconds.as_str(), detail]);
    }
    output::print_table(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_are_asked_and_each_answer_is_kept() {
        let probes = vec![
            Probe::new("rabbitmq", || async { Ok("RabbitMQ 3.10.8".to_owned()) }),
            Probe::new("database", || async {
                Err("connection refused; start it".to_owned())
            }),
            Probe::new("object_store", std::future::pending),
        ];
        let checked = ask_all(probes, Duration::from_millis(50)).await;
        let seen: Vec<_> = checked
            .iter()
            .map(|c| (c.name, c.ok, c.detail.as_str()))
            .collect();
        let expected = [
            ("rabbitmq", true, "RabbitMQ 3.10.8"),
            ("database", false, "connection refused; start it"),
            ("object_store", false, "no answer within 0.05 s"),
        ];
        assert_eq!(seen, expected);
    }
}
