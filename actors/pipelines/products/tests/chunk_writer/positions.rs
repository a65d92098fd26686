//! What the source asks for.

use crate::{fixtures::*, server::TestDatabase};
use millrace_engine::Sink;
use millrace_kafka::{Gap, PositionStore, Stored, Suspect, TopicPartition};
use millrace_products::write::Positions;
use uuid::Uuid;

fn partition(number: i32) -> TopicPartition {
    TopicPartition {
        topic: "ProductCreated".into(),
        partition: number,
    }
}

#[tokio::test]
async fn a_position_is_that_of_the_last_chunk_with_the_topic_it_was_of() {
    let database = TestDatabase::migrated().await;
    let positions = Positions::new(database.database(), "analytics-group");
    let all = [partition(0), partition(1), partition(2)];
    assert!(positions.load(&all).await.unwrap().is_empty());

    let mut writer = database.writer();
    let topic_id = Uuid::from_u128(7);
    let mut one = chunk_of(1, None, 5, vec![created(4, "a", "p", 0)]);
    one.topic_id = Some(topic_id);
    writer.write(&[&one]).await.unwrap();
    // A broker that does not tell the id takes none away.
    writer.write(&[&chunk_of(1, Some(5), 9, vec![])]).await.unwrap();
    let found = positions.load(&all).await.unwrap();
    let expected = Stored {
        next_offset: Some(9),
        topic_id: Some(topic_id),
        suspect: None,
    };
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [(partition(1), expected)]);
    let of_others = Positions::new(database.database(), "others");
    assert!(of_others.load(&all).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_gap_is_one_row_however_often_it_is_told() {
    let database = TestDatabase::migrated().await;
    let positions = Positions::new(database.database(), "g");
    let gap = Gap {
        partition: partition(3),
        from_offset: 5,
        to_offset: 8,
        reason: "retention",
    };
    positions.note_gap(&gap).await.unwrap();
    positions.note_gap(&gap).await.unwrap();
    let rows = "SELECT concat_ws(' ', topic, partition, from_offset, to_offset, reason) FROM position_gaps";
    assert_eq!(database.texts(rows).await, ["ProductCreated 3 5 8 retention"]);
}

#[tokio::test]
async fn a_suspect_is_remembered_until_it_is_cleared() {
    let database = TestDatabase::migrated().await;
    let positions = Positions::new(database.database(), "g");
    let all = [partition(0), partition(1)];
    let suspect = |alone| Suspect {
        partition: partition(1),
        from: 3,
        until: 6,
        size: 2,
        alone,
    };
    positions.suspect(&suspect(0)).await.unwrap();
    positions.suspect(&suspect(1)).await.unwrap();
    let found = positions.load(&all).await.unwrap();
    let expected = Stored {
        suspect: Some(suspect(1)),
        ..Stored::default()
    };
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [(partition(1), expected)]);
    let of_others = Positions::new(database.database(), "others");
    of_others.clear(&all).await.unwrap();
    assert_eq!(positions.load(&all).await.unwrap().len(), 1);
    positions.clear(&all).await.unwrap();
    assert!(positions.load(&all).await.unwrap().is_empty());
}
