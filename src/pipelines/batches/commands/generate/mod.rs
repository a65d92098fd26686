//! `millrace generate`: makes a seeded corpus, uploads its objects and publishes its events.

mod crawler;

pub(super) use crawler::run;

use clap::Args;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use millrace_corpus::{
    Caps, Corpus, CorpusSettings, DeadLetters, Platform, Temper,
    folder::Folder,
    load::{LoadSettings, LoadSummary, Publish, Upload, load},
};
use std::{io::Write, path::PathBuf};

/// Makes a seeded, realistic corpus: uploads the objects and publishes the events as crawlers would.
#[derive(Args, Clone, Debug)]
pub(super) struct GenerateArgs {
    /// Items in all batches together.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub items: usize,
    /// The same seed makes the same corpus.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Mean of comments below a post.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub comments: usize,
    /// Crawl only this platform [default: a mix].
    #[arg(long, value_enum, value_name = "NAME")]
    pub platform: Option<Platform>,
    /// Projects that crawl.
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub projects: usize,
    /// Every spelling, damage and packing, and one poison event for each reason.
    #[arg(long, conflicts_with = "plain")]
    pub hostile: bool,
    /// Good events only: no dead letters. Without this or --hostile a few events are poison.
    #[arg(long)]
    pub plain: bool,
    /// Of 100 events so many are published twice.
    #[arg(long, default_value_t = 0, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub duplicates: u8,
    /// Events a second; without it as fast as they are taken.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Write objects and events to this folder instead.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print the summary as one JSON line.
    #[arg(long)]
    pub json: bool,
    /// Only say what would be made.
    #[arg(long)]
    pub dry_run: bool,
}

/// What the service's own settings say about a corpus.
#[derive(Clone, Debug)]
pub(super) struct GenerateTarget {
    /// `MINIO_CRAWL_RESULTS_BUCKET`.
    pub bucket: String,
    /// One of `MINIO_EXTRA_BUCKETS`.
    pub extra_bucket: Option<String>,
    /// `host:port` of the object store.
    pub endpoint: Option<String>,
    /// Caps that poison objects are to exceed.
    pub caps: Caps,
}

// === impl GenerateTarget ===

impl Default for GenerateTarget {
    fn default() -> Self {
        let corpus = CorpusSettings::default();
        Self {
            bucket: corpus.bucket,
            extra_bucket: None,
            endpoint: None,
            caps: corpus.caps,
        }
    }
}

const CONCURRENCY: usize = 32;

// === impl GenerateArgs ===

impl GenerateArgs {
    /// Whether no server is needed.
    pub(super) fn is_local(&self) -> bool {
        self.dry_run || self.out.is_some()
    }

    /// The corpus these arguments ask for.
    pub(super) fn corpus(&self, target: &GenerateTarget) -> CorpusSettings {
        let (temper, dead_letters) = match (self.hostile, self.plain) {
            (true, _) => (Temper::Hostile, DeadLetters::Every),
            (_, true) => (Temper::Plain, DeadLetters::None),
            _ => (Temper::Plain, DeadLetters::Few),
        };
        CorpusSettings {
            seed: self.seed,
            items: self.items,
            comments_per_item: self.comments,
            projects: self.projects,
            platform: self.platform,
            bucket: target.bucket.clone(),
            extra_bucket: target.extra_bucket.clone(),
            endpoint: target.endpoint.clone(),
            temper,
            dead_letters,
            caps: target.caps,
            ..CorpusSettings::default()
        }
    }

    fn load_settings(&self) -> LoadSettings {
        LoadSettings {
            seed: self.seed,
            duplicate_percent: self.duplicates,
            events_per_second: self.rate,
            concurrency: CONCURRENCY,
        }
    }
}

