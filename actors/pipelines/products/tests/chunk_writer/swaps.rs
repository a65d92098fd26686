//! A position is passed once: a process that finds another one has lost the partition, and stores nothing.

use crate::{fixtures::*, server::TestDatabase};
use millrace_engine::{Fault, Sink};
use prometheus_client::{encoding::text::encode, registry::Registry};

fn fenced(written: Result<(), Fault>) {
    let Err(Fault::Deferred { cause: "fenced", .. }) = written else {
        panic!("{written:?}");
    };
}

#[tokio::test]
async fn of_two_writers_of_a_position_one_stores_and_the_other_nothing() {
    let database = TestDatabase::migrated().await;
    let mut registry = Registry::default();
    let (mut mine, mut zombie) = (
        database.writer(),
        database.writer_as(Default::default(), &mut registry),
    );
    mine.write(&[&chunk(
        None,
        2,
        vec![created(0, "a", "p", 0), created(1, "b", "p", 1)],
    )])
    .await
    .unwrap();
    mine.write(&[&chunk(Some(2), 3, vec![created(2, "c", "q", 2)])])
        .await
        .unwrap();
    let before = database.everything().await;

    fenced(
        zombie
            .write(&[&chunk(None, 1, vec![created(0, "x", "y", 0)])])
            .await,
    );
    let late = vec![created(2, "x", "y", 0), created(3, "z", "q", 9)];
    fenced(zombie.write(&[&chunk(Some(2), 4, late)]).await);
    fenced(zombie.write(&[&chunk(Some(7), 9, vec![])]).await);
    assert_eq!(database.everything().await, before);

    let mut metrics = String::new();
    encode(&mut metrics, &registry).unwrap();
    assert!(
        metrics.contains("duplicates_total{kind=\"position\"} 2"),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_at_once_end_in_the_rows_of_one() {
    let database = TestDatabase::migrated().await;
    let writers = (0..2).map(|writer| {
        let mut sink = database.writer();
        async move {
            let mut stored = 0;
            for from in 0..40 {
                let id = format!("w{writer}-{from}");
                let position = (from > 0).then_some(from);
                let one = chunk(position, from + 1, vec![created(from, &id, "p", from)]);
                match sink.write(&[&one]).await {
                    Ok(()) => stored += 1,
                    fault => fenced(fault),
                }
            }
            stored
        }
    });
    let stored: u64 = futures_util::future::join_all(writers).await.into_iter().sum();
    let events: i64 = database.value("SELECT count(*) FROM product_events").await;
    let passed: i64 = database.value("SELECT next_offset FROM kafka_positions").await;
    let counted: i64 = database
        .value("SELECT sum(events)::bigint FROM product_stats")
        .await;
    assert_eq!((stored as i64, events, counted), (passed, passed, passed));
}
