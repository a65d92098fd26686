//! Replicas come and go, and nothing is lost or doubled.

use crate::{
    TIMEOUT,
    replica::{Before, Replica, partition, settings, stored},
    store::Store,
};
use millrace_kafka::{Assignor, GroupProtocol, KafkaSettings};
use millrace_stack::{Kafka, Sent, wait_for};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering::SeqCst},
    mpsc,
};

const PARTITIONS: i32 = 6;

/// Sends so many records to each partition.
async fn write(kafka: &Kafka, topic: &str, each: i32) {
    let records = (0..each * PARTITIONS).map(|n| Sent::new(format!("{n}")).to(n % PARTITIONS));
    let records: Vec<_> = records.collect();
    kafka.produce(topic, &records).await.unwrap();
}

/// Each partition has its records once, in their order.
fn is_whole(store: &Store, topic: &str, each: i64) {
    for number in 0..PARTITIONS {
        let expected: Vec<_> = (0..each).collect();
        assert_eq!(
            store.offsets(&partition(topic, number)),
            expected,
            "{topic}/{number}"
        );
    }
}

/// One more comes, and one goes, while records flow.
async fn comes_and_goes(settings: KafkaSettings) {
    let kafka = Kafka::shared().await;
    let topic = settings.topics[0].clone();
    kafka.create_topic(&topic, PARTITIONS, &[]).await.unwrap();
    let store = Store::default();
    write(kafka, &topic, 200).await;
    let one = Replica::start(&settings, &store);
    one.has(6).await;
    let other = Replica::start(&settings, &store);
    write(kafka, &topic, 200).await;
    other.has(3).await;
    one.has(3).await;
    write(kafka, &topic, 200).await;
    stored(&store, 600 * 6).await;
    one.stop().await;
    other.has(6).await;
    write(kafka, &topic, 200).await;
    stored(&store, 800 * 6).await;
    is_whole(&store, &topic, 800);
    assert_eq!(other.metric("rebalances_total{kind=\"lost\"}"), 0.0);
    other.stop().await;
    assert!(
        kafka.members(&settings.group).await.unwrap().is_empty(),
        "the group was left"
    );
    let committed = kafka.committed(&settings.group, &topic, 5).await.unwrap();
    assert_eq!(committed, Some(800));
}

#[tokio::test]
async fn partitions_move_one_by_one_and_nothing_is_lost_or_doubled() {
    let kafka = Kafka::shared().await;
    comes_and_goes(settings(kafka, &kafka.name("cooperative"))).await;
}

#[tokio::test]
async fn the_same_with_the_range_assignor() {
    let kafka = Kafka::shared().await;
    comes_and_goes(KafkaSettings {
        assignor: Assignor::Range,
        ..settings(kafka, &kafka.name("range"))
    })
    .await;
}

#[tokio::test]
async fn the_same_with_the_protocol_of_new_brokers() {
    let kafka = Kafka::shared().await;
    comes_and_goes(KafkaSettings {
        protocol: GroupProtocol::Consumer,
        ..settings(kafka, &kafka.name("consumer"))
    })
    .await;
}

#[tokio::test]
async fn a_zombie_stores_nothing_and_goes_on_as_a_member() {
    let kafka = Kafka::shared().await;
    let topic = kafka.name("zombie");
    kafka.create_topic(&topic, PARTITIONS, &[]).await.unwrap();
    write(kafka, &topic, 50).await;
    let (settings, store) = (settings(kafka, &topic), Store::default());
    // Its whole thread stands still with a chunk in hand, as a process does that is stopped.
    let (release, gate) = mpsc::channel::<()>();
    let (gate, asleep) = (Mutex::new(gate), Arc::new(AtomicBool::new(false)));
    let says = asleep.clone();
    let before: Before = Arc::new(move |_| {
        if !says.swap(true, SeqCst) {
            let _ = gate.lock().unwrap().recv();
        }
        Ok(())
    });
    let zombie = Replica::start_with(&settings, &store, before);
    wait_for("the chunk in hand", TIMEOUT, async || asleep.load(SeqCst))
        .await
        .unwrap();
    let heir = Replica::start(&settings, &store);
    stored(&store, 50 * 6).await;
    write(kafka, &topic, 50).await;
    stored(&store, 100 * 6).await;
    release.send(()).unwrap();
    wait_for("the zombie to be fenced", TIMEOUT, async || {
        zombie.metric("fenced_total") + zombie.metric("rebalances_total{kind=\"lost\"}") >= 1.0
    })
    .await
    .unwrap();
    zombie.has(3).await;
    heir.has(3).await;
    write(kafka, &topic, 50).await;
    stored(&store, 150 * 6).await;
    is_whole(&store, &topic, 150);
    zombie.stop().await;
    heir.stop().await;
}

