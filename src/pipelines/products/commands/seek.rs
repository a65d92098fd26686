//! `millrace products seek`: reads a partition again, or skips a part of it.

use super::opened::{Opened, away, unanswered};
use crate::{
    cli::output,
    exit::{Exit, Failure},
    pipeline::replica_name,
};
use anyhow::anyhow;
use jiff::Timestamp;
use millrace_products::reports::PositionReport;
use serde::Serialize;
use std::collections::BTreeMap;

/// Where to.
#[derive(clap::Args)]
#[command(
    after_help = "The replica that reads a partition finds its position moved when it stores the next chunk, drops that chunk and goes on from there; nothing has to be stopped. What was stored before and is read again changes nothing, as its ids are known."
)]
pub(super) struct Args {
    /// Topic
    #[arg(long, value_name = "T")]
    topic: String,
    /// One partition [default: all of the topic]
    #[arg(long, value_name = "P")]
    partition: Option<i64>,
    /// An offset, or a time such as 2026-03-01T10:00:00Z: the first record from then on
    #[arg(long, value_name = "OFFSET|TIME", value_parser = target)]
    to: Target,
    /// Only say what would be moved
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Target {
    Offset(i64),
    Time(Timestamp),
}

/// A partition that moves.
#[derive(Debug, PartialEq, Serialize)]
struct Move {
    topic: String,
    partition: i64,
    from: i64,
    to: i64,
    moved: bool,
}

pub(super) async fn run(args: &Args, opened: &Opened) -> Result<Exit, Failure> {
    let (positions, _) = opened.reports.positions().await.map_err(unanswered)?;
    let found: Vec<_> = positions
        .into_iter()
        .filter(|it| it.topic == args.topic && args.partition.is_none_or(|wanted| it.partition == wanted))
        .collect();
    if found.is_empty() {
        return Err(Failure::usage(anyhow!(
            "no position of {} is stored in group {}; `millrace products positions` lists what there is",
            args.named(),
            opened.settings.kafka.group
        )));
    }
    let targets = targets(args, opened, &found).await?;
    let mut moves = Vec::new();
    for position in &found {
        let Some(to) = targets.get(&position.partition).copied() else {
            continue;
        };
        let of = (position.topic.as_str(), position.partition);
        let moved = match args.dry_run || to == position.position {
            true => false,
            false => {
                let owner = format!("seek by {}", replica_name());
                let moving = opened.reports.seek(of, position.position, to, &owner);
                moving.await.map_err(away)?
            }
        };
        moves.push(Move {
            topic: position.topic.clone(),
            partition: position.partition,
            from: position.position,
            to,
            moved,
        });
    }
    report(args, &moves)?;
    // Who read the partition at this moment was faster: asked again, it is moved.
    let missed = moves.iter().any(|it| !it.moved && it.from != it.to) && !args.dry_run;
    match missed {
        true => Err(Failure::unavailable(anyhow!(
            "a position moved while it was looked at; run the command again"
        ))),
        false => Ok(Exit::Fine),
    }
}

/// The offset of each partition, within what the brokers have.
async fn targets(
    args: &Args,
    opened: &Opened,
    found: &[PositionReport],
) -> Result<BTreeMap<i64, i64>, Failure> {
    let kafka = &opened.settings.kafka;
    let spans = millrace_kafka::spans(kafka).await.map_err(away)?;
    let spans: BTreeMap<i64, _> = spans
        .into_iter()
        .filter(|(of, _)| *of.topic == args.topic)
        .map(|(of, span)| (of.partition.into(), span))
        .collect();
    let at: BTreeMap<i64, i64> = match args.to {
        Target::Offset(offset) => found.iter().map(|it| (it.partition, offset)).collect(),
        Target::Time(time) => {
            let at = millrace_kafka::offsets_at(kafka, &args.topic, time)
                .await
                .map_err(away)?;
            at.into_iter()
                .map(|(partition, offset)| (partition.into(), offset))
                .collect()
        }
    };
    for position in found {
        let (partition, span) = (position.partition, spans.get(&position.partition));
        let Some(span) = span else {
            return Err(Failure::usage(anyhow!("{}/{partition} is not there", args.topic)));
        };
        let outside = at
            .get(&partition)
            .filter(|to| !(span.start..=span.end).contains(to));
        if let Some(to) = outside {
            return Err(Failure::usage(anyhow!(
                "{}/{partition} has {} to {}, and not {to}",
                args.topic,
                span.start,
                span.end
            )));
        }
    }
    Ok(at)
}

fn report(args: &Args, moves: &[Move]) -> std::io::Result<()> {
    if args.json {
        return output::print_json(&moves);
    }
    for one in moves {
        let (what, by) = (format!("{}/{}", one.topic, one.partition), one.to - one.from);
        let done = match (one.moved, args.dry_run) {
            (true, _) => "moved",
            (false, true) => "would move",
            (false, false) if one.from == one.to => "stays",
            (false, false) => "not moved",
        };
        output::print(&format!("{what} {done}: {} to {} ({by:+})\n", one.from, one.to))?;
    }
    Ok(())
}

fn target(text: &str) -> Result<Target, String> {
    if let Ok(offset) = text.parse::<i64>() {
        return match offset >= 0 {
            true => Ok(Target::Offset(offset)),
            false => Err("an offset is not negative".to_owned()),
        };
    }
    let time = text.parse::<Timestamp>();
    time.map(Target::Time)
        .map_err(|_| "neither an offset nor a time such as 2026-03-01T10:00:00Z".to_owned())
}

// === impl Args ===

impl Args {
    fn named(&self) -> String {
        match self.partition {
            Some(partition) => format!("{}/{partition}", self.topic),
            None => self.topic.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_offset_or_a_time() {
        assert_eq!(target("0"), Ok(Target::Offset(0)));
        assert!(matches!(target("2026-03-01T10:00:00Z"), Ok(Target::Time(_))));
        for bad in ["-1", "yesterday", "2026-03-01", ""] {
            assert!(target(bad).is_err(), "{bad}");
        }
    }
}
