//! What the database refuses costs the record, and none of its neighbours.

use crate::{fixtures::*, server::TestDatabase};
use millrace_engine::{Fault, Sink};
use millrace_products::domain::Event;

/// A number with more digits than `numeric` has.
const TOO_LARGE: &str = "1e200000";

fn events(refused: &[i64], count: i64) -> Vec<Event> {
    let event = |n: i64| {
        let price = if refused.contains(&n) { TOO_LARGE } else { "2" };
        updated(
            n,
            &format!("e{n:03}"),
            &format!("p{}", n % 7),
            n,
            values(price, n, None),
        )
    };
    (0..count).map(event).collect()
}

#[tokio::test]
async fn a_refused_row_is_found_among_a_hundred_and_its_neighbours_are_stored() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    writer
        .write(&[&chunk(None, 100, events(&[3, 4, 77], 100))])
        .await
        .unwrap();
    let rejected = "SELECT concat_ws(' ', record_offset, event_id, reason, detail LIKE '22003%') FROM rejected_events ORDER BY record_offset";
    let expected = [
        "3 e003 row_refused t",
        "4 e004 row_refused t",
        "77 e077 row_refused t",
    ];
    assert_eq!(database.texts(rejected).await, expected);
    let events: i64 = database.value("SELECT count(*) FROM product_events").await;
    let ids: i64 = database.value("SELECT count(*) FROM product_event_ids").await;
    let next: i64 = database.value("SELECT next_offset FROM kafka_positions").await;
    assert_eq!((events, ids, next), (97, 97, 100));
}

#[tokio::test]
async fn whether_a_row_is_refused_does_not_depend_on_the_order_of_arrival() {
    for refused_first in [true, false] {
        let database = TestDatabase::migrated().await;
        let mut writer = database.writer();
        let mut both = vec![
            updated(0, "bad", "p", 0, values(TOO_LARGE, 1, None)),
            updated(1, "good", "p", 9, values("1", 1, None)),
        ];
        if !refused_first {
            both.reverse();
        }
        for (position, event) in (0..).zip(both) {
            let from = (position > 0).then_some(position);
            writer
                .write(&[&chunk(from, position + 1, vec![event])])
                .await
                .unwrap();
        }
        let rejected = "SELECT event_id FROM rejected_events";
        assert_eq!(database.texts(rejected).await, ["bad"]);
    }
}

#[tokio::test]
async fn a_day_that_was_dropped_is_made_again_and_refuses_nothing() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    writer
        .write(&[&chunk(None, 1, vec![created(0, "a", "p", 0)])])
        .await
        .unwrap();
    let days = "SELECT relid::text FROM pg_partition_tree('product_events') WHERE isleaf ORDER BY 1";
    let made = database.texts(days).await;
    assert_eq!(made.len(), 8, "a week ahead: {made:?}");
    for day in &made {
        database.run(&format!("DROP TABLE {day}")).await;
    }
    writer
        .write(&[&chunk(Some(1), 2, vec![created(1, "b", "p", 0)])])
        .await
        .unwrap();
    assert_eq!(database.texts("SELECT event_id FROM product_events").await, ["b"]);
    assert_eq!(
        database.texts("SELECT event_id FROM rejected_events").await,
        [""; 0]
    );
}

#[tokio::test]
async fn a_table_that_is_missing_is_no_fault_of_a_record() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    database
        .run("ALTER TABLE archive_pending RENAME TO elsewhere")
        .await;
    let one = chunk(None, 1, vec![created(0, "a", "p", 0)]);
    let fault = writer.write(&[&one]).await.unwrap_err();
    assert!(
        matches!(
            fault,
            Fault::Outage {
                dependency: "database",
                ..
            }
        ),
        "{fault}"
    );
    database
        .run("ALTER TABLE elsewhere RENAME TO archive_pending")
        .await;
    writer.write(&[&one]).await.unwrap();
    assert_eq!(
        database.texts("SELECT event_id FROM archive_pending").await,
        ["a"]
    );
}
