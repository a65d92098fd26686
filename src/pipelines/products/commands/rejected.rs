//! `millrace products rejected`: records that are no events.

mod replay;

use super::opened::{Opened, away, unanswered};
use crate::{
    cli::output,
    exit::{Exit, Failure},
    pipelines::products::api::reason,
};
use anyhow::anyhow;
use millrace_products::reports::{RejectedPlace, RejectedReport, RejectedWhole};
use serde_json::json;

/// What to do.
#[derive(clap::Subcommand)]
pub(super) enum What {
    /// List them, the newest first
    List(List),
    /// Show one with all that was sent
    Show(Show),
    /// Send them to their topic again, and forget what was rejected
    Replay(Chosen),
    /// Forget them
    Drop(Chosen),
}

/// Which to list.
#[derive(clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    of: Of,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Of which reason.
#[derive(clap::Args)]
struct Of {
    /// Of one reason
    #[arg(long, value_name = "CODE", value_parser = |text: &str| reason(Some(text)).map(Option::unwrap_or_default))]
    reason: Option<String>,
}

/// Which to show.
#[derive(clap::Args)]
pub(super) struct Show {
    /// Where it is, as the list says
    #[arg(value_name = "TOPIC/PARTITION/OFFSET", value_parser = place)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Which to treat.
#[derive(clap::Args)]
pub(super) struct Chosen {
    /// One of them
    #[arg(value_name = "TOPIC/PARTITION/OFFSET", value_parser = place, required_unless_present_any = ["reason", "all"], conflicts_with_all = ["reason", "all"])]
    place: Option<Place>,
    #[command(flatten)]
    of: Of,
    /// All of them
    #[arg(long, conflicts_with = "reason")]
    all: bool,
    /// Only say which
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The place of a record.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    topic: String,
    partition: i64,
    offset: i64,
}

/// Records that are asked for at a time.
const PART: usize = 200;

pub(super) async fn run(what: &What, opened: &Opened) -> Result<Exit, Failure> {
    match what {
        What::List(args) => list(args, opened).await,
        What::Show(args) => show(args, opened).await,
        What::Replay(chosen) => replay::run(chosen, opened).await,
        What::Drop(chosen) => drop_all(chosen, opened).await,
    }
}

async fn list(args: &List, opened: &Opened) -> Result<Exit, Failure> {
    let found = opened.reports.rejected(args.of.reason.clone(), None, args.limit);
    let found = found.await.map_err(unanswered)?;
    if args.json {
        output::print_json(&found)?;
        return Ok(Exit::Fine);
    }
    if found.is_empty() {
        output::print("no record is rejected\n")?;
        return Ok(Exit::Fine);
    }
    let mut table = output::table(&["RECORD", "REASON", "BYTES", "REJECTED AT", "DETAIL"]);
    for one in &found {
        table.add_row([
            named(one),
            one.reason.clone(),
            one.bytes.to_string(),
            one.created_at.to_string(),
            one.detail.clone(),
        ]);
    }
    output::print_table(&table)?;
    Ok(Exit::Fine)
}

async fn show(args: &Show, opened: &Opened) -> Result<Exit, Failure> {
    let whole = whole(&args.place, opened).await?;
    let text = |bytes: &Option<Vec<u8>>| {
        bytes
            .as_ref()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    let (key, raw) = (text(&whole.key), text(&whole.raw));
    let headers = whole.headers.as_deref().unwrap_or("[]");
    if args.json {
        let headers: serde_json::Value = serde_json::from_str(headers).unwrap_or_default();
        let report = &whole.report;
        output::print_json(&json!({
            "record": report, "key": key, "headers": headers, "raw": raw, "whole": whole.is_whole(),
        }))?;
        return Ok(Exit::Fine);
    }
    let RejectedReport { reason, detail, .. } = &whole.report;
    let cut = if whole.is_whole() {
        ""
    } else {
        "\n(cut: more was sent)"
    };
    output::print(&format!(
        "{}\n{reason}: {detail}\nkey: {}\nheaders: {headers}\n\n{}{cut}\n",
        named(&whole.report),
        key.as_deref().unwrap_or("-"),
        raw.as_deref().unwrap_or("-"),
    ))?;
    Ok(Exit::Fine)
}

async fn drop_all(chosen: &Chosen, opened: &Opened) -> Result<Exit, Failure> {
    let places = chosen.places(opened).await?;
    let mut dropped = 0_u64;
    for place in &places {
        if chosen.dry_run {
            continue;
        }
        let there = opened
            .reports
            .drop_rejected(&place.topic, place.partition, place.offset);
        dropped += u64::from(there.await.map_err(away)?);
    }
    chosen.report("dropped", places.len(), dropped)?;
    Ok(Exit::Fine)
}

async fn whole(place: &Place, opened: &Opened) -> Result<RejectedWhole, Failure> {
    let found = opened
        .reports
        .rejected_whole(&place.topic, place.partition, place.offset);
    let found = found.await.map_err(unanswered)?;
    found.ok_or_else(|| {
        Failure::usage(anyhow!(
            "no rejected record is kept of {}/{}/{}",
            place.topic,
            place.partition,
            place.offset
        ))
    })
}

fn named(report: &RejectedReport) -> String {
    format!("{}/{}/{}", report.topic, report.partition, report.offset)
}

fn place(text: &str) -> Result<Place, String> {
    let mut parts = text.rsplitn(3, '/');
    let (offset, partition, topic) = (parts.next(), parts.next(), parts.next());
    let number = |part: Option<&str>| part?.parse::<i64>().ok().filter(|number| *number >= 0);
    match (topic, number(partition), number(offset)) {
        (Some(topic), Some(partition), Some(offset)) if !topic.is_empty() => Ok(Place {
            topic: topic.to_owned(),
            partition,
            offset,
        }),
        _ => Err("expected TOPIC/PARTITION/OFFSET, as `millrace products rejected list` shows it".to_owned()),
    }
}

// === impl Chosen ===

impl Chosen {
    /// The one, or all that there are now.
    async fn places(&self, opened: &Opened) -> Result<Vec<Place>, Failure> {
        if let Some(place) = &self.place {
            whole(place, opened).await?;
            return Ok(vec![place.clone()]);
        }
        let mut places = Vec::new();
        let mut after: Option<RejectedPlace> = None;
        loop {
            let part = opened.reports.rejected(self.of.reason.clone(), after, PART);
            let part = part.await.map_err(unanswered)?;
            let Some(last) = part.last() else {
                return Ok(places);
            };
            after = Some(last.place());
            places.extend(part.into_iter().map(|one| Place {
                topic: one.topic,
                partition: one.partition,
                offset: one.offset,
            }));
        }
    }

    fn report(&self, done: &str, found: usize, treated: u64) -> std::io::Result<()> {
        match (self.json, self.dry_run) {
            (true, _) => output::print_json(&json!({"found": found, done: treated, "dry_run": self.dry_run})),
            (false, true) => output::print(&format!("{found} records would be {done}\n")),
            (false, false) => output::print(&format!("{treated} of {found} records {done}\n")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_what_the_list_shows() {
        let expected = Place {
            topic: "a/b".to_owned(),
            partition: 1,
            offset: 2,
        };
        assert_eq!(place("a/b/1/2"), Ok(expected));
        for bad in ["", "a", "a/1", "a/1/x", "a/-1/2", "/1/2"] {
            assert!(place(bad).is_err(), "{bad}");
        }
    }
}
