//! Writes for people and for scripts. Unlike `println!`, a reader that left early (`| head`) is no panic.

use comfy_table::{ContentArrangement, Table, presets};
use millrace_text::mask;
use serde::Serialize;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Text on standard output.
pub(crate) fn print(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// JSON on standard output.
pub(crate) fn print_json(value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    print(&(text + "\n"))
}

/// A line on standard error.
pub(crate) fn error(text: &str) {
    // Where standard error is gone there is nothing left to write to.
    let _ = writeln!(io::stderr(), "{}", mask::masked(text));
}

/// A table without lines, wrapped to the terminal and never wrapped in a pipe.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    if let (true, Some(columns)) = (io::stdout().is_terminal(), columns) {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(columns);
    }
    table
}

/// Prints a table without the blanks at the ends of its lines.
pub(crate) fn print_table(table: &Table) -> io::Result<()> {
    print(&(table.trim_fmt() + "\n"))
}
