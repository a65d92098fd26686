//! A database that is away, silent or of another version is an outage: no row is to blame for it.

use crate::server::{KEPT, LONG, TestDatabase, claim, claimer, outage, private};
use millrace_engine::{DueStore, Outcome};
use millrace_stack::wait_for;
use std::time::Duration;

#[tokio::test]
async fn a_database_that_is_away_is_an_outage_until_it_is_back() {
    let servers = private().await;
    let database = TestDatabase::on(&servers, 2).await;
    let mut claimer = database.claimer(&KEPT);
    let held = claim(&mut claimer, 1).await;
    database.server.kill().await.unwrap();
    outage(claimer.claim(1, LONG).await.unwrap_err());
    outage(claimer.prolong(&held, LONG).await.unwrap_err());
    let settled = vec![(held[0], Outcome::Done)];
    outage(claimer.settle(settled.clone()).await.unwrap_err());
    database.server.start().await.unwrap();
    claimer.settle(settled).await.unwrap();
    assert_eq!(claim(&mut claimer, 2).await[0].key, 2);
}

#[tokio::test]
async fn a_silent_database_and_a_locked_table_are_outages_too() {
    let servers = private().await;
    let database = TestDatabase::on(&servers, 1).await;
    let mut settings = database.settings();
    settings.connect_timeout = Duration::from_secs(1);
    settings.statement_timeout = Duration::from_secs(1);
    let mut claimer = claimer(&settings, &KEPT);
    let holder = database.client().await;
    holder.batch_execute("BEGIN; LOCK TABLE jobs").await.unwrap();
    let told = outage(claimer.claim(1, LONG).await.unwrap_err());
    assert!(told.contains("due rows of jobs"), "{told}");
    // A cancellation is under way when the claimer has given up.
    let watcher = database.client().await;
    wait_for("the claim to be cancelled", Duration::from_secs(60), async || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        match watcher.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) {
            0 => Ok(()),
            _ => Err("it waits"),
        }
    })
    .await
    .unwrap();
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(
        claim(&mut claimer, 1).await.len(),
        1,
        "what waited was cancelled, and claimed nothing"
    );
    database.server.pause().unwrap();
    outage(claimer.claim(1, LONG).await.unwrap_err());
    database.server.resume().unwrap();
    assert!(claim(&mut claimer, 1).await.is_empty());
}

#[tokio::test]
async fn another_schema_is_an_outage_that_says_what_is_missing() {
    let database = TestDatabase::with(1).await;
    let mut claimer = database.claimer(&KEPT);
    database
        .execute("ALTER TABLE jobs RENAME COLUMN epoch TO turn")
        .await;
    let told = outage(claimer.claim(1, LONG).await.unwrap_err());
    assert!(
        told.contains("epoch") && told.contains("millrace migrate"),
        "{told}"
    );
    database
        .execute("ALTER TABLE jobs RENAME COLUMN turn TO epoch; ALTER TABLE jobs ALTER epoch TYPE int")
        .await;
    outage(claimer.claim(1, LONG).await.unwrap_err());
    // A constraint that refuses an outcome is the schema's fault as well.
    database
        .execute(
            "ALTER TABLE jobs ALTER epoch TYPE bigint, ADD CHECK (state <> 'done'); UPDATE jobs SET leased_until = NULL",
        )
        .await;
    let claim = claim(&mut claimer, 1).await.remove(0);
    let told = outage(claimer.settle(vec![(claim, Outcome::Done)]).await.unwrap_err());
    assert!(told.contains("jobs_state_check"), "{told}");
}
