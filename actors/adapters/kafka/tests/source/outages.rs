//! What is down costs no record and no membership.

use crate::{
    TIMEOUT,
    replica::{Replica, partition, reached, settings, stored},
    store::Store,
};
use millrace_kafka::{Access, KafkaSettings, Login, Sasl, SaslMechanism, SecurityProtocol};
use millrace_stack::{Kafka, Sent, wait_for};
use std::time::{Duration, Instant};

#[tokio::test]
async fn an_outage_longer_than_every_limit_of_the_group_costs_no_rebalance() {
    let kafka = Kafka::shared().await;
    let topic = kafka.name("outage");
    kafka.create_topic(&topic, 2, &[]).await.unwrap();
    let (settings, store) = (settings(kafka, &topic), Store::default());
    let replica = Replica::start(&settings, &store);
    kafka.produce(&topic, &[Sent::new("0").to(0)]).await.unwrap();
    stored(&store, 1).await;
    store.set_down(true);
    kafka
        .produce(&topic, &[Sent::new("1").to(0), Sent::new("1").to(1)])
        .await
        .unwrap();
    wait_for("the partitions to pause", TIMEOUT, async || {
        replica.metric("partitions_paused") == 2.0
    })
    .await
    .unwrap();
    let longest = settings.rebalance_timeout.max(settings.session_timeout) * 2;
    let since = Instant::now();
    wait_for("the outage to last", TIMEOUT, async || since.elapsed() > longest)
        .await
        .unwrap();
    assert_eq!(kafka.members(&settings.group).await.unwrap().len(), 1);
    store.set_down(false);
    stored(&store, 3).await;
    assert_eq!(replica.metric("rebalances_total{kind=\"assigned\"}"), 1.0);
    assert_eq!(replica.metric("rebalances_total{kind=\"revoked\"}"), 0.0);
    assert_eq!(replica.metric("rebalances_total{kind=\"lost\"}"), 0.0);
    replica.stop().await;
}

#[tokio::test]
async fn a_store_that_is_down_at_the_start_is_waited_for_as_a_member() {
    let kafka = Kafka::shared().await;
    let topic = kafka.name("late-store");
    kafka.create_topic(&topic, 1, &[]).await.unwrap();
    kafka.produce(&topic, &[Sent::new("0")]).await.unwrap();
    let (settings, store) = (settings(kafka, &topic), Store::default());
    store.set_down(true);
    let replica = Replica::start(&settings, &store);
    replica.has(1).await;
    store.set_down(false);
    stored(&store, 1).await;
    replica.stop().await;
}

#[tokio::test]
async fn a_broker_that_is_killed_and_comes_back_costs_nothing() {
    let kafka = Kafka::launch().await.unwrap();
    kafka.create_topic("killed", 2, &[]).await.unwrap();
    let (settings, store) = (settings(&kafka, "killed"), Store::default());
    let replica = Replica::start(&settings, &store);
    kafka.produce("killed", &[Sent::new("0").to(0)]).await.unwrap();
    stored(&store, 1).await;
    replica.consumes().await;
    kafka.kill().await.unwrap();
    replica.refuses("").await;
    kafka.start().await.unwrap();
    kafka
        .produce("killed", &[Sent::new("1").to(0), Sent::new("1").to(1)])
        .await
        .unwrap();
    stored(&store, 3).await;
    replica.consumes().await;
    assert_eq!(store.offsets(&partition("killed", 0)), [0, 1]);
    assert_eq!(store.offsets(&partition("killed", 1)), [0]);
    replica.stop().await;
}

#[tokio::test]
async fn a_topic_that_is_missing_is_waited_for_and_none_is_made() {
    let kafka = Kafka::shared().await;
    let (there, missing) = (kafka.name("there"), kafka.name("missing"));
    kafka.create_topic(&there, 1, &[]).await.unwrap();
    let settings = KafkaSettings {
        topics: vec![missing.clone(), there.clone()],
        ..settings(kafka, &there)
    };
    let store = Store::default();
    let replica = Replica::start(&settings, &store);
    kafka.produce(&there, &[Sent::new("0")]).await.unwrap();
    stored(&store, 1).await;
    assert!(kafka.watermarks(&missing, 0).await.is_err(), "none is made");
    kafka.create_topic(&missing, 1, &[]).await.unwrap();
    kafka.produce(&missing, &[Sent::new("0")]).await.unwrap();
    stored(&store, 2).await;
    replica.stop().await;
}

#[tokio::test]
async fn partitions_that_are_added_are_read() {
    let kafka = Kafka::shared().await;
    let topic = kafka.name("grows");
    kafka.create_topic(&topic, 1, &[]).await.unwrap();
    let (settings, store) = (settings(kafka, &topic), Store::default());
    let replica = Replica::start(&settings, &store);
    replica.has(1).await;
    kafka.add_partitions(&topic, 3).await.unwrap();
    kafka.produce(&topic, &[Sent::new("0").to(2)]).await.unwrap();
    stored(&store, 1).await;
    replica.has(3).await;
    replica.stop().await;
}

