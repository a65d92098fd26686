//! `millrace products stats`.

use super::opened::{Opened, unanswered};
use crate::{
    cli::output,
    exit::{Exit, Failure},
};

/// What to print.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Hours that are told one by one
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=9_600))]
    hours: u16,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args, opened: &Opened) -> Result<Exit, Failure> {
    let stats = opened.reports.stats(args.hours).await.map_err(unanswered)?;
    if args.json {
        output::print_json(&stats)?;
        return Ok(Exit::Fine);
    }
    let status = &stats.products_by_status;
    let since = stats
        .since
        .map_or_else(|| "never".to_owned(), |since| since.to_string());
    output::print(&format!(
        "{} products ({} created, {} updated; {} low on stock), {} deleted\n{} events, the first {since}\n",
        stats.total_products,
        status.created,
        status.updated,
        status.low_stock,
        status.deleted,
        stats.total_events
    ))?;
    let mut table = output::table(&["KIND OR HOUR", "EVENTS"]);
    for (name, events) in stats.events_by_type.iter().chain(&stats.hourly_stats) {
        table.add_row([name.clone(), events.to_string()]);
    }
    output::print_table(&table)?;
    Ok(Exit::Fine)
}
