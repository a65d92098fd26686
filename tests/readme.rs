//! What the documents say is so: their commands, links, paths and tables are those of the code.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod documents;

use documents::{all, code, headings, is_path, read, root};
use millrace::exit::Exit;
use millrace_batches::domain::Reason;
use millrace_stack::Stack;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    time::Duration,
};

/// More than that is not read before the first try.
const README_LINES: usize = 200;

/// The words that follow `word` wherever it starts a command.
fn commands(text: &str, word: &str) -> BTreeSet<String> {
    let starts = code(text)
        .into_iter()
        .filter_map(|line| Some(line.strip_prefix(word)?.trim_start().to_owned()));
    let next = starts.map(|rest| {
        let letters = rest
            .chars()
            .take_while(|c| c.is_ascii_lowercase() || matches!(c, '-' | '_'));
        letters.collect::<String>()
    });
    next.filter(|next| !next.is_empty()).collect()
}

#[test]
fn every_command_exists() {
    let mut found = BTreeSet::new();
    for document in all() {
        found.extend(commands(&read(&document), "millrace "));
    }
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

/// The numbers after "Exit codes:", up to the end of the paragraph.
fn exit_codes(text: &str) -> BTreeSet<u8> {
    let (_, after) = text.split_once("Exit codes:").unwrap();
    let paragraph = after.split("\n\n").next().unwrap();
    let words = paragraph.split(|c: char| !c.is_ascii_digit());
    words.filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn the_exit_codes_are_those_of_the_help() {
    let help = Command::new(env!("CARGO_BIN_EXE_millrace"))
        .arg("--help")
        .output()
        .unwrap();
    let help = exit_codes(&String::from_utf8(help.stdout).unwrap());
    assert_eq!(exit_codes(&read("docs/INSTALL.md")), help);
    let ours = [
        Exit::Fine,
        Exit::Usage,
        Exit::Unavailable,
        Exit::GaveUp,
        Exit::Config,
    ]
    .map(Exit::code);
    // Of a second SIGINT and a second SIGTERM.
    assert_eq!(help, ours.into_iter().chain([130, 143]).collect());
}

#[test]
fn the_least_settings_are_enough() {
    let install = read("docs/INSTALL.md");
    let (_, section) = install.split_once("\n## Settings").unwrap();
    let block = section
        .split("```sh\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let settings = block.lines().map(|line| line.split_once('=').unwrap());
    // The file of the example is not on this machine.
    let settings = settings.map(|(name, value)| {
        let file = name.ends_with("_FILE");
        (name, if file { secret.to_str().unwrap() } else { value })
    });
    let config = Command::new(env!("CARGO_BIN_EXE_millrace"))
        .arg("config")
        .env_clear()
        .envs(settings)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&config.stderr);
    assert!(config.status.success(), "{complaint}");
}

#[test]
fn every_make_target_exists() {
    let makefile = read("Makefile");
    let mut found = BTreeSet::new();
    for document in all() {
        found.extend(commands(&read(&document), "make "));
    }
    assert!(found.contains("demo") && found.contains("test"), "{found:?}");
    for target in found {
        assert!(makefile.contains(&format!("\n{target}:")), "make {target}");
    }
}

#[test]
fn the_reasons_are_all_listed_and_nothing_else_is() {
    let document = read("docs/REASONS.md");
    let table = document.split("\n## ").next().unwrap();
    let listed: BTreeSet<_> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let known: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(listed, known);
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for document in all() {
        let text = read(&document);
        let folder = Path::new(&document).parent().unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http")) {
            seen += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                document.clone()
            } else {
                folder.join(file).to_string_lossy().into_owned()
            };
            let there = root().join(&target).exists();
            if !there || (!anchor.is_empty() && !headings(&read(&target)).contains(anchor)) {
                broken.push(format!("{document} links to {link}"));
            }
        }
    }
    assert!(seen > 100, "{seen} links");
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn files_that_are_named_exist() {
    let files = documents::files();
    let mut missing = Vec::new();
    let mut seen = 0;
    for document in all().into_iter().filter(|it| documents::is_about_now(it)) {
        for named in documents::inline(&read(&document)) {
            let path = named.split("::").next().unwrap().trim_end_matches('/');
            if !is_path(path) {
                continue;
            }
            seen += 1;
            // A name alone, or the end of a path, is enough where the text says which folder is meant.
            let end = format!("/{path}");
            let exists =
                root().join(path).exists() || files.iter().any(|file| file == path || file.ends_with(&end));
            if !exists {
                missing.push(format!("{document}: {named}"));
            }
        }
    }
    assert!(seen > 100, "{seen} paths");
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Folder of each crate that is no test and no benchmark, and the folders of those that it depends on.
fn crates() -> BTreeMap<String, BTreeSet<String>> {
    let said = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let said: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    let packages = said["packages"].as_array().unwrap();
    let folder = |package: &serde_json::Value| {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let folder = manifest.parent().unwrap().strip_prefix(root()).unwrap();
        let folder = folder.to_string_lossy().into_owned();
        if folder.is_empty() { ".".to_owned() } else { folder }
    };
    let folders: BTreeMap<_, _> = packages
        .iter()
        .map(|package| (package["name"].as_str().unwrap(), folder(package)))
        .collect();
    let uses = |package: &serde_json::Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        let normal = all.filter(|dependency| dependency["kind"].is_null());
        normal
            .filter_map(|dependency| folders.get(dependency["name"].as_str().unwrap()).cloned())
            .collect()
    };
    let ours = packages.iter().map(|package| (folder(package), uses(package)));
    ours.filter(|(folder, _)| !folder.starts_with("tests/") && !folder.starts_with("benches/"))
        .collect()
}

#[test]
fn the_table_of_crates_is_what_cargo_says() {
    let document = read("docs/ARCHITECTURE.md");
    let section = document
        .split("\n## ")
        .find(|it| it.starts_with("The crates"))
        .unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let listed: BTreeMap<_, BTreeSet<_>> = rows
        .map(|row| {
            let cells: Vec<_> = row.split('|').collect();
            let folder = documents::inline(cells[1]).remove(0);
            (folder, documents::inline(cells[3]).into_iter().collect())
        })
        .collect();
    assert_eq!(listed, crates());
}

/// Words that this project once had of its own; the field has others, and the glossary in ARCHITECTURE names them. And
/// those that hide which part of the system is meant.
const NOT_OURS_ANY_MORE: [&str; 21] = [
    "verdict",
    "obituar",
    "innocent",
    "guilty",
    "buried",
    "bury",
    "buries",
    "condemn",
    "acquit",
    "roster",
    "culprit",
    "killer",
    "turnstile",
    "struct room",
    "whole line",
    "tests/line",
    "nobody",
    "somebody",
    "whoever",
    "everybody",
    "anybody",
];

#[test]
fn documents_use_the_words_of_the_field() {
    let mut found = Vec::new();
    for document in all().into_iter().filter(|it| documents::is_about_now(it)) {
        let prose = documents::prose(&read(&document)).to_lowercase();
        let odd = NOT_OURS_ANY_MORE.iter().chain(&["receipt", "a room "]);
        found.extend(
            odd.filter(|word| prose.contains(*word))
                .map(|word| format!("{document}: {word}")),
        );
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Whether a file is written by hand, and may still be changed: a migration that was released may not.
fn is_code(path: &str) -> bool {
    let extensions = [
        "rs", "js", "css", "html", "json", "yml", "yaml", "toml", "sh", "py", "tpl", "sql", "patch",
    ];
    let kind = Path::new(path)
        .extension()
        .and_then(|extension| extension.to_str());
    let kept = kind.map_or(path.starts_with("deploy/") || path == "Makefile", |kind| {
        extensions.contains(&kind)
    });
    kept && path != "tests/readme.rs" && !path.starts_with("schema/batches/migrations/")
}

#[test]
fn code_uses_the_words_of_the_field() {
    let mut found = Vec::new();
    let mut seen = 0;
    for file in documents::files().into_iter().filter(|file| is_code(file)) {
        seen += 1;
        for (number, line) in read(&file).to_lowercase().lines().enumerate() {
            let odd = NOT_OURS_ANY_MORE.iter().filter(|word| line.contains(*word));
            found.extend(odd.map(|word| format!("{file}:{}: {word}", number + 1)));
        }
    }
    assert!(seen > 500, "{seen} files");
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(lines <= README_LINES, "{lines} lines");
}

/// Runs the commands of "Your first event" as they stand, with the addresses of a service of our own.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_event_of_the_readme_is_stored() {
    let readme = read("README.md");
    let (_, after) = readme.split_once("<!-- first-event").unwrap();
    let script = after
        .split("```sh\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();

    let stack = Stack::shared().await;
    let tenant = stack.tenant("readme").await.unwrap();
    let service = tenant
        .service(Path::new(env!("CARGO_BIN_EXE_millrace")), &[])
        .unwrap();
    service.wait_ready(Duration::from_secs(60)).await.unwrap();
    let login = |(user, password): (&str, &str)| format!("{user}:{password}");
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Command::new("timeout");
    shell
        .args(["60", "sh", "-eu", "-c", script])
        .current_dir(folder.path())
        .env("PAGE", service.url())
        .env("MANAGEMENT", stack.rabbitmq.management().url())
        .env("RABBITMQ_LOGIN", login(stack.rabbitmq.credentials()))
        .env("OBJECTS", stack.objects.endpoint())
        .env("OBJECTS_LOGIN", login(stack.objects.credentials()))
        .env("NAME", tenant.bucket());
    let ran = tokio::task::spawn_blocking(move || shell.output().unwrap())
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let complaint = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}\n{complaint}");
    assert!(said.contains("\"evt_mine\""), "{said}");

    let database = tenant.connect_postgres().await.unwrap();
    let statement = "SELECT id, content_text, view_count FROM post_analytics WHERE job_id = 'my-project-1-1'";
    let row = database.query_one(statement, &[]).await.unwrap();
    let found: (String, String, i64) = (row.get(0), row.get(1), row.get(2));
    assert_eq!(found, ("post-1".to_owned(), "my first post".to_owned(), 42));
}
