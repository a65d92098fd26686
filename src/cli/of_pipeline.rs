//! Commands that pipelines bring.

use crate::{
    config::Source,
    exit::{Exit, Failure},
    pipeline::Command,
    pipelines,
};
use clap::{Arg, ArgMatches, Error, FromArgMatches, Subcommand, error::ErrorKind, parser::ValueSource};

/// One of them, and what was written behind its name.
#[derive(Clone, Debug)]
pub(super) struct OfPipeline {
    command: &'static Command,
    matches: ArgMatches,
}

/// The argument that says whose command is meant, where several pipelines bring it.
const PIPELINE: &str = "pipeline";

/// The names of commands, each once, in the order of the pipelines.
fn names() -> Vec<String> {
    let mut names = Vec::new();
    for command in pipelines::all().flat_map(|pipeline| pipeline.commands()) {
        let name = (command.describe)().get_name().to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The pipelines that bring a command, and what it is there.
fn owners(name: &str) -> Vec<(&'static str, &'static Command)> {
    let of = |command: &&Command| (command.describe)().get_name() == name;
    let found = pipelines::all().flat_map(|pipeline| {
        let commands = pipeline.commands().iter().filter(of);
        commands.map(|command| (pipeline.name(), command))
    });
    found.collect()
}

/// A command with the arguments that it has in any of its pipelines.
fn described(name: &str) -> Option<clap::Command> {
    let owners = owners(name);
    let ((first, command), others) = owners.split_first()?;
    let mut described = (command.describe)();
    if others.is_empty() {
        return Some(described);
    }
    let owner = Arg::new(PIPELINE)
        .long(PIPELINE)
        .value_name("NAME")
        .value_parser(clap::builder::PossibleValuesParser::new(
            owners.iter().map(|(name, _)| *name),
        ))
        .default_value(*first)
        .help("Whose corpus, events or rows are meant");
    described = described.arg(owner);
    for (pipeline, command) in others {
        for arg in (command.describe)().get_arguments() {
            if described
                .get_arguments()
                .all(|known| known.get_id() != arg.get_id())
            {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                let help = format!("{help} [with --{PIPELINE} {pipeline}]");
                described = described.arg(arg.clone().help(help));
            }
        }
    }
    Some(described)
}

/// The command that is meant.
fn chosen(name: &str, matches: &ArgMatches) -> Result<&'static Command, Error> {
    let owners = owners(name);
    let wanted = matches.try_get_one::<String>(PIPELINE).ok().flatten();
    let found = match wanted {
        Some(wanted) => owners.iter().find(|(pipeline, _)| pipeline == wanted),
        None => owners.first(),
    };
    let (pipeline, command) = found.ok_or_else(|| Error::new(ErrorKind::InvalidSubcommand))?;
    let described = (command.describe)();
    let is_known = |id: &str| id == PIPELINE || described.get_arguments().any(|arg| arg.get_id() == id);
    let is_global = |id: &str| id == "env_file";
    let given = matches
        .ids()
        .map(clap::Id::as_str)
        .filter(|id| matches.try_contains_id(id).is_ok());
    let mut foreign = given.filter(|id| {
        let was_written = matches.value_source(id) == Some(ValueSource::CommandLine);
        was_written && !is_known(id) && !is_global(id) && !is_group(&owners, id)
    });
    match foreign.next() {
        Some(id) => {
            let what = format!(
                "--{} is none of `{name} --{PIPELINE} {pipeline}`\n",
                id.replace('_', "-")
            );
            Err(Error::raw(ErrorKind::UnknownArgument, what))
        }
        None => Ok(command),
    }
}

/// Whether an id is that of a group of arguments, which is there as soon as one of them is.
fn is_group(owners: &[(&'static str, &'static Command)], id: &str) -> bool {
    let in_command = |command: &Command| {
        (command.describe)()
            .get_groups()
            .any(|group| group.get_id() == id)
    };
    owners.iter().any(|(_, command)| in_command(command))
}

// === impl OfPipeline ===

impl OfPipeline {
    pub(super) fn run(&self, source: &Source) -> Result<Exit, Failure> {
        (self.command.run)(&self.matches, source)
    }
}

impl FromArgMatches for OfPipeline {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let (name, matches) = matches
            .subcommand()
            .ok_or_else(|| Error::new(ErrorKind::InvalidSubcommand))?;
        Ok(Self {
            command: chosen(name, matches)?,
            matches: matches.clone(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for OfPipeline {
    fn augment_subcommands(command: clap::Command) -> clap::Command {
        command.subcommands(names().iter().filter_map(|name| described(name)))
    }

    fn augment_subcommands_for_update(command: clap::Command) -> clap::Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        !owners(name).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<OfPipeline, Error> {
        let program = OfPipeline::augment_subcommands(clap::Command::new("millrace"));
        OfPipeline::from_arg_matches(&program.try_get_matches_from(line.split_whitespace())?)
    }

    fn about(line: &str) -> String {
        let parsed = parse(line).unwrap();
        (parsed.command.describe)().get_about().unwrap().to_string()
    }

    #[test]
    fn a_command_of_several_pipelines_is_that_of_the_one_that_is_named() {
        let first = about("millrace generate --items 5 --seed 2");
        assert_eq!(first, about("millrace generate --pipeline batches --json"));
        let other = about("millrace generate --pipeline products --events 5 --seed 2 --json");
        assert_ne!(first, other);
        assert!(parse("millrace generate --pipeline nothing").is_err());
    }

    #[test]
    fn an_argument_of_another_pipeline_is_an_error_that_names_it() {
        let error = parse("millrace generate --pipeline products --items 5").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownArgument);
        assert!(
            error
                .to_string()
                .contains("--items is none of `generate --pipeline products`"),
            "{error}"
        );
        let error = parse("millrace generate --events 5").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("--events is none of `generate --pipeline batches`"),
            "{error}"
        );
    }

    #[test]
    fn arguments_of_one_name_take_the_same_values_in_every_pipeline() {
        for name in names() {
            described(&name).unwrap().debug_assert();
        }
    }
}
