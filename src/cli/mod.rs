//! The command line: one file a command.

mod check;
mod completions;
mod config;
mod healthcheck;
mod migrate;
mod of_pipeline;
pub(crate) mod output;
mod run;

use crate::config::{Config, LogFormat, LogLevel, LogSettings, Source};
use crate::exit::{Exit, Failure};
use crate::pipelines;
use crate::telemetry;
use clap::{Parser, Subcommand};
use of_pipeline::OfPipeline;
use std::path::PathBuf;

#[derive(Debug, Parser)]
#[command(name = "millrace", version, about = about(), arg_required_else_help = true, after_help = EXIT_CODES)]
struct Cli {
    /// File in the form of `.env` to read under the environment [default: .env, if there is one].
    #[arg(long, global = true, value_name = "PATH")]
    env_file: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Process events until told to stop
    Run,
    /// Check the settings, then make a round trip to each dependency
    Check(check::Args),
    /// Show each setting in force and where it came from; secrets are masked
    Config(config::Args),
    /// Bring the schema of the database up to date
    Migrate(migrate::Args),
    #[command(flatten)]
    OfPipeline(OfPipeline),
    /// Print a script that completes commands in a shell
    Completions(completions::Args),
    /// Ask a running service on this host whether it is alive, as container health checks do
    #[command(hide = true)]
    Healthcheck,
}

const EXIT_CODES: &str = "Exit codes: 0 fine, 64 usage, 69 a dependency is unavailable, 70 gave up, 78 settings; a second SIGINT or SIGTERM: 130 or 143";

/// What the pipelines do, a line each.
fn about() -> String {
    let about: Vec<_> = pipelines::all().map(|pipeline| pipeline.about()).collect();
    about.join("\n")
}

/// Does what the arguments say.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Fine
            };
        }
    };
    let source = || Source::from_world(cli.env_file.as_deref());
    let done = match cli.command {
        Command::Run => run::run(&source()),
        Command::Check(args) => check::run(&args, &source()),
        Command::Config(args) => config::run(&args, &source()),
        Command::Migrate(args) => migrate::run(&args, &source()),
        Command::OfPipeline(command) => command.run(&source()),
        Command::Completions(args) => completions::run(&args),
        Command::Healthcheck => healthcheck::run(&source()),
    };
    done.unwrap_or_else(|failure| {
        output::error(&format!("error: {:#}", failure.error));
        failure.exit
    })
}

/// Logs for commands whose result is what they print.
pub(crate) fn log_quietly(source: &Source) {
    telemetry::start(&quiet(source));
}

/// Only what went wrong, unless it was asked for.
pub(crate) fn quiet(source: &Source) -> LogSettings {
    let settings = Config::load_log(source);
    let level = match settings.level {
        LogLevel::Info => LogLevel::Warn,
        chosen => chosen,
    };
    let format = settings.format.or(Some(LogFormat::Pretty));
    LogSettings {
        level,
        format,
        ..settings
    }
}

/// Runs a command's I/O.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(work))
}