/// Runs the command against servers.
///
/// # Errors
/// The first object or event that could not be delivered, or an output that cannot be written.
pub(super) async fn generate<U: Upload, P: Publish>(
    args: &GenerateArgs,
    target: &GenerateTarget,
    upload: &U,
    publish: &P,
    out: &mut impl Write,
) -> anyhow::Result<LoadSummary> {
    let bar = progress_bar(args);
    let corpus = Corpus::new(args.corpus(target));
    let summary = load(corpus, &args.load_settings(), upload, publish, |items| {
        bar.inc(items as u64)
    })
    .await?;
    bar.finish_and_clear();
    report(&summary, args.json, out)?;
    Ok(summary)
}

/// Runs the command where [`GenerateArgs::is_local`]: into a folder, or into nothing.
///
/// # Errors
/// The folder or the output cannot be written.
pub(super) async fn generate_locally(
    args: &GenerateArgs,
    target: &GenerateTarget,
    out: &mut impl Write,
) -> anyhow::Result<LoadSummary> {
    if let Some(root) = args.out.as_ref().filter(|_| !args.dry_run) {
        let folder = Folder::create(root)?;
        return generate(args, target, &folder, &folder, out).await;
    }
    let unpaced = GenerateArgs {
        rate: None,
        ..args.clone()
    };
    generate(&unpaced, target, &Nowhere, &Nowhere, out).await
}

/// Takes everything and keeps nothing.
struct Nowhere;

impl Upload for Nowhere {
    async fn put(&self, _object: millrace_corpus::ObjectUpload) -> anyhow::Result<()> {
        Ok(())
    }
}

impl Publish for Nowhere {
    async fn publish(&self, _event: bytes::Bytes) -> anyhow::Result<()> {
        Ok(())
    }
}

fn progress_bar(args: &GenerateArgs) -> ProgressBar {
    let target = if args.json {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} items, {per_sec}, {eta} left")
        .expect("a template that was tried");
    // Duplicates announce their items again.
    let length = args.items as u64 * (100 + u64::from(args.duplicates)) / 100;
    ProgressBar::with_draw_target(Some(length), target).with_style(style)
}

fn report(summary: &LoadSummary, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    if json {
        writeln!(out, "{}", serde_json::to_string(summary)?)?;
        return Ok(());
    }
    let LoadSummary {
        events,
        items,
        objects,
        bytes,
        duplicates,
        ..
    } = summary;
    writeln!(out, "{events} events ({duplicates} of them twice), {items} items")?;
    writeln!(out, "{objects} objects, {}", HumanBytes(*bytes))?;
    for (reason, count) in &summary.expected_dead_letters {
        writeln!(out, "expect {count} dead letters: {reason}")?;
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

    fn target() -> GenerateTarget {
        GenerateTarget {
            bucket: "crawl-results".to_owned(),
            extra_bucket: None,
            endpoint: None,
            caps: Caps::default(),
        }
    }

    #[tokio::test]
    async fn a_dry_run_says_what_would_be_made() {
        let mut out = Vec::new();
        let asked = args("--dry-run --json --items 300 --comments 1 --rate 1");
        generate_locally(&asked, &target(), &mut out).await.unwrap();
        let line: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(line["items"], 300);
        assert_eq!(line["expected_dead_letters"]["decompression_failed"], 1);
    }

    #[tokio::test]
    async fn a_folder_holds_the_whole_corpus() {
        let folder = tempfile::tempdir().unwrap();
        let line = format!(
            "--plain --items 80 --comments 1 --out {}",
            folder.path().display()
        );
        let summary = generate_locally(&args(&line), &target(), &mut Vec::new())
            .await
            .unwrap();
        let events = std::fs::read_to_string(folder.path().join("events.jsonl")).unwrap();
        assert_eq!(events.lines().count(), summary.events);
        for batch in Corpus::new(args(&line).corpus(&target())) {
            let object = batch.object.unwrap();
            let path = folder
                .path()
                .join("objects")
                .join(&object.bucket)
                .join(&object.key);
            assert_eq!(std::fs::read(path).unwrap(), object.body);
        }
    }

    #[test]
    fn hostile_and_plain_exclude_each_other() {
        assert!(Program::try_parse_from(["generate", "--hostile", "--plain"]).is_err());
        assert!(args("--hostile").corpus(&target()).dead_letters == DeadLetters::Every);
    }
}
