//! The documents of the repository, and what can be read from them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Where a path that is named begins, beside those that end in `.rs`.
const FOLDERS: [&str; 8] = [
    "src/", "actors/", "schema/", "tests/", "deploy/", "docs/", "fuzz/", "benches/",
];

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file.
pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every file of the repository, without what is built or fetched.
pub(crate) fn files() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = folder.join(&name);
            let hidden = name.starts_with('.') && name != ".github" && name != ".cargo";
            if entry.file_type().unwrap().is_dir() {
                if !hidden && name != "target" && name != "node_modules" {
                    folders.push(path);
                }
            } else {
                found.push(path.to_string_lossy().into_owned());
            }
        }
    }
    found
}

/// Every document in Markdown.
pub(crate) fn all() -> Vec<String> {
    let mut documents = files();
    documents.retain(|path| path.ends_with(".md"));
    documents.sort();
    assert!(documents.iter().any(|path| path == "README.md"), "{documents:?}");
    documents
}

/// Whether a document describes the repository as it is: a changelog names files that went, and a report to others theirs.
pub(crate) fn is_about_now(document: &str) -> bool {
    document != "CHANGELOG.md" && !document.starts_with("docs/upstream/")
}

/// The text outside of blocks of code.
fn without_blocks(text: &str) -> String {
    let mut in_block = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// What stands between backticks outside of blocks.
pub(crate) fn inline(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    // A backtick without its like spoils no more than its paragraph.
    for paragraph in without_blocks(text).split("\n\n") {
        found.extend(paragraph.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    found
}

/// The sentences: no code, no addresses of links, each space one space. Links have names of files as their text.
pub(crate) fn prose(text: &str) -> String {
    let text = without_blocks(text);
    let plain: Vec<_> = text.split('`').step_by(2).collect();
    let words = plain.join(" ");
    let words = words.split_whitespace().filter(|word| !word.contains(".md"));
    words.collect::<Vec<_>>().join(" ")
}

/// The lines of code for a shell: blocks of `sh`, and what stands between backticks.
pub(crate) fn code(text: &str) -> Vec<String> {
    let mut found = inline(text);
    let mut block = None;
    for line in text.lines().map(str::trim) {
        match (line.strip_prefix("```"), block) {
            (Some(language), None) => block = Some(language == "sh"),
            (Some(_), Some(_)) => block = None,
            (None, Some(true)) => found.push(line.to_owned()),
            (None, _) => {}
        }
    }
    found
}

/// The anchors of the headings, as the forge makes them.
pub(crate) fn headings(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

/// Whether it names a file or folder of the repository, and no pattern of several.
pub(crate) fn is_path(text: &str) -> bool {
    let plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_'));
    let ours = FOLDERS.iter().any(|folder| text.starts_with(folder));
    plain && (text.ends_with(".rs") || ours)
}
