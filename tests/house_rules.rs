//! Who may know whom. A reader should never need these rules; a writer is told when one is broken.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A word, and the only folders whose code may contain it.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("amqprs::", &["actors/adapters/amqp", "src/telemetry"]), // telemetry: as a log target
    ("object_store::", &["actors/adapters/objects"]),
    ("zstd::", &["actors/pipelines/batches/src/parse", "src/corpus"]),
    ("tokio_postgres", &["actors/adapters/postgres"]),
    ("deadpool_postgres", &["actors/adapters/postgres"]),
    ("actix::", &["actors/engine"]),
    ("actix_rt::", &["src/pipeline"]),
    ("opentelemetry", &["actors/engine/src/trace.rs", "src/telemetry"]),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `folder`, with its code: comments name what they please.
fn code_below(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((
                relative(&path),
                without_comments(&fs::read_to_string(&path).unwrap()),
            ));
        }
    }
    assert!(
        !found.is_empty(),
        "{folder} holds no code: the rule about it is out of date"
    );
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().into_owned()
}

fn without_comments(code: &str) -> String {
    let lines = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_library_is_named_in_one_place() {
    let files: Vec<_> = ["actors", "src"].into_iter().flat_map(code_below).collect();
    for (word, folders) in ONLY_IN {
        let allowed = |file: &str| folders.iter().any(|folder| file.starts_with(folder));
        let strays: Vec<_> = files
            .iter()
            .filter(|(file, code)| code.contains(word) && !allowed(file))
            .map(|(file, _)| file)
            .collect();
        assert!(
            strays.is_empty(),
            "{word} belongs into {folders:?}, not into {strays:?}"
        );
        assert!(
            files
                .iter()
                .any(|(file, code)| code.contains(word) && allowed(file)),
            "nobody names {word} any more"
        );
    }
}

/// Name and versions of what a lock file holds.
fn locked(path: &str) -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join(path)).unwrap();
    let mut lines = text.lines();
    let mut packages = BTreeMap::<_, BTreeSet<_>>::new();
    let value = |line: &str| line.split('"').nth(1).unwrap().to_owned();
    while let Some(line) = lines.next() {
        if line.starts_with("name = ") {
            let version = lines.next().unwrap();
            packages.entry(value(line)).or_default().insert(value(version));
        }
    }
    packages
}

/// `make lint` sees that the lock file of the fuzz targets fits their manifest; this, that it fits the program's.
#[test]
fn fuzz_targets_are_built_from_what_the_program_is_built_from() {
    let program = locked("Cargo.lock");
    for (name, versions) in locked("fuzz/Cargo.lock") {
        if let Some(known) = program.get(&name) {
            assert!(
                versions.is_subset(known),
                "{name} {versions:?} in fuzz/Cargo.lock, {known:?} in Cargo.lock: run `cp Cargo.lock fuzz/ && cargo metadata --manifest-path fuzz/Cargo.toml`"
            );
        }
    }
}

/// A mutation that no longer applies proves nothing, and is noticed only when somebody plays it.
#[test]
fn every_mutation_applies_to_the_code_as_it_is() {
    let folder = root().join("tests/chaos/mutations");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let patches: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "patch"))
        .collect();
    assert!(patches.len() > 10, "{patches:?}");
    for patch in patches {
        let checked = std::process::Command::new("git")
            .args(["apply", "--check"])
            .arg(&patch)
            .current_dir(root())
            .output()
            .unwrap();
        let complaint = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success(), "{}: {complaint}", relative(&patch));
    }
}
