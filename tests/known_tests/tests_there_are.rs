//! The tests of the workspace, by the names in its code.

use super::{root, sources};
use std::{collections::BTreeSet, fs};

/// The names of the tests in a file of Rust.
pub(crate) fn tests_in(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_test = false;
    for line in code.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, name)) = line.split_once("fn ")
            && std::mem::take(&mut is_test)
        {
            found.extend(name.split('(').next().map(str::to_owned));
        }
    }
    found
}

/// The names of all tests.
pub(crate) fn everywhere() -> BTreeSet<String> {
    let folders = ["src", "actors", "tests"].map(|folder| root().join(folder));
    let files = folders.iter().flat_map(|folder| sources(folder));
    files
        .flat_map(|file| tests_in(&fs::read_to_string(file).unwrap()))
        .collect()
}

/// Whether `file::test` is a test of that file: the name alone would also be found after it moved to another file.
pub(crate) fn is_in_its_file(named: &str) -> bool {
    let Some((file, test)) = named.split_once("::") else {
        return false;
    };
    let code = fs::read_to_string(root().join(file));
    code.is_ok_and(|code| tests_in(&code).iter().any(|known| known == test))
}
