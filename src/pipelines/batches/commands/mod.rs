//! The commands that the pipeline brings.

mod generate;
mod size;

use crate::{config::Source, exit::Failure, pipeline::Command};
use clap::{ArgMatches, Args, FromArgMatches};

/// In the order of the help.
pub(super) static COMMANDS: [Command; 2] = [
    Command {
        describe: || described::<generate::GenerateArgs>("generate", GENERATE),
        run: |matches, source| generate::run(&read(matches)?, source),
    },
    Command {
        describe: || described::<size::Args>("size", SIZE),
        run: |matches, _: &Source| size::run(&read(matches)?),
    },
];

const GENERATE: &str = "Write a made-up corpus: objects to the store, events to the broker";
const SIZE: &str = "Turn a load into prefetch, pool, memory, replicas and autoscaling, with the arithmetic";

fn described<A: Args>(name: &'static str, about: &'static str) -> clap::Command {
    A::augment_args(clap::Command::new(name)).about(about)
}

fn read<A: FromArgMatches>(matches: &ArgMatches) -> Result<A, Failure> {
    A::from_arg_matches(matches).map_err(Failure::usage)
}
