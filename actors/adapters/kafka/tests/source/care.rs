//! A record that panics or kills is found in halves and rejected unread; its neighbours are stored.

use crate::{
    replica::{Before, Replica, partition, settings, stored},
    store::Store,
};
use millrace_kafka::{Care, Suspect};
use millrace_stack::{Kafka, Sent};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

async fn topic(kafka: &Kafka, hint: &str) -> String {
    let topic = kafka.name(hint);
    kafka.create_topic(&topic, 1, &[]).await.unwrap();
    let value = |n| if n == 37 { "bad".to_owned() } else { format!("{n}") };
    let records: Vec<_> = (0..100).map(|n| Sent::new(value(n))).collect();
    kafka.produce(&topic, &records).await.unwrap();
    topic
}

/// Panics at the bad record, unless it is not to be read.
fn panics(count: &Arc<AtomicUsize>) -> Before {
    let count = count.clone();
    Arc::new(move |chunk| {
        let bad = |value: &bytes::Bytes| &**value == b"bad";
        let has = chunk
            .records
            .iter()
            .any(|record| record.value.as_ref().is_some_and(bad));
        if has && chunk.care != Care::Reject {
            count.fetch_add(1, SeqCst);
            panic!("the test's own panic");
        }
        Ok(())
    })
}

#[tokio::test]
async fn a_record_that_panics_is_rejected_alone_after_three_tries() {
    let kafka = Kafka::shared().await;
    let topic = topic(kafka, "panics").await;
    let (settings, store) = (settings(kafka, &topic), Store::default());
    let panicked = Arc::new(AtomicUsize::new(0));
    let replica = Replica::start_with(&settings, &store, panics(&panicked));
    stored(&store, 100).await;
    let place = partition(&topic, 0);
    assert_eq!(store.offsets(&place), (0..100).collect::<Vec<_>>());
    assert_eq!(store.tables().rejected, [(place, 37)]);
    let tries = panicked.load(SeqCst);
    assert!((3..=10).contains(&tries), "log2(100) + 3: {tries}");
    replica.stop().await;
    assert!(store.tables().suspects.is_empty(), "a drain leaves no note");
}

#[tokio::test]
async fn a_note_of_a_process_that_died_is_gone_on_with() {
    let kafka = Kafka::shared().await;
    let topic = topic(kafka, "died").await;
    let (settings, store) = (settings(kafka, &topic), Store::default());
    let place = partition(&topic, 0);
    // The process has died with record 37 alone, three times.
    store.set_row(&place, 37, None);
    let suspect = Suspect {
        partition: place.clone(),
        from: 37,
        until: 38,
        size: 1,
        alone: 3,
    };
    store.tables().suspects.insert(place.clone(), suspect);
    let panicked = Arc::new(AtomicUsize::new(0));
    let replica = Replica::start_with(&settings, &store, panics(&panicked));
    stored(&store, 63).await;
    assert_eq!(store.tables().rejected, [(place, 37)]);
    assert_eq!(panicked.load(SeqCst), 0, "it was not read again");
    replica.stop().await;
}

#[tokio::test]
async fn what_comes_first_after_a_start_is_noted_before_it_is_handed_out() {
    let kafka = Kafka::shared().await;
    let topic = topic(kafka, "noted").await;
    let (settings, store) = (settings(kafka, &topic), Store::default());
    let seen = store.clone();
    let before: Before = Arc::new(move |chunk| {
        if chunk.from.is_none() && !chunk.records.is_empty() {
            let noted = seen.tables().suspects.get(&chunk.partition).cloned();
            let noted = noted.expect("a note");
            assert_eq!((noted.from, noted.until), (0, chunk.next));
        }
        Ok(())
    });
    let replica = Replica::start_with(&settings, &store, before);
    stored(&store, 100).await;
    assert!(store.tables().rejected.is_empty());
    replica.stop().await;
}
