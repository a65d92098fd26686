//! `millrace config`.

use super::output;
use crate::config::{self, Config, InForce, Problem, Source};
use crate::exit::{Exit, Failure};
use serde_json::{Value, json};
use std::io;

/// What to print.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print the page that documents all settings
    #[arg(long, hide = true, conflicts_with = "json")]
    markdown: bool,
}

/// What there is to show, good or bad.
struct Report {
    in_force: Vec<InForce>,
    warnings: Vec<String>,
    problems: Vec<Problem>,
}

pub(super) fn run(args: &Args, source: &Source) -> Result<Exit, Failure> {
    if args.markdown {
        output::print(&config::markdown())?;
        return Ok(Exit::Fine);
    }
    let report = match Config::load(source) {
        Ok(config) => Report {
            in_force: config.in_force,
            warnings: config.warnings,
            problems: Vec::new(),
        },
        Err(error) => Report {
            in_force: error.in_force,
            warnings: error.warnings,
            problems: error.problems,
        },
    };
    match args.json {
        true => output::print_json(&as_json(&report))?,
        false => print(&report)?,
    }
    Ok(if report.problems.is_empty() {
        Exit::Fine
    } else {
        Exit::Config
    })
}

fn as_json(report: &Report) -> Value {
    let settings: Vec<Value> = report
        .in_force
        .iter()
        .map(|entry| {
            let source = entry.origin.to_string();
            json!({"name": entry.name, "value": entry.value, "source": source, "secret": entry.secret})
        })
        .collect();
    json!({"settings": settings, "warnings": report.warnings, "problems": report.problems})
}

fn print(report: &Report) -> io::Result<()> {
    let mut table = output::table(&["SETTING", "VALUE", "SOURCE"]);
    for entry in &report.in_force {
        let value = entry.value.as_deref().unwrap_or("-");
        table.add_row([entry.name, value, &entry.origin.to_string()]);
    }
    output::print_table(&table)?;
    for warning in &report.warnings {
        output::error(&format!("warning: {warning}"));
    }
    for problem in &report.problems {
        output::error(&format!("problem: {problem}"));
    }
    Ok(())
}
