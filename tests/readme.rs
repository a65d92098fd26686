//! What the README says is so.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use millrace_batches::domain::Reason;
use std::{collections::BTreeSet, fs, path::Path, process::Command};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The first words after `word` wherever it starts a command: in a code block or between backticks.
fn commands(text: &str, word: &str) -> BTreeSet<String> {
    let after = |line: &str| {
        let at = line.find(word)?;
        let starts = at == 0 || line[..at].ends_with(['`', ' ']);
        let next: String = line[at + word.len()..]
            .chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '-')
            .collect();
        (starts && next.starts_with(|c: char| c.is_ascii_lowercase())).then_some(next)
    };
    let pieces = text
        .split(['`', '\n'])
        .filter(|piece| piece.trim_start().starts_with(word) || piece.contains("=1 make"));
    pieces.filter_map(|piece| after(piece.trim_start())).collect()
}

#[test]
fn every_command_exists() {
    let found = commands(&read("README.md"), "millrace ");
    assert!(found.contains("run") && found.contains("generate"), "{found:?}");
    for command in found {
        let help = Command::new(env!("CARGO_BIN_EXE_millrace"))
            .args([&command, "--help"])
            .output()
            .unwrap();
        assert!(
            help.status.success(),
            "millrace {command}: {}",
            String::from_utf8_lossy(&help.stderr)
        );
    }
}

#[test]
fn every_make_target_exists() {
    let makefile = read("Makefile");
    let found = commands(&read("README.md"), "make ");
    assert!(found.contains("demo") && found.contains("test"), "{found:?}");
    for target in found {
        assert!(makefile.contains(&format!("\n{target}:")), "make {target}");
    }
}

#[test]
fn the_reasons_are_all_listed_and_nothing_else_is() {
    let readme = read("README.md");
    let section = readme
        .split("## Reasons")
        .nth(1)
        .unwrap()
        .split("\n## ")
        .next()
        .unwrap();
    let listed: BTreeSet<_> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let known: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(listed, known);
}

#[test]
fn links_and_folders_lead_somewhere() {
    for document in [
        "README.md",
        "docs/ARCHITECTURE.md",
        "docs/VERDICTS.md",
        "docs/ALERTS.md",
        "docs/LOGS.md",
        "docs/RUNBOOK.md",
        "docs/scaling.md",
        "deploy/README.md",
        "deploy/compose/README.md",
        "deploy/docker/README.md",
        "deploy/prometheus/README.md",
        "tests/chaos/README.md",
        "tests/conformance/README.md",
        "actors/README.md",
        "schema/README.md",
    ] {
        let text = read(document);
        let folder = Path::new(document).parent().unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http") && !link.starts_with('#')) {
            let target = root().join(folder).join(link.split('#').next().unwrap());
            assert!(target.exists(), "{document} links to {link}");
        }
    }
    let architecture = read("docs/ARCHITECTURE.md");
    let folders = architecture
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    for folder in folders.filter(|folder| folder.contains('/')) {
        assert!(root().join(folder).exists(), "{folder} is on the house map");
    }
}
