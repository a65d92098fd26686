//! The commands that the pipeline brings.

mod archive;
mod explain;
mod figures;
mod generate;
mod opened;
mod positions;
mod rejected;
mod reproject;
mod seek;

use crate::{
    cli,
    config::Source,
    exit::{Exit, Failure},
    pipeline::Command,
};
use clap::{ArgMatches, Args, FromArgMatches, Subcommand};
use opened::Opened;

/// In the order of the help.
pub(super) static COMMANDS: [Command; 3] = [
    Command {
        describe: || described::<generate::GenerateArgs>("generate", GENERATE),
        run: |matches, source| generate::run(&read(matches)?, source),
    },
    Command {
        describe: || described::<Products>("products", PRODUCTS),
        run: |matches, source| run(read(matches)?, source),
    },
    Command {
        describe: || described::<explain::Args>("explain", EXPLAIN),
        run: |matches, source| {
            let args: explain::Args = read(matches)?;
            with(source, async |opened| explain::run(&args, &opened).await)
        },
    },
];

const PRODUCTS: &str = "Look after product events: positions, rejected records, the archive, recent events";
const GENERATE: &str = "Send a made-up corpus of product events to Kafka";
const EXPLAIN: &str = "Tell what became of a product event";

#[derive(clap::Args)]
struct Products {
    #[command(subcommand)]
    what: What,
}

/// What to do.
#[derive(Subcommand)]
enum What {
    /// Where Kafka has been read to
    Positions(positions::Args),
    /// Read a partition again, or skip a part of it
    Seek(seek::Args),
    /// Records that are no events
    #[command(subcommand)]
    Rejected(rejected::What),
    /// How many products and events there are
    Stats(figures::Args),
    /// The archive by the hour
    #[command(subcommand)]
    Archive(archive::What),
    /// Fill the recent store again from the journal
    Reproject(reproject::Args),
}

fn run(Products { what }: Products, source: &Source) -> Result<Exit, Failure> {
    with(source, async |opened| match &what {
        What::Positions(args) => positions::run(args, &opened).await,
        What::Seek(args) => seek::run(args, &opened).await,
        What::Rejected(what) => rejected::run(what, &opened).await,
        What::Stats(args) => figures::run(args, &opened).await,
        What::Archive(what) => archive::run(what, &opened).await,
        What::Reproject(args) => reproject::run(args, &opened).await,
    })
}

/// Reads the settings and opens the database for the work.
fn with(source: &Source, work: impl AsyncFnOnce(Opened) -> Result<Exit, Failure>) -> Result<Exit, Failure> {
    cli::log_quietly(source);
    let settings = opened::settings(source)?;
    cli::block_on(async { work(Opened::new(settings)?).await })?
}

fn described<A: Args>(name: &'static str, about: &'static str) -> clap::Command {
    A::augment_args(clap::Command::new(name)).about(about)
}

fn read<A: FromArgMatches>(matches: &ArgMatches) -> Result<A, Failure> {
    A::from_arg_matches(matches).map_err(Failure::usage)
}
