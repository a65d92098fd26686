//! `millrace products archive`.

use super::opened::{Opened, unanswered};
use crate::{
    cli::output,
    exit::{Exit, Failure},
    pipelines::products::{api::hour, archive::NAMED_BY},
};
use jiff::Timestamp;
use millrace_objects::ObjectWriter;
use millrace_products::{
    archive::{Archive, ArchiveStore, Trouble},
    reports::ArchiveReport,
};

/// What to do.
#[derive(clap::Subcommand)]
pub(super) enum What {
    /// Hours of the archive, and whether they are complete
    Status(Args),
    /// Reads back every object of an hour: which are missing, changed, or known to no row
    Verify(Hour),
    /// Removes files of an hour that no row knows, once all their events are archived otherwise
    Heal(Hour),
}

/// One hour.
#[derive(clap::Args)]
pub(super) struct Hour {
    /// The hour, such as 2026-03-01T10, in UTC
    #[arg(long, value_name = "H", value_parser = hour)]
    hour: Timestamp,
    /// Print JSON
    #[arg(long)]
    json: bool,
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

pub(super) async fn run(what: &What, opened: &Opened) -> Result<Exit, Failure> {
    match what {
        What::Status(args) => status(args, opened).await,
        What::Verify(of) => verify(of, opened).await,
        What::Heal(of) => heal(of, opened).await,
    }
}

fn archive(opened: &Opened) -> anyhow::Result<Archive> {
    let group = &opened.settings.archive;
    let objects = ObjectWriter::open(&group.store, NAMED_BY)?;
    let store = ArchiveStore::new(objects);
    Ok(Archive::new(
        opened.database.clone(),
        store,
        group.archive.clone(),
    ))
}

async fn verify(of: &Hour, opened: &Opened) -> Result<Exit, Failure> {
    let found = archive(opened)?
        .verify(of.hour)
        .await
        .map_err(Failure::unavailable)?;
    if of.json {
        output::print_json(&found)?;
    } else {
        let (objects, events, journal) = (found.objects, found.events, found.in_journal);
        output::print(&format!(
            "{objects} objects are as they were stored; {events} events in files, {journal} of the hour in the journal\n"
        ))?;
        told(&found.troubles)?;
    }
    Ok(match found.troubles.is_empty() {
        true => Exit::Fine,
        false => Exit::GaveUp,
    })
}

async fn heal(of: &Hour, opened: &Opened) -> Result<Exit, Failure> {
    let healed = archive(opened)?
        .heal(of.hour)
        .await
        .map_err(Failure::unavailable)?;
    if of.json {
        output::print_json(&healed)?;
        return Ok(Exit::Fine);
    }
    for key in &healed.removed {
        output::print(&format!("removed {key}\n"))?;
    }
    told(&healed.kept)?;
    Ok(Exit::Fine)
}

fn told(troubles: &[Trouble]) -> std::io::Result<()> {
    for Trouble { key, kind, detail } in troubles {
        output::print(&format!("{kind:?} {key}: {detail}\n"))?;
    }
    Ok(())
}

async fn status(args: &Args, opened: &Opened) -> Result<Exit, Failure> {
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
