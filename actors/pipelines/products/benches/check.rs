//! What it costs to read records: a thousand of some 400 bytes, as two producers send them, and as all kinds do.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use millrace_corpus::{
    DeadLetters, Temper,
    products::{Products, ProductsSettings},
};
use millrace_engine::ByteBudget;
use millrace_kafka::{Care, Chunk, Record, TopicPartition};
use millrace_products::event::{Limits, check};
use std::hint::black_box;

fn chunk(temper: Temper) -> impl Fn() -> Chunk {
    let settings = ProductsSettings {
        temper,
        rejected: DeadLetters::None,
        repeat_percent: 0,
        ..ProductsSettings::default()
    };
    let received_at = settings.until;
    let records: Vec<_> = (0..)
        .zip(Products::new(settings))
        .map(|(offset, record)| Record {
            offset,
            timestamp: Some(record.timestamp),
            key: record.key,
            value: record.value,
            headers: record.headers,
        })
        .collect();
    move || chunk_of(records.clone(), received_at)
}

fn chunk_of(records: Vec<Record>, received_at: Timestamp) -> Chunk {
    Chunk {
        partition: TopicPartition {
            topic: "ProductUpdated".into(),
            partition: 0,
        },
        topic_id: None,
        from: Some(0),
        next: records.len() as i64,
        records,
        care: Care::None,
        received_at,
        reservation: ByteBudget::new(1).try_reserve(0).expect("nothing is reserved"),
    }
}

fn checks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("check");
    for (name, temper) in [("plain", Temper::Plain), ("hostile", Temper::Hostile)] {
        let chunk = chunk(temper);
        let sample = chunk();
        let bytes = sample.records.iter().filter_map(|record| record.value.as_ref());
        group.throughput(Throughput::Bytes(bytes.map(|value| value.len() as u64).sum()));
        group.bench_function(name, |bencher| {
            let read = |chunk| black_box(check(chunk, &Limits::default()));
            bencher.iter_batched(&chunk, read, BatchSize::SmallInput);
        });
    }
}

criterion_group!(benches, checks);
criterion_main!(benches);
