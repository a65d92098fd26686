//! Commands that pipelines bring.

use crate::{
    config::Source,
    exit::{Exit, Failure},
    pipeline::Command,
    pipelines,
};
use clap::{ArgMatches, Error, FromArgMatches, Subcommand, error::ErrorKind};

/// One of them, and what was written behind its name.
#[derive(Clone, Debug)]
pub(super) struct OfPipeline {
    command: &'static Command,
    matches: ArgMatches,
}

fn commands() -> impl Iterator<Item = &'static Command> {
    pipelines::all().flat_map(|pipeline| pipeline.commands())
}

// === impl OfPipeline ===

impl OfPipeline {
    pub(super) fn run(&self, source: &Source) -> Result<Exit, Failure> {
        (self.command.run)(&self.matches, source)
    }
}

impl FromArgMatches for OfPipeline {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let found = matches.subcommand().and_then(|(name, matches)| {
            let command = commands().find(|command| (command.describe)().get_name() == name)?;
            let matches = matches.clone();
            Some(Self { command, matches })
        });
        found.ok_or_else(|| Error::new(ErrorKind::InvalidSubcommand))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for OfPipeline {
    fn augment_subcommands(command: clap::Command) -> clap::Command {
        command.subcommands(commands().map(|command| (command.describe)()))
    }

    fn augment_subcommands_for_update(command: clap::Command) -> clap::Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        commands().any(|command| (command.describe)().get_name() == name)
    }
}
