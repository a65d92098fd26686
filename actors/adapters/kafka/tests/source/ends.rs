//! How far topics go.

use crate::replica::{partition, settings};
use millrace_kafka::ends;
use millrace_stack::{Kafka, Sent};

#[tokio::test]
async fn the_end_of_each_partition_is_told_by_any_replica() {
    let kafka = Kafka::shared().await;
    let topic = kafka.name("ends");
    kafka.create_topic(&topic, 3, &[]).await.unwrap();
    let records = [0, 0, 2, 0].map(|number| Sent::new("x").to(number));
    kafka.produce(&topic, &records).await.unwrap();
    let mut settings = settings(kafka, &topic);
    settings.topics.push("of no one".to_owned());
    let found = ends(&settings).await.unwrap();
    let expected = [(0, 3), (1, 0), (2, 1)].map(|(number, end)| (partition(&topic, number), end));
    assert_eq!(found, expected.into());
    assert!(
        kafka.members(&settings.group).await.unwrap().is_empty(),
        "it joins no group"
    );
    settings.brokers = vec!["127.0.0.1:1".to_owned()];
    assert!(
        ends(&settings)
            .await
            .unwrap_err()
            .to_string()
            .starts_with("kafka unavailable")
    );
}
