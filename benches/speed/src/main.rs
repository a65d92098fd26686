//! The program behind `make bench`: how fast the product is, beside its limits and beside other consumers.

mod arena;
mod batch;
mod contender;
#[path = "../../load/cpu.rs"]
#[expect(dead_code, reason = "the other benchmarks look at more processes")]
mod cpu;
mod item;
mod kill;
mod latency;
mod limits;
mod machine;
mod pin;
mod plot;
mod progress;
mod render;
mod report;
mod run;
mod scale;
mod shape;
mod table;
mod text;
mod throughput;

use anyhow::Context;
use clap::{Parser, Subcommand};
use millrace_stack::interrupted;
use report::Report;
use run::Plan;
use std::{fs, path::PathBuf, process::ExitCode};

/// As the product has it: what is parsed here costs what it costs there.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How fast millrace is, beside its limits and beside consumers that others would write
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure
    Run(Box<Plan>),
    /// Write the figures of one or more runs into a document, between its marks, and a plot beside it
    Render {
        /// The document
        #[arg(long, default_value = "docs/performance.md")]
        into: PathBuf,
        /// The plot
        #[arg(long, default_value = "docs/images/performance.svg")]
        plot: PathBuf,
        /// The JSON files of the runs
        #[arg(required = true)]
        reports: Vec<PathBuf>,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Run(plan) => tokio::select! {
            report = plan.run() => {
                let report = report?;
                plan.write(&report)?;
                print!("{}", table::of(&report));
            }
            // Dropped in the middle: the servers go with it.
            interrupted = interrupted() => return interrupted.map(|()| ExitCode::from(130)),
        },
        Command::Render { into, plot, reports } => {
            let read = |path: &PathBuf| -> anyhow::Result<Report> {
                let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
                serde_json::from_slice(&text).with_context(|| format!("{} is no report", path.display()))
            };
            let reports: Vec<_> = reports.iter().map(read).collect::<anyhow::Result<_>>()?;
            render::into(&into, &plot, &reports)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
