//! Tables of a document in Markdown.

/// A row, and the heading above its table.
pub(crate) struct Row {
    pub(crate) section: String,
    /// Trimmed.
    pub(crate) cells: Vec<String>,
}

/// The rows of every table whose first column is called `first`.
pub(crate) fn rows(document: &str, first: &str) -> Vec<Row> {
    let mut found = Vec::new();
    let mut section = "";
    let mut columns = None;
    for line in document.lines() {
        if line.starts_with('#') {
            section = line.trim_start_matches('#').trim();
        }
        let Some(inner) = line.strip_prefix('|').and_then(|rest| rest.strip_suffix('|')) else {
            columns = None;
            continue;
        };
        let cells: Vec<_> = inner.split('|').map(|cell| cell.trim().to_owned()).collect();
        match columns {
            _ if cells[0] == first => columns = Some(cells.len()),
            Some(columns) if !cells[0].starts_with("---") => {
                // A bar inside a cell would move all that follows it.
                assert_eq!(cells.len(), columns, "{line}");
                let section = section.to_owned();
                found.push(Row { section, cells });
            }
            _ => {}
        }
    }
    found
}

/// What stands between backticks.
pub(crate) fn names(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
