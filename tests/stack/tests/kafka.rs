//! The private broker, seen by its clients.

use millrace_stack::{Kafka, Sent};

#[tokio::test]
async fn records_are_where_they_were_sent_and_retention_and_groups_move_as_told() {
    let kafka = Kafka::shared().await;
    let (topic, group) = (kafka.name("places"), kafka.name("group"));
    kafka.create_topic(&topic, 2, &[]).await.unwrap();
    let sent = Sent::new("one").key("k").header("event-id", Some(b"7")).to(1);
    let tombstone = Sent {
        value: None,
        ..sent.clone()
    };
    let places = kafka.produce(&topic, &[sent, tombstone]).await.unwrap();
    assert_eq!(places, [(1, 0), (1, 1)]);
    assert_eq!(kafka.watermarks(&topic, 0).await.unwrap(), (0, 0));
    kafka.delete_records(&topic, 1, 1).await.unwrap();
    assert_eq!(kafka.watermarks(&topic, 1).await.unwrap(), (1, 2));
    assert_eq!(kafka.committed(&group, &topic, 1).await.unwrap(), None);
    kafka.alter_offset(&group, &topic, 1, 2).await.unwrap();
    assert_eq!(kafka.committed(&group, &topic, 1).await.unwrap(), Some(2));
    kafka.delete_topic(&topic).await.unwrap();
    assert!(kafka.watermarks(&topic, 0).await.is_err());
}

#[tokio::test]
async fn records_survive_a_kill() {
    let kafka = Kafka::launch().await.unwrap();
    kafka.create_topic("kept", 1, &[]).await.unwrap();
    kafka.produce("kept", &[Sent::new("one")]).await.unwrap();
    kafka.kill().await.unwrap();
    assert!(kafka.pid().is_none());
    kafka.start().await.unwrap();
    assert_eq!(kafka.watermarks("kept", 0).await.unwrap(), (0, 1));
}
