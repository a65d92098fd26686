//! Which crate may depend on which. Cargo holds each edge; these rules say which edges there may be.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A client library, and the only crates that may depend on it, beside tests and benchmarks.
const CLIENTS: &[(&str, &[&str])] = &[
    ("actix", &["millrace-engine"]),
    // The program names its system and its threads.
    ("actix-rt", &["millrace"]),
    ("amqprs", &["millrace-amqp"]),
    ("aws-config", &["millrace-dynamodb"]),
    ("aws-credential-types", &["millrace-dynamodb"]),
    ("aws-sdk-dynamodb", &["millrace-dynamodb"]),
    ("aws-smithy-http-client", &["millrace-dynamodb"]),
    ("object_store", &["millrace-objects"]),
    ("rdkafka", &["millrace-kafka"]),
    ("tokio-postgres", &["millrace-postgres"]),
    ("deadpool-postgres", &["millrace-postgres"]),
    ("zstd", &["millrace-batches", "millrace-products"]),
    ("opentelemetry", &["millrace", "millrace-engine"]),
];

/// A crate of ours by its place, and the places that it may depend on.
const EDGES: &[(&str, &[&str])] = &[
    ("actors/engine", &["actors/adapters/text"]),
    ("actors/adapters/access", &[]),
    ("actors/adapters/text", &[]),
    (
        "actors/adapters",
        &["actors/engine", "actors/adapters/access", "actors/adapters/text"],
    ),
    ("actors/pipelines", &["actors/engine", "actors/adapters"]),
];

/// A crate of the workspace: its folder, and what it depends on where it is not tested.
struct Crate {
    folder: String,
    dependencies: BTreeSet<String>,
}

/// Every crate of the workspace, by name.
fn crates() -> BTreeMap<String, Crate> {
    let said = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let said: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    let packages = said["packages"].as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let read = |package: &serde_json::Value| {
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let normal = dependencies.filter(|dependency| dependency["kind"].is_null());
        let found = Crate {
            folder: relative(manifest.parent().unwrap()),
            dependencies: normal.map(|dependency| text(&dependency["name"])).collect(),
        };
        (text(&package["name"]), found)
    };
    packages.iter().map(read).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().into_owned()
}

#[test]
fn a_client_library_belongs_to_one_crate() {
    let crates = crates();
    for (client, allowed) in CLIENTS {
        let ours = crates
            .iter()
            .filter(|(_, it)| !it.folder.starts_with("tests") && !it.folder.starts_with("benches"));
        let users = ours.filter(|(_, it)| it.dependencies.contains(*client));
        let users: Vec<_> = users.map(|(name, _)| name.as_str()).collect();
        assert_eq!(users, *allowed, "who depends on {client}");
    }
}

#[test]
fn crates_depend_downwards_only() {
    let crates = crates();
    let mut seen = 0;
    for (name, it) in &crates {
        let rule = EDGES.iter().find(|(folder, _)| it.folder.starts_with(folder));
        let Some((_, allowed)) = rule else { continue };
        seen += 1;
        for dependency in it.dependencies.iter().filter_map(|name| crates.get(name)) {
            let folder = &dependency.folder;
            let fits = allowed.iter().any(|allowed| folder.starts_with(allowed));
            assert!(fits, "{name} must not depend on {folder}");
        }
    }
    assert!(seen >= 6, "of {} crates only {seen} have a rule", crates.len());
}

/// What serves every pipeline, and so must not know of one.
const GENERIC: &[&str] = &[
    "src/alerts",
    "src/cli",
    "src/exit.rs",
    "src/health",
    "src/http",
    "src/lib.rs",
    "src/main.rs",
    "src/pipeline",
    "src/probe.rs",
    "src/telemetry",
];

/// Words of the crawl pipeline.
const WORDS_OF_ONE: &[&str] = &[
    "batches",
    "crawl",
    "facebook",
    "fetcher",
    "ingress",
    "ledger",
    "millrace_amqp",
    "millrace_objects",
    "minio",
    "object_store",
    "rabbit",
    "tiktok",
    "youtube",
];

/// All files below a folder, or the file itself.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|entry| files(&entry)).collect()
}

/// Tests speak of a pipeline like any other; a pipeline says of itself what is shown, judged and done for it.
#[test]
fn what_serves_every_pipeline_names_none() {
    let all = GENERIC.iter().flat_map(|path| files(&root().join(path)));
    let code: Vec<_> = all
        .filter(|path| !relative(path).contains("/tests/") && !relative(path).contains("/snapshots/"))
        .collect();
    assert!(code.len() > 60, "{code:?}");
    let mut named = Vec::new();
    for path in code {
        let text = fs::read_to_string(&path).unwrap();
        let without_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for (number, line) in (1..).zip(without_tests.lines()) {
            let line = line.to_lowercase();
            let words = WORDS_OF_ONE.iter().filter(|word| line.contains(**word));
            named.extend(words.map(|word| format!("{}:{number}: {word}", relative(&path))));
        }
    }
    assert!(named.is_empty(), "{named:#?}");
}

#[test]
fn a_second_pipeline_takes_less_than_300_lines() {
    let code = files(&root().join("tests/second_pipeline/src"));
    let lines = code
        .iter()
        .map(|path| fs::read_to_string(path).unwrap().lines().count());
    let lines: usize = lines.sum();
    assert!(lines < 300, "{lines}");
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

/// A mutation that no longer applies proves nothing, and is noticed only when it is played.
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
