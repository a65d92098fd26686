//! Which JSON library reads real batches: the numbers behind `docs/decisions/0002-json-library.md`.
//!
//! `cargo bench -p millrace-batches --bench json -- --quick`

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use millrace_batches::parse::{ParserSettings, parse_body};
use samples::{batch, event};
use serde_json::value::RawValue;
use std::hint::black_box;

mod samples;

fn libraries(criterion: &mut Criterion) {
    for (platform, body) in [
        ("tiktok", batch("tiktok", 50, 20, 80)),
        ("youtube", batch("youtube", 20, 20, 60_000)),
    ] {
        let mut group = criterion.benchmark_group(platform);
        group.throughput(Throughput::Bytes(body.len() as u64));
        let mut bench = |name: &str, run: &mut dyn FnMut(&[u8])| {
            group.bench_with_input(BenchmarkId::from_parameter(name), &body, |bencher, body| {
                bencher.iter(|| run(black_box(body)));
            });
        };
        bench("serde_json raw items", &mut |body| {
            black_box(serde_json::from_slice::<Vec<&RawValue>>(body).expect("JSON"));
        });
        bench("serde_json value", &mut |body| {
            black_box(serde_json::from_slice::<serde_json::Value>(body).expect("JSON"));
        });
        bench("sonic-rs value", &mut |body| {
            black_box(sonic_rs::from_slice::<sonic_rs::Value>(body).expect("JSON"));
        });
        bench("simd-json value", &mut |body| {
            // It works in place: the copy is part of the price, our bytes are shared.
            let mut copy = body.to_vec();
            black_box(simd_json::to_borrowed_value(&mut copy).expect("JSON"));
        });
        let (event, settings) = (event(platform), ParserSettings::default());
        bench("the whole stage", &mut |body| {
            black_box(parse_body(body, false, &event, &settings).expect("a batch"));
        });
        group.finish();
    }
}

criterion_group!(benches, libraries);
criterion_main!(benches);
