//! `millrace generate --pipeline products`: makes a seeded corpus of product events and sends it to Kafka.

use crate::{
    config::{self, Reader, Source},
    exit::{Exit, Failure},
};
use anyhow::Context;
use clap::Args;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use millrace_corpus::{
    DeadLetters, Temper,
    products::{
        ProductRecord, Products, ProductsSettings, TOPICS,
        load::{ProductsSummary, Send, load},
    },
};
use millrace_kafka::{KafkaSettings, Producer, Record};
use std::io::{self, Write};

/// Makes a seeded corpus of product events, as many producers would send them.
#[derive(Args, Clone, Debug)]
pub(super) struct GenerateArgs {
    /// Different events that are to be stored.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub events: usize,
    /// Products that they are about.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub products: usize,
    /// The same seed makes the same corpus, save for its times.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// When the last of them happens [default: now].
    #[arg(long, value_name = "TIME")]
    pub until: Option<Timestamp>,
    /// Minutes from the first to the last.
    #[arg(long, default_value_t = 120, value_name = "N")]
    pub minutes: u32,
    /// Of 100 events so many happened hours before those around them.
    #[arg(long, default_value_t = 5, value_name = "PERCENT", value_parser = percent())]
    pub late: u8,
    /// Of 100 records so many are sent again.
    #[arg(long, default_value_t = 5, value_name = "PERCENT", value_parser = percent())]
    pub repeats: u8,
    /// Every spelling and form, and records to reject for each reason that fits into a message of Kafka.
    #[arg(long, conflicts_with = "plain")]
    pub hostile: bool,
    /// Good events only. Without this or --hostile a few records are to be rejected.
    #[arg(long)]
    pub plain: bool,
    /// Records a second; without it as fast as they are taken.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Print the summary as one JSON line.
    #[arg(long)]
    pub json: bool,
    /// Only say what would be sent.
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs the command.
pub(super) fn run(args: &GenerateArgs, source: &Source) -> Result<Exit, Failure> {
    crate::cli::log_quietly(source);
    let out = &mut io::stdout();
    if args.dry_run {
        let unpaced = GenerateArgs {
            rate: None,
            ..args.clone()
        };
        crate::cli::block_on(generate(&unpaced, &Nowhere, out))??;
        return Ok(Exit::Fine);
    }
    let mut reader = Reader::new(source);
    let (kafka, _) = config::kafka(&mut reader);
    reader.finish()?;
    let broker = Broker::new(&kafka)?;
    let sent = crate::cli::block_on(async {
        generate(args, &broker, out).await?;
        broker.producer.flush().await.map_err(anyhow::Error::from)
    })?;
    sent.map_err(Failure::unavailable)?;
    Ok(Exit::Fine)
}

async fn generate(args: &GenerateArgs, to: &impl Send, out: &mut impl Write) -> anyhow::Result<()> {
    let bar = progress_bar(args);
    let records = Products::new(args.corpus());
    let summary = load(records, args.rate, to, || bar.inc(1)).await?;
    bar.finish_and_clear();
    report(&summary, args.json, out)
}

fn percent() -> clap::builder::RangedI64ValueParser<u8> {
    clap::value_parser!(u8).range(0..=100)
}

// === impl GenerateArgs ===

impl GenerateArgs {
    /// The corpus that these arguments ask for.
    fn corpus(&self) -> ProductsSettings {
        let (temper, rejected) = match (self.hostile, self.plain) {
            (true, _) => (Temper::Hostile, DeadLetters::Every),
            (_, true) => (Temper::Plain, DeadLetters::None),
            _ => (Temper::Plain, DeadLetters::Few),
        };
        ProductsSettings {
            seed: self.seed,
            events: self.events,
            products: self.products,
            until: self.until.unwrap_or_else(Timestamp::now),
            minutes: self.minutes,
            late_percent: self.late,
            repeat_percent: self.repeats,
            temper,
            rejected,
            // A broker with the default settings takes no record that is too large for us.
            max_event_bytes: None,
            ..ProductsSettings::default()
        }
    }
}

/// The brokers of the service, and what its topics are called there.
struct Broker {
    producer: Producer,
    /// In the order of [`TOPICS`].
    topics: [String; 4],
}

// === impl Broker ===

impl Broker {
    fn new(kafka: &KafkaSettings) -> Result<Self, Failure> {
        let named = |wanted: &str| {
            let is_it = |topic: &&String| topic.rsplit('.').next() == Some(wanted);
            let found = kafka.topics.iter().find(is_it);
            found
                .cloned()
                .with_context(|| format!("none of KAFKA_TOPICS ends in {wanted}"))
        };
        let mut topics = <[String; 4]>::default();
        for (place, wanted) in topics.iter_mut().zip(TOPICS) {
            *place = named(wanted).map_err(Failure::usage)?;
        }
        let producer = Producer::new(&kafka.brokers, &kafka.client, &kafka.access);
        Ok(Self {
            producer: producer.map_err(Failure::unavailable)?,
            topics,
        })
    }
}

impl Send for Broker {
    async fn send(&self, record: ProductRecord) -> anyhow::Result<()> {
        let place = TOPICS.iter().position(|topic| *topic == record.topic);
        let topic = place
            .and_then(|place| self.topics.get(place))
            .context("a topic of the corpus")?;
        let record = Record {
            offset: 0,
            timestamp: Some(record.timestamp),
            key: record.key,
            value: record.value,
            headers: record.headers,
        };
        self.producer.send(topic, &record).await?;
        Ok(())
    }
}

/// Takes everything and keeps nothing.
struct Nowhere;

impl Send for Nowhere {
    async fn send(&self, _: ProductRecord) -> anyhow::Result<()> {
        Ok(())
    }
}

fn progress_bar(args: &GenerateArgs) -> ProgressBar {
    let target = match args.json {
        true => ProgressDrawTarget::hidden(),
        false => ProgressDrawTarget::stderr(),
    };
    let style = ProgressStyle::with_template("{bar:40} {pos} of about {len} records, {per_sec}, {eta} left")
        .expect("a template that was tried");
    let about = args.events as u64 * (100 + u64::from(args.repeats)) / 100;
    ProgressBar::with_draw_target(Some(about), target).with_style(style)
}

fn report(summary: &ProductsSummary, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    if json {
        writeln!(out, "{}", serde_json::to_string(summary)?)?;
        return Ok(());
    }
    let ProductsSummary {
        records,
        bytes,
        events,
        repeated,
        tombstones,
        expected_rejected,
    } = summary;
    writeln!(
        out,
        "{records} records, {}: {events} events, {repeated} of them again",
        HumanBytes(*bytes)
    )?;
    if *tombstones > 0 {
        writeln!(out, "{tombstones} without a value")?;
    }
    for (reason, count) in expected_rejected {
        writeln!(out, "expect {count} rejected: {reason}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        args: GenerateArgs,
    }

    fn args(line: &str) -> GenerateArgs {
        Program::parse_from(std::iter::once("generate").chain(line.split_whitespace())).args
    }

    #[tokio::test]
    async fn a_dry_run_says_what_would_be_sent() {
        let mut out = Vec::new();
        let asked = args("--dry-run --json --events 300 --hostile --seed 4");
        generate(&asked, &Nowhere, &mut out).await.unwrap();
        let line: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(line["events"], 300);
        assert_eq!(line["expected_rejected"]["too_deep"], 1);
        assert_eq!(
            line["expected_rejected"]["event_too_large"],
            serde_json::Value::Null
        );
    }

    #[test]
    fn hostile_and_plain_exclude_each_other() {
        assert!(Program::try_parse_from(["generate", "--hostile", "--plain"]).is_err());
    }
}
