//! The commands that the pipeline brings.

mod generate;

use crate::{config::Source, exit::Failure, pipeline::Command};
use clap::{ArgMatches, Args, FromArgMatches};

/// In the order of the help.
pub(super) static COMMANDS: [Command; 1] = [Command {
    describe: || described::<generate::GenerateArgs>("generate", GENERATE),
    run: |matches, source: &Source| generate::run(&read(matches)?, source),
}];

const GENERATE: &str = "Send a made-up corpus of product events to Kafka";

fn described<A: Args>(name: &'static str, about: &'static str) -> clap::Command {
    A::augment_args(clap::Command::new(name)).about(about)
}

fn read<A: FromArgMatches>(matches: &ArgMatches) -> Result<A, Failure> {
    A::from_arg_matches(matches).map_err(Failure::usage)
}
