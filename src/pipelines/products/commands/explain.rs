//! `millrace explain`: what became of a product event.

use super::opened::{Opened, no_answer, unanswered};
use crate::{
    cli::output,
    exit::{Exit, Failure},
};
use anyhow::anyhow;
use jiff::Timestamp;
use millrace_products::{recent::RecentEvent, reports::StoredEvent};
use serde_json::json;

/// Which event.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Its id
    event_id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args, opened: &Opened) -> Result<Exit, Failure> {
    let id = args.event_id.as_str();
    let stored = opened.reports.event(id).await.map_err(unanswered)?;
    let recent = opened
        .recent()
        .get(id, Timestamp::now())
        .await
        .map_err(no_answer)?;
    if stored.is_none() && recent.is_none() {
        return Err(Failure::usage(anyhow!(
            "nothing is known of event {id:?}: it never came, it was rejected (`millrace products rejected list`), or it is forgotten"
        )));
    }
    if args.json {
        let event = recent.as_ref().map(shown);
        output::print_json(&json!({"event": event, "stored": stored}))?;
    } else {
        output::print(&told(id, recent.as_ref(), stored.as_ref()))?;
    }
    Ok(Exit::Fine)
}

fn shown(event: &RecentEvent) -> serde_json::Value {
    let payload = event.payload.as_deref();
    json!({
        "event_id": event.id,
        "event_type": event.event_type,
        "product_id": event.product_id,
        "seller_id": event.seller_id,
        "timestamp": event.at,
        "received_at": event.received_at,
        "expires_at": event.expires_at,
        "payload": payload.and_then(|json| serde_json::from_str::<serde_json::Value>(json).ok()),
    })
}

fn told(id: &str, recent: Option<&RecentEvent>, stored: Option<&StoredEvent>) -> String {
    let mut lines = Vec::new();
    match recent {
        Some(event) => lines.push(format!(
            "{id}: {} of product {} at {}, taken in at {}, shown until {}",
            event.event_type,
            event.product_id.as_deref().unwrap_or("unknown"),
            event.at,
            event.received_at,
            event.expires_at
        )),
        None => lines.push(format!("{id}: not among the recent events, or not any more")),
    }
    if let Some(stored) = stored {
        let record = match (&stored.topic, stored.partition, stored.offset) {
            (Some(topic), Some(partition), Some(offset)) => format!("record {topic}/{partition}/{offset}"),
            _ => "a record that the journal does not hold any more".to_owned(),
        };
        lines.push(format!("stored at {} from {record}", stored.stored_at));
        lines.push(format!(
            "came again: {} times, which changed nothing",
            stored.duplicates
        ));
        let keys = stored.archive.keys.join(", ");
        lines.push(
            format!("archive: {} {keys}", stored.archive.state)
                .trim_end()
                .to_owned(),
        );
        if let Some(why) = &stored.projection_failure {
            lines.push(format!("the recent store refuses it: {why}"));
        } else if stored.projection_waits {
            lines.push("waits for the recent store".to_owned());
        }
        if let Some(trace) = &stored.trace_id {
            lines.push(format!("trace: {trace}"));
        }
    }
    lines.join("\n") + "\n"
}
