//! `millrace products reproject`: fills the recent store again from the journal.

use super::opened::{Opened, away};
use crate::{
    cli::output,
    config::RecentSettings,
    exit::{Exit, Failure},
};
use anyhow::anyhow;
use indicatif::{ProgressBar, ProgressDrawTarget};
use jiff::Timestamp;
use millrace_products::recent::ProjectionQueue;
use serde_json::json;

/// From when on.
#[derive(clap::Args)]
#[command(
    after_help = "Puts events back into the queue of the projection; a running `millrace run` writes them. An event that is there becomes the same again."
)]
pub(super) struct Args {
    /// Events that were taken in since then, such as 2026-03-01T10:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Timestamp,
    /// Only count
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args, opened: &Opened) -> Result<Exit, Failure> {
    if matches!(opened.settings.recent, RecentSettings::Journal) {
        return Err(Failure::usage(anyhow!(
            "the recent events are in the journal itself: there is no store to fill; RECENT_STORE=dynamodb makes DynamoDB one"
        )));
    }
    let bar = match args.json {
        true => ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
        false => ProgressBar::new_spinner(),
    };
    let queue = ProjectionQueue::new(opened.database.clone());
    let told = |day, added| {
        bar.inc(added);
        bar.set_message(format!("{day}"));
    };
    let events = queue.again(args.since, args.dry_run, told).await.map_err(away)?;
    bar.finish_and_clear();
    match args.json {
        true => output::print_json(&json!({"events": events, "dry_run": args.dry_run}))?,
        false if args.dry_run => output::print(&format!("{events} events would be put into the queue\n"))?,
        false => output::print(&format!("{events} events were put into the queue\n"))?,
    }
    Ok(Exit::Fine)
}
