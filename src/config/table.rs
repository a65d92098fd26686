//! Every setting there is, group by group, and the documentation made from them.

use super::InForce;
use super::problem::ConfigError;
use super::setting::{Described, Fallback, Group, Secrecy};
use super::{alerts, http, logging, processing, selection, traces};
use crate::pipelines;

/// The groups of the program itself.
static OURS: [&Group; 6] = [
    &selection::GROUP,
    &processing::GROUP,
    &http::GROUP,
    &logging::GROUP,
    &traces::GROUP,
    &alerts::GROUP,
];

/// The groups in the order of the documentation: those of the program, then those of each pipeline.
fn groups() -> Vec<&'static Group> {
    let mut all = OURS.to_vec();
    for group in pipelines::all().flat_map(|pipeline| pipeline.settings()) {
        // Pipelines may share one.
        if !all.iter().any(|known| known.title == group.title) {
            all.push(group);
        }
    }
    all
}

/// What a reader found.
type Read = Result<(Vec<InForce>, Vec<String>), ConfigError>;

const INTRODUCTION: &str = "\
# Settings

Environment variables, and under them a file `.env` in the working directory (or the one that `--env-file`
names). A variable that is set to nothing counts as not set. Every name marked *secret* can be given as
`<name>_FILE` instead: a file that holds the value. `millrace config` shows what is in force and where it came
from; all problems are reported at once, and the exit code is 78. In `.env`, put single quotes around a value
with `#` or `$` in it.

This page is printed by `millrace config --markdown`.
";

/// All settings.
pub(super) fn all() -> impl Iterator<Item = &'static dyn Described> {
    groups()
        .into_iter()
        .flat_map(|group| group.settings.iter().copied())
}

/// Sorts what is in force: as documented, not as read.
pub(super) fn in_order(mut read: Read) -> Read {
    let in_force = match &mut read {
        Ok((in_force, _)) => in_force,
        Err(error) => &mut error.in_force,
    };
    in_force.sort_by_key(|entry| all().position(|setting| setting.about().name == entry.name));
    read
}

/// The documentation of all settings.
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    for group in groups() {
        page += &format!(
            "\n## {}\n\n| name | default | accepts | what it is |\n|---|---|---|---|\n",
            group.title
        );
        for setting in group.settings {
            page += &row(*setting);
        }
    }
    page
}

fn row(setting: &dyn Described) -> String {
    let about = setting.about();
    let names: Vec<String> = about.names().map(|name| format!("`{name}`")).collect();
    let secret = if about.secrecy == Secrecy::Open {
        ""
    } else {
        " *secret*"
    };
    let default = match about.fallback {
        Fallback::Value(text) => format!("`{text}`"),
        Fallback::Required => "**required**".to_owned(),
        Fallback::Absent(words) => words.to_owned(),
    };
    format!(
        "| {}{secret} | {default} | {} | {} |\n",
        names.join(", "),
        setting.form(),
        about.doc
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_name_is_given_twice() {
        let names: Vec<String> = all().flat_map(|setting| setting.about().variables()).collect();
        let distinct: BTreeSet<&String> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }

    #[test]
    fn the_settings_page_is_the_one_that_is_printed() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/SETTINGS.md");
        let page = std::fs::read_to_string(path).unwrap();
        assert_eq!(
            page,
            markdown(),
            "run: millrace config --markdown > docs/SETTINGS.md"
        );
    }
}
