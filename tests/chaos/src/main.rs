//! The program behind `make chaos`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use millrace_chaos::{Plan, run};
use millrace_stack::interrupted;

/// Break everything around millrace under load, and check every row afterwards
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The same seed plans the same faults and makes the same events
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long faults are played; the checks afterwards come on top
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// Also write the summary to this file
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where to keep the logs; without it only those of a failed run are kept, in a new temporary folder
    #[arg(long)]
    logs: Option<PathBuf>,
    /// Print the planned faults and leave
    #[arg(long)]
    plan: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let plan = Plan {
        seed: arguments.seed,
        length: Duration::try_from_secs_f64(arguments.minutes * 60.0).context("--minutes is no duration")?,
        logs: arguments.logs,
    };
    if arguments.plan {
        for fault in plan.schedule().faults {
            println!("{fault}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    tokio::select! {
        outcome = run(&plan) => {
            let summary = outcome?.summary();
            println!("{summary}");
            if let Some(path) = &arguments.json {
                let json = serde_json::to_vec_pretty(&summary)?;
                std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
            }
            Ok(if summary.green { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        // Dropped in the middle: the servers go with it.
        interrupted = interrupted() => interrupted.map(|()| ExitCode::from(130)),
    }
}
