//! The patches of `tests/chaos/mutations` and the table that lists them.

use super::{
    read, root, sources,
    tables::{names, rows},
    tests_there_are::tests_in,
};
use std::{collections::BTreeMap, fs};

const FOLDER: &str = "tests/chaos/mutations";

/// What each patch says after `Red:`, by the patch's name.
fn patches() -> BTreeMap<String, String> {
    let files = fs::read_dir(root().join(FOLDER)).unwrap();
    let files = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names = files.filter_map(|file| file.strip_suffix(".patch").map(str::to_owned));
    let read = |name: String| {
        let patch = read(&format!("{FOLDER}/{name}.patch"));
        let mut red = patch.lines().filter_map(|line| line.strip_prefix("Red: "));
        let red = red
            .next()
            .unwrap_or_else(|| panic!("{name} says nothing after Red:"));
        (name, red.to_owned())
    };
    names.map(read).collect()
}

#[test]
fn the_table_lists_every_mutation_and_what_it_turns_red() {
    let rows = rows(&read(&format!("{FOLDER}/README.md")), "patch");
    let only = |cell: &str| names(cell).pop().unwrap_or_else(|| panic!("no name in {cell}"));
    let listed = rows.iter().map(|row| (only(&row.cells[0]), only(&row.cells[2])));
    assert_eq!(listed.collect::<BTreeMap<_, _>>(), patches());
}

/// A filter that matches no test is green whatever is broken.
#[test]
fn every_test_that_must_go_red_exists() {
    let mut tests = 0;
    for (name, red) in patches() {
        let words: Vec<_> = red.split(' ').collect();
        let (target, filter) = match words[..] {
            ["chaos"] => continue,
            ["test", target, filter] => (target, filter),
            _ => panic!("{name}: neither `chaos` nor `test TARGET FILTER`: {red}"),
        };
        let files = ["actors", "tests"].map(|folder| sources(&root().join(folder)));
        let inside = format!("/tests/{target}/");
        let files = files.iter().flatten();
        let mut files = files.filter(|file| file.to_string_lossy().contains(&inside));
        let found = files.any(|file| {
            let tests = tests_in(&fs::read_to_string(file).unwrap());
            tests.iter().any(|test| test.contains(filter))
        });
        assert!(found, "{name}: no test of {target} is called {filter}");
        tests += 1;
    }
    assert!(tests > 5, "only {tests} mutations name a test");
}
