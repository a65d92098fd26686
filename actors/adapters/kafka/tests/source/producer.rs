//! Copies out.

use bytes::Bytes;
use jiff::Timestamp;
use millrace_kafka::{Access, Producer, Record};
use millrace_stack::{Kafka, Sent};

#[tokio::test]
async fn a_copy_is_safe_when_it_is_told_to_be_and_a_broker_that_is_gone_is_an_outage() {
    let kafka = Kafka::shared().await;
    let topic = kafka.name("copies");
    kafka.create_topic(&topic, 1, &[]).await.unwrap();
    kafka.produce(&topic, &[Sent::new("before")]).await.unwrap();
    let producer = Producer::new(&[kafka.brokers()], "test", &Access::default()).unwrap();
    let record = Record {
        offset: 77,
        timestamp: Some(Timestamp::UNIX_EPOCH),
        key: Some(Bytes::from_static(b"k")),
        value: None,
        headers: vec![(
            "x-millrace-reason".to_owned(),
            Some(Bytes::from_static(b"too_deep")),
        )],
    };
    assert_eq!(producer.send(&topic, &record).await.unwrap(), (0, 1));
    producer.flush().await.unwrap();
    assert_eq!(kafka.watermarks(&topic, 0).await.unwrap(), (0, 2));
    let missing = producer.send("no-such-topic", &record).await.unwrap_err();
    assert!(missing.to_string().contains("kafka unavailable"), "{missing}");
}
