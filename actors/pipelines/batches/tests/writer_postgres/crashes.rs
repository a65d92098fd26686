//! The notes about redelivered events.

use crate::{
    fixtures::{batch, event},
    server::TestDatabase,
};
use millrace_batches::{domain::Items, write::quarantine};
use millrace_engine::Sink;
use millrace_engine::crashes::{CrashNotes, Found};
use millrace_postgres::Database;
use tokio::runtime::Handle;

const UNKNOWN: Found = Found {
    stored: false,
    at_hand: false,
    alone: false,
    fresh: true,
};
const AT_HAND: Found = Found {
    at_hand: true,
    ..UNKNOWN
};
const ALONE: Found = Found {
    alone: true,
    ..AT_HAND
};

fn process(database: &TestDatabase<'_>, name: &str) -> millrace_postgres::Quarantine {
    let pool = Database::new(&database.settings(), &Handle::current()).unwrap();
    quarantine(pool, name)
}

fn ids(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Lets all that is noted be of an hour ago.
async fn an_hour_passes(database: &TestDatabase<'_>) {
    let sql = "UPDATE suspects SET last_struck_at = last_struck_at - interval '1 hour'";
    database.client().await.batch_execute(sql).await.unwrap();
}

async fn rows(database: &TestDatabase<'_>) -> i64 {
    database.value("SELECT count(*) FROM suspects").await
}

#[tokio::test]
async fn three_crashes_are_together_together_alone_and_then_it_is_known() {
    let database = TestDatabase::migrated().await;
    // In a container each has the same name.
    let [second, third, fourth] = [(); 3].map(|()| process(&database, "millrace@pod/1"));
    assert_eq!(second.mark(ids(&["e"])).await, Ok(vec![UNKNOWN]));
    assert_eq!(third.mark(ids(&["e"])).await, Ok(vec![AT_HAND]));
    assert_eq!(
        third.mark(ids(&["e"])).await,
        Ok(vec![AT_HAND]),
        "waiting is not counted"
    );
    assert_eq!(third.attempt("e".to_owned()).await, Ok(Some(AT_HAND)));
    assert_eq!(
        third.attempt("e".to_owned()).await,
        Ok(Some(AT_HAND)),
        "its own counts for nothing"
    );
    let strikes: i64 = database.value("SELECT strikes FROM suspects").await;
    assert_eq!(strikes, 1);
    assert_eq!(fourth.mark(ids(&["e"])).await, Ok(vec![ALONE]));
    assert_eq!(fourth.attempt("e".to_owned()).await, Ok(Some(ALONE)));
    an_hour_passes(&database).await;
    let certain = Found {
        fresh: false,
        ..ALONE
    };
    assert_eq!(fourth.mark(ids(&["e"])).await, Ok(vec![certain]));
    let strikes: i64 = database.value("SELECT strikes FROM suspects").await;
    assert_eq!(strikes, 1, "it did not go in");
}

#[tokio::test]
async fn a_process_takes_back_its_own_notes_only() {
    let database = TestDatabase::migrated().await;
    let [dead, living, other] = ["dead", "living", "other"].map(|name| process(&database, name));
    dead.mark(ids(&["a"])).await.unwrap();
    living.mark(ids(&["a", "b"])).await.unwrap();
    living.attempt("a".to_owned()).await.unwrap();
    living.give_back(ids(&["a", "b", "c"])).await.unwrap();
    assert_eq!(other.mark(ids(&["a", "b"])).await, Ok(vec![AT_HAND, UNKNOWN]));
    let strikes: i64 = database
        .value("SELECT strikes FROM suspects WHERE event_id = 'a'")
        .await;
    assert_eq!(strikes, 0);
    other.clear(ids(&["a", "b"])).await.unwrap();
    assert_eq!(rows(&database).await, 0);
    assert_eq!(
        other.attempt("a".to_owned()).await,
        Ok(None),
        "nothing is known any more"
    );
}

#[tokio::test]
async fn a_group_is_answered_in_its_order_with_what_the_ledger_has() {
    let database = TestDatabase::migrated().await;
    let process = process(&database, "p");
    let stored = batch(event("stored"), Items::default());
    database.writer().write(&[&stored]).await.unwrap();
    let found = process.mark(ids(&["x", "stored", "x", "a"])).await.unwrap();
    let stored: Vec<_> = found.iter().map(|found| found.stored).collect();
    assert_eq!(stored, [false, true, false, false]);
    process.tidy().await.unwrap();
    let left = database.rows("SELECT event_id FROM suspects ORDER BY 1").await;
    let left: Vec<&str> = left.iter().map(|row| row.get(0)).collect();
    assert_eq!(left, ["a", "x"], "a note about a stored event is of no use");
}

#[tokio::test]
async fn the_ledger_says_in_order_what_is_stored_and_nothing_is_noted() {
    let database = TestDatabase::migrated().await;
    let process = process(&database, "p");
    let stored = batch(event("stored"), Items::default());
    database.writer().write(&[&stored]).await.unwrap();
    let answer = process.stored(ids(&["x", "stored", "x", "stored"])).await;
    assert_eq!(answer, Ok(vec![false, true, false, true]));
    assert_eq!(process.stored(Vec::new()).await, Ok(Vec::new()));
    assert_eq!(rows(&database).await, 0);
}

#[tokio::test]
async fn no_writer_waits_for_a_connection_because_the_ledger_is_asked() {
    let database = TestDatabase::migrated().await;
    let mut settings = database.settings();
    settings.pool_size = 1;
    let pool = Database::new(&settings, &Handle::current()).unwrap();
    let process = quarantine(pool.clone(), "p");
    let stored = batch(event("stored"), Items::default());
    database.writer().write(&[&stored]).await.unwrap();
    let Ok(lease) = pool.lease().await else {
        panic!("the only connection");
    };
    assert_eq!(process.stored(ids(&["stored"])).await, Ok(vec![false]));
    lease.give_back();
    assert_eq!(process.stored(ids(&["stored"])).await, Ok(vec![true]));
}

#[tokio::test]
async fn what_was_not_touched_for_a_day_is_forgotten() {
    let database = TestDatabase::migrated().await;
    let [dead, living] = ["dead", "living"].map(|name| process(&database, name));
    dead.mark(ids(&["e", "f"])).await.unwrap();
    living.attempt("e".to_owned()).await.unwrap();
    let sql = "UPDATE suspects SET last_struck_at = now() - interval '25 hours'";
    database.client().await.batch_execute(sql).await.unwrap();
    assert_eq!(living.attempt("e".to_owned()).await, Ok(None));
    assert_eq!(living.mark(ids(&["e"])).await, Ok(vec![UNKNOWN]));
    living.tidy().await.unwrap();
    assert_eq!(rows(&database).await, 1, "the other one is gone");
}

#[tokio::test]
async fn what_the_version_before_counted_is_a_crash_but_no_proof() {
    let database = TestDatabase::migrated().await;
    let sql = "INSERT INTO suspects (event_id, strikes, first_struck_at, last_struck_at) VALUES ('e', 1, now(), now())";
    database.client().await.batch_execute(sql).await.unwrap();
    let process = process(&database, "p");
    assert_eq!(process.mark(ids(&["e"])).await, Ok(vec![AT_HAND]));
    assert_eq!(process.attempt("e".to_owned()).await, Ok(Some(AT_HAND)));
    process.give_back(ids(&["e"])).await.unwrap();
    assert_eq!(process.mark(ids(&["e"])).await, Ok(vec![AT_HAND]));
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_note_the_same_events_do_not_deadlock() {
    let database = TestDatabase::migrated().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..4 {
        let process = process(&database, &number.to_string());
        let mut events: Vec<_> = (0..500).map(|event| event.to_string()).collect();
        if number % 2 == 1 {
            events.reverse();
        }
        tasks.spawn(async move {
            for _ in 0..10 {
                process.mark(events.clone()).await.unwrap();
                process.give_back(events.clone()).await.unwrap();
                process.clear(events.clone()).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(rows(&database).await, 0);
}