#[tokio::test]
async fn a_position_that_is_moved_meanwhile_is_where_it_goes_on() {
    let kafka = Kafka::shared().await;
    let topic = kafka.name("moved");
    kafka.create_topic(&topic, 1, &[]).await.unwrap();
    kafka
        .produce(&topic, &[Sent::new("0"), Sent::new("1")])
        .await
        .unwrap();
    let (settings, store) = (settings(kafka, &topic), Store::default());
    let replica = Replica::start(&settings, &store);
    stored(&store, 2).await;
    store.set_row(&partition(&topic, 0), 1, None);
    kafka.produce(&topic, &[Sent::new("2")]).await.unwrap();
    stored(&store, 4).await;
    assert_eq!(store.offsets(&partition(&topic, 0)), [0, 1, 1, 2]);
    assert_eq!(replica.metric("fenced_total"), 1.0);
    replica.stop().await;
}

#[tokio::test]
async fn a_panic_of_the_source_costs_a_new_start_and_no_ghost_stays_in_the_group() {
    let kafka = Kafka::shared().await;
    let topic = kafka.name("panicked");
    kafka.create_topic(&topic, 1, &[]).await.unwrap();
    kafka.produce(&topic, &[Sent::new("0")]).await.unwrap();
    let (settings, store) = (settings(kafka, &topic), Store::default());
    store.panic_once();
    let replica = Replica::start(&settings, &store);
    stored(&store, 1).await;
    wait_for("the one member", TIMEOUT, async || {
        let members = kafka.members(&settings.group).await?;
        anyhow::ensure!(members.len() == 1, "{members:?}");
        anyhow::Ok(())
    })
    .await
    .unwrap();
    replica.stop().await;
}

#[tokio::test]
async fn a_chunk_that_takes_too_long_does_not_hold_a_rebalance() {
    let (slow, other) = slow_and_other().await;
    slow.has(1).await;
    other.has(1).await;
    drop(slow);
    other.has(2).await;
    other.stop().await;
}

#[tokio::test]
async fn who_ends_while_it_is_asked_for_a_partition_leaves_the_group() {
    let (slow, other) = slow_and_other().await;
    wait_for("the partition to be asked for", TIMEOUT, async || {
        slow.metric("rebalances_total{kind=\"revoked\"}") == 1.0
    })
    .await
    .unwrap();
    drop(slow);
    other.has(2).await;
    other.stop().await;
}

/// Two replicas, of which the first holds a chunk of each partition that it cannot store.
async fn slow_and_other() -> (Replica, Replica) {
    let kafka = Kafka::shared().await;
    let topic = kafka.name("slow");
    kafka.create_topic(&topic, 2, &[]).await.unwrap();
    let records = [Sent::new("0").to(0), Sent::new("0").to(1)];
    kafka.produce(&topic, &records).await.unwrap();
    let (mut settings, store) = (settings(kafka, &topic), Store::default());
    settings.rebalance_timeout = std::time::Duration::from_secs(60);
    // The database holds the chunks: they are not settled while the group wants a partition back.
    store.set_down(true);
    let slow = Replica::start(&settings, &store);
    slow.has(2).await;
    let other = Replica::start(&settings, &Store::default());
    (slow, other)
}

#[tokio::test]
async fn replicas_that_come_and_go_all_the_time_lose_and_double_nothing() {
    let kafka = Kafka::shared().await;
    for (assignor, protocol) in [
        (Assignor::CooperativeSticky, GroupProtocol::Classic),
        (Assignor::Range, GroupProtocol::Classic),
        (Assignor::CooperativeSticky, GroupProtocol::Consumer),
    ] {
        let topic = kafka.name("busy");
        kafka.create_topic(&topic, PARTITIONS, &[]).await.unwrap();
        let settings = KafkaSettings {
            assignor,
            protocol,
            chunk_records: 20,
            ..settings(kafka, &topic)
        };
        let store = Store::default();
        let stays = Replica::start(&settings, &store);
        for round in 1..=6 {
            let guest = Replica::start(&settings, &store);
            write(kafka, &topic, 50).await;
            if round % 3 == 0 {
                guest.has(3).await;
            }
            write(kafka, &topic, 50).await;
            guest.stop().await;
            write(kafka, &topic, 50).await;
        }
        stored(&store, 900 * 6).await;
        is_whole(&store, &topic, 900);
        stays.stop().await;
    }
}
