//! Keys of every kind.

use crate::server::{KEPT, LONG, TestDatabase};
use millrace_engine::{Backoff, Claim, DueStore, Outcome};
use millrace_postgres::{DueKey, DueTable, Fate};
use std::time::Duration;
use tracing::Span;
use uuid::Uuid;

const fn table<K>(name: &'static str, key: &'static [&'static str]) -> DueTable<K, i64> {
    DueTable {
        name,
        key,
        due_at: "next_at",
        leased_until: "held_until",
        epoch: "turn",
        owner: None,
        attempts: "failed",
        open: None,
        reads: &["n", "n"],
        read: |claim, row| Ok(row.try_get::<_, i64>(1)? * claim.epoch),
        subject: |_| "a row".to_owned(),
        span: |_, _| Span::none(),
        done: Fate::Delete,
        put_aside: Fate::Delete,
        attempts_allowed: None,
        backoff: Backoff::doubling(Duration::from_secs(60), Duration::from_secs(60)),
    }
}

static BY_TEXT: DueTable<String, i64> = table("by_text", &["event_id"]);
static BY_UUID: DueTable<Uuid, i64> = table("by_uuid", &["file_id"]);
static BY_TWO: DueTable<(String, i64), i64> = table("by_two", &["topic", "partition"]);

const REST: &str = "n bigint NOT NULL, next_at timestamptz NOT NULL DEFAULT now(), held_until timestamptz, \
    turn bigint NOT NULL DEFAULT 0, failed bigint NOT NULL DEFAULT 0";

/// Of three rows one is done, one is due again, and one is held.
async fn is_worked_on<K: DueKey + PartialEq + std::fmt::Debug>(
    database: &TestDatabase<'_>,
    table: &'static DueTable<K, i64>,
    expected: Vec<K>,
) {
    let (mut claimer, mut other) = (database.claimer(table), database.claimer(table));
    let mut rows = claimer.claim(3, LONG).await.unwrap();
    rows.sort_by_key(|row| row.row);
    let claims: Vec<Claim<K>> = rows.iter().map(|row| row.claim.clone()).collect();
    let keys: Vec<K> = claims.iter().map(|claim| claim.key.clone()).collect();
    assert_eq!(keys, expected);
    assert_eq!(rows.iter().map(|row| row.row).collect::<Vec<_>>(), [1, 2, 3]);
    claimer.prolong(&claims[2..], LONG * 2).await.unwrap();
    let retry = Outcome::Retry {
        stage: "work",
        cause: "trouble",
        detail: String::new(),
        charged: true,
    };
    let settled = vec![(claims[0].clone(), Outcome::Done), (claims[1].clone(), retry)];
    claimer.settle(settled).await.unwrap();
    assert!(other.claim(3, LONG).await.unwrap().is_empty());
    let left = format!(
        "SELECT string_agg(n || ' ' || failed || ' ' || (held_until > now() + interval '90 minutes')::text, ',' \
         ORDER BY n) FROM {}",
        table.name
    );
    let left: String = database.value(&left).await;
    assert_eq!(left, "3 0 true", "{left}");
}

#[tokio::test]
async fn a_key_is_a_number_text_a_uuid_or_two_columns() {
    let database = TestDatabase::with(0).await;
    let ids = [7, 3, 5].map(Uuid::from_u128);
    let [a, b, c] = ids;
    database
        .execute(&format!(
            "CREATE TABLE by_text (event_id text PRIMARY KEY, {REST}); \
             INSERT INTO by_text VALUES ('it''s', 1), ('{{\"a,b\"}}', 2), ('ü', 3); \
             CREATE TABLE by_uuid (file_id uuid PRIMARY KEY, {REST}); \
             INSERT INTO by_uuid VALUES ('{a}', 1), ('{b}', 2), ('{c}', 3); \
             CREATE TABLE by_two (topic text, partition bigint, {REST}, PRIMARY KEY (topic, partition)); \
             INSERT INTO by_two VALUES ('t', 1, 1), ('t', 2, 2), ('u', 1, 3)"
        ))
        .await;
    let text = ["it's", "{\"a,b\"}", "ü"].map(str::to_owned).to_vec();
    is_worked_on(&database, &BY_TEXT, text).await;
    is_worked_on(&database, &BY_UUID, ids.to_vec()).await;
    let two = [("t", 1), ("t", 2), ("u", 1)].map(|(topic, number)| (topic.to_owned(), number));
    is_worked_on(&database, &BY_TWO, two.to_vec()).await;
}

#[tokio::test]
#[should_panic(expected = "the key of by_two")]
async fn a_description_that_does_not_fit_its_key_is_refused_at_once() {
    static WRONG: DueTable<String, i64> = table("by_two", &["topic", "partition"]);
    assert_eq!(KEPT.key.len(), 1);
    TestDatabase::with(0).await.claimer(&WRONG);
}
