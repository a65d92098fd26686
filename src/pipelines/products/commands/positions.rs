//! `millrace products positions`.

use super::opened::{Opened, unanswered};
use crate::{
    cli::output,
    exit::{Exit, Failure},
};
use millrace_products::reports::{PositionReport, ReadHere};
use serde_json::json;

/// What to print.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args, opened: &Opened) -> Result<Exit, Failure> {
    let (mut positions, gaps) = opened.reports.positions().await.map_err(unanswered)?;
    // Without the brokers the positions are still worth telling.
    let told = ends(opened).await;
    match &told {
        Ok(ends) => positions.iter_mut().for_each(|position| position.add(ends)),
        Err(why) => output::error(&format!("Kafka does not say where the partitions end: {why}")),
    }
    if args.json {
        output::print_json(&json!({"positions": positions, "gaps": gaps}))?;
    } else {
        print(&positions)?;
        for gap in &gaps {
            output::error(&format!(
                "lost: {}/{} from {} to {} ({}, found {})",
                gap.topic, gap.partition, gap.from_offset, gap.to_offset, gap.reason, gap.at
            ));
        }
    }
    Ok(if told.is_ok() {
        Exit::Fine
    } else {
        Exit::Unavailable
    })
}

async fn ends(opened: &Opened) -> Result<Vec<ReadHere>, String> {
    let spans = millrace_kafka::spans(&opened.settings.kafka).await;
    let spans = spans.map_err(|fault| fault.to_string())?;
    let ends = spans.into_iter().map(|(of, span)| ReadHere {
        topic: of.topic.to_string(),
        partition: of.partition.into(),
        end: Some(span.end),
        waits: None,
    });
    Ok(ends.collect())
}

fn print(positions: &[PositionReport]) -> std::io::Result<()> {
    if positions.is_empty() {
        return output::print("no position is stored yet\n");
    }
    let mut table = output::table(&["PARTITION", "POSITION", "END", "LAG", "MOVED BY", "MOVED AT"]);
    let shown = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    for position in positions {
        table.add_row([
            format!("{}/{}", position.topic, position.partition),
            position.position.to_string(),
            shown(position.end),
            shown(position.lag),
            position.owner.clone().unwrap_or_else(|| "-".to_owned()),
            position.updated_at.to_string(),
        ]);
    }
    output::print_table(&table)
}