/// Settings that log in.
fn with_login(kafka: &Kafka, topic: &str, mechanism: SaslMechanism, login: (&str, &str)) -> KafkaSettings {
    let login = Login {
        username: login.0.to_owned(),
        password: login.1.into(),
    };
    KafkaSettings {
        brokers: vec![kafka.sasl_brokers()],
        access: Access {
            protocol: SecurityProtocol::SaslPlaintext,
            sasl: Some(Sasl {
                mechanism,
                login: millrace_access::renewable::Renewable::fixed(login),
            }),
            ..Access::default()
        },
        ..settings(kafka, topic)
    }
}

#[tokio::test]
async fn every_login_gets_in_and_learns_the_ids_of_topics() {
    let kafka = Kafka::shared().await;
    for mechanism in [
        SaslMechanism::Plain,
        SaslMechanism::ScramSha256,
        SaslMechanism::ScramSha512,
    ] {
        let topic = kafka.name("login");
        kafka.create_topic(&topic, 1, &[]).await.unwrap();
        kafka.produce(&topic, &[Sent::new("0")]).await.unwrap();
        let store = Store::default();
        let replica = Replica::start(&with_login(kafka, &topic, mechanism, kafka.credentials()), &store);
        stored(&store, 1).await;
        reached(&store, &partition(&topic, 0), 1).await;
        let id = store.tables().rows[&partition(&topic, 0)].1;
        assert!(id.is_some(), "{mechanism:?}");
        replica.stop().await;
    }
}

#[tokio::test]
async fn who_is_not_let_in_or_not_allowed_hears_why() {
    let kafka = Kafka::shared().await;
    let topic = kafka.name("closed");
    kafka.create_topic(&topic, 1, &[]).await.unwrap();
    let (user, _) = kafka.credentials();
    let wrong = with_login(kafka, &topic, SaslMechanism::Plain, (user, "wrong"));
    let replica = Replica::start(&wrong, &Store::default());
    replica.refuses("does not let us in").await;
    drop(replica);
    let stranger = with_login(kafka, &topic, SaslMechanism::Plain, kafka.stranger());
    let replica = Replica::start(&stranger, &Store::default());
    replica.refuses("does not allow it").await;
}

#[tokio::test]
async fn a_group_of_another_protocol_says_to_stop_the_old_consumers() {
    use rdkafka::consumer::{Consumer, StreamConsumer};
    let kafka = Kafka::shared().await;
    let topic = kafka.name("other-client");
    kafka.create_topic(&topic, 1, &[]).await.unwrap();
    let settings = settings(kafka, &topic);
    let mut old = rdkafka::ClientConfig::new();
    old.set("bootstrap.servers", kafka.brokers())
        .set("group.id", &settings.group)
        .set("partition.assignment.strategy", "roundrobin");
    let old: StreamConsumer = old.create().unwrap();
    old.subscribe(&[&topic]).unwrap();
    let polling = tokio::spawn(async move {
        loop {
            let _ = old.recv().await;
        }
    });
    wait_for("the old consumer", TIMEOUT, async || {
        let members = kafka.members(&settings.group).await?;
        anyhow::ensure!(members.len() == 1, "{members:?}");
        anyhow::Ok(())
    })
    .await
    .unwrap();
    let store = Store::default();
    let replica = Replica::start(&settings, &store);
    replica.refuses("stop the old consumers").await;
    polling.abort();
    kafka.produce(&topic, &[Sent::new("0")]).await.unwrap();
    stored(&store, 1).await;
    replica.stop().await;
}

#[tokio::test]
async fn a_drain_finishes_what_is_in_flight_and_leaves_the_group() {
    let kafka = Kafka::shared().await;
    let topic = kafka.name("drain");
    kafka.create_topic(&topic, 1, &[]).await.unwrap();
    kafka.produce(&topic, &[Sent::new("0")]).await.unwrap();
    let (settings, store) = (settings(kafka, &topic), Store::default());
    let slow = std::sync::Arc::new(|_: &millrace_kafka::Chunk| {
        std::thread::sleep(Duration::from_millis(300));
        Ok(())
    });
    let replica = Replica::start_with(&settings, &store, slow);
    wait_for("a chunk in flight", TIMEOUT, async || {
        replica.status.progress().in_flight == 1
    })
    .await
    .unwrap();
    let exit = replica.stop().await;
    assert_eq!(exit, millrace_engine::Exit::Drained);
    let row = store.row(&partition(&topic, 0));
    assert!(row.is_some(), "what was in flight is stored");
    let committed = kafka.committed(&settings.group, &topic, 0).await.unwrap();
    assert_eq!(committed, row);
    assert!(kafka.members(&settings.group).await.unwrap().is_empty());
}
