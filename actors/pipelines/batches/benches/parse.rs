//! What reading one batch costs: processor time here, instructions under callgrind, which no neighbour disturbs.
//!
//! `cargo bench --workspace --locked --bench parse` prints microseconds an item; with a batch and a number
//! (`-- tiktok 1`) it reads that batch so often, for `valgrind --tool=callgrind`.

use millrace_batches::parse::{ParserSettings, parse_body, parse_body_step_by_step};
use samples::{batch, event};
use std::{hint::black_box, time::Instant};

mod samples;

/// A batch, and how it is read.
struct Sample {
    name: &'static str,
    platform: &'static str,
    items: usize,
    body: Vec<u8>,
    one_pass: bool,
}

/// Each batch is read so often: the median of that many is steady.
const TIMES: usize = 201;

fn main() {
    // Cargo adds its own `--bench`.
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let wanted = args.next();
    let times = args
        .next()
        .map_or(TIMES, |times| times.parse().expect("a number of times"));
    for sample in samples().filter(|sample| wanted.as_ref().is_none_or(|wanted| wanted == sample.name)) {
        println!("{:<24} {:>8.2} us an item", sample.name, sample.median(times));
    }
}

fn samples() -> impl Iterator<Item = Sample> {
    let tiktok = batch("tiktok", 50, 22, 2_000);
    let youtube = batch("youtube", 20, 5, 62_000);
    let packed = |json: &[u8]| zstd::bulk::compress(json, 3).expect("compressing into memory");
    [
        ("tiktok", "tiktok", 50, tiktok.clone(), true),
        ("tiktok-zstd", "tiktok", 50, packed(&tiktok), true),
        ("tiktok-step-by-step", "tiktok", 50, tiktok, false),
        ("youtube", "youtube", 20, youtube.clone(), true),
        ("youtube-zstd", "youtube", 20, packed(&youtube), true),
        ("youtube-step-by-step", "youtube", 20, youtube, false),
    ]
    .into_iter()
    .map(|(name, platform, items, body, one_pass)| Sample {
        name,
        platform,
        items,
        body,
        one_pass,
    })
}

// === impl Sample ===

impl Sample {
    /// Microseconds an item.
    fn median(&self, times: usize) -> f64 {
        let (event, settings) = (event(self.platform), ParserSettings::default());
        let parse = if self.one_pass {
            parse_body
        } else {
            parse_body_step_by_step
        };
        let mut took: Vec<_> = (0..times.max(1))
            .map(|_| {
                let started = Instant::now();
                black_box(parse(black_box(&self.body), false, &event, &settings).expect("a batch"));
                started.elapsed()
            })
            .collect();
        took.sort();
        took[took.len() / 2].as_secs_f64() * 1e6 / self.items as f64
    }
}
