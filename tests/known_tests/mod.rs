//! Documents that name tests: their tables, and the tests that there are.

/// The rows of every table with this many columns, each cell trimmed.
pub(crate) fn rows(document: &str, columns: usize) -> Vec<Vec<&str>> {
    let lines = document.lines().filter(|line| line.starts_with("| "));
    let cells = lines.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    // What stands before the first and after the last line is no cell.
    let whole = cells.filter(|cells| cells.len() == columns + 2);
    whole.map(|cells| cells[1..=columns].to_vec()).collect()
}

/// What stands between backticks.
pub(crate) fn names(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

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
