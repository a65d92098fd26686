//! `millrace products archive`.

use super::opened::{Opened, unanswered};
use crate::{
    cli::output,
    exit::{Exit, Failure},
    pipelines::products::api::hour,
};
use jiff::Timestamp;
use millrace_products::reports::ArchiveReport;

/// What to do.
#[derive(clap::Subcommand)]
pub(super) enum What {
    /// Hours of the archive, and whether they are complete
    Status(Args),
}

/// Which hour.
#[derive(clap::Args)]
pub(super) struct Args {
    /// One hour with its files, such as 2026-03-01T10, in UTC [default: the newest 72 hours]
    #[arg(long, value_name = "H", value_parser = hour)]
    hour: Option<Timestamp>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(What::Status(args): &What, opened: &Opened) -> Result<Exit, Failure> {
    let report = opened.reports.archive(args.hour).await.map_err(unanswered)?;
    match args.json {
        true => output::print_json(&report)?,
        false => print(&report)?,
    }
    Ok(Exit::Fine)
}

fn print(report: &ArchiveReport) -> std::io::Result<()> {
    if report.hours.is_empty() {
        return output::print("nothing is archived, and nothing waits\n");
    }
    let mut hours = output::table(&[
        "HOUR",
        "FILES",
        "LATE",
        "PLANNED",
        "EVENTS",
        "WAITING",
        "CLOSED AT",
    ]);
    for hour in &report.hours {
        let closed = hour.closed_at.map_or_else(|| "-".to_owned(), |at| at.to_string());
        let counts = [
            hour.files,
            hour.late_files,
            hour.planned,
            hour.events,
            hour.pending,
        ];
        let mut row = vec![hour.hour.to_string()];
        row.extend(counts.map(|count| count.to_string()));
        row.push(closed);
        hours.add_row(row);
    }
    output::print_table(&hours)?;
    if report.files.is_empty() {
        return Ok(());
    }
    let mut files = output::table(&["STATE", "EVENTS", "KEY"]);
    for file in &report.files {
        files.add_row([file.state.clone(), file.events.to_string(), file.key.clone()]);
    }
    output::print_table(&files)
}
