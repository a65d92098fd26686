//! One process at a time holds a row.

use crate::server::{DELETED, KEPT, LONG, TestDatabase, by_key, claim};
use millrace_engine::{Claim, DueStore, Outcome};
use millrace_stack::wait_for;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

const DONE: Outcome = Outcome::Done;

fn retry(charged: bool) -> Outcome {
    Outcome::Retry {
        stage: "work",
        cause: "trouble",
        detail: "once more".to_owned(),
        charged,
    }
}

fn dead_letter() -> Outcome {
    Outcome::DeadLetter {
        reason: "bad",
        detail: "of no use".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_claimers_at_once_never_hold_the_same_row() {
    const ROWS: i64 = 600;
    let database = TestDatabase::with(ROWS).await;
    let held: Arc<Mutex<HashSet<i64>>> = Arc::default();
    let claimers = (0..8).map(|_| {
        let (mut claimer, held) = (database.claimer(&KEPT), held.clone());
        tokio::task::spawn_blocking(move || {
            tokio::runtime::Handle::current().block_on(async move {
                let mut mine = 0;
                loop {
                    let claims = claim(&mut claimer, 7).await;
                    if claims.is_empty() {
                        return mine;
                    }
                    mine += claims.len();
                    for claim in &claims {
                        assert!(held.lock().unwrap().insert(claim.key), "{claim:?} is held twice");
                        assert_eq!(claim.epoch, 1);
                    }
                    let settled = claims.into_iter().map(|claim| (claim, DONE)).collect();
                    claimer.settle(settled).await.unwrap();
                }
            })
        })
    });
    let mut claimed = 0;
    for claimer in claimers.collect::<Vec<_>>() {
        claimed += claimer.await.unwrap();
    }
    assert_eq!(claimed as i64, ROWS);
    let done = "SELECT count(*) FROM jobs WHERE state = 'done' AND epoch = 1 AND leased_until IS NULL";
    assert_eq!(database.value::<i64>(done).await, ROWS);
}

#[tokio::test]
async fn what_is_due_first_is_claimed_first_and_what_is_not_due_is_not() {
    let database = TestDatabase::with(5).await;
    database
        .execute(
            "UPDATE jobs SET due_at = now() - interval '1 hour' WHERE id = 4; \
             UPDATE jobs SET due_at = now() + interval '1 hour' WHERE id = 1; \
             UPDATE jobs SET due_at = NULL WHERE id = 2; UPDATE jobs SET what = 'y', attempts = 1 WHERE id = 3; \
             UPDATE jobs SET state = 'done' WHERE id = 5",
        )
        .await;
    let mut claimer = database.claimer(&KEPT);
    assert_eq!(claim(&mut claimer, 1).await, [Claim { key: 4, epoch: 1 }]);
    let rest = claimer.claim(9, LONG).await.unwrap();
    let told: Vec<_> = rest
        .iter()
        .map(|row| (&*row.subject, &*row.row, row.retried))
        .collect();
    assert_eq!(told, [("job 3", "y", true)]);
    assert!(claimer.claim(9, LONG).await.unwrap().is_empty());
    let owners = "SELECT array_agg(id) FROM jobs WHERE owner = 'pod-1'";
    let mut owned = database.value::<Vec<i64>>(owners).await;
    owned.sort_unstable();
    assert_eq!(owned, [3, 4]);
}

#[tokio::test]
async fn a_claimer_that_dies_hands_over_when_its_lease_ends() {
    let database = TestDatabase::with(2).await;
    let mut dies = database.claimer(&DELETED);
    let first = claim(&mut dies, 2).await;
    assert_eq!(first, [1, 2].map(|key| Claim { key, epoch: 1 }));
    drop(dies);
    let mut other = database.claimer(&DELETED);
    assert_eq!(claim(&mut other, 2).await, [], "it may still be at work");
    database.end_leases().await;
    let again = other.claim(2, LONG).await.unwrap();
    assert!(again.iter().all(|row| row.retried), "it may have been a crash");
    assert_eq!(by_key(again), [1, 2].map(|key| Claim { key, epoch: 2 }));
}

#[tokio::test]
async fn one_that_was_overtaken_settles_nothing() {
    let database = TestDatabase::with(1).await;
    for table in [&KEPT, &DELETED] {
        let (mut overtaken, mut other) = (database.claimer(table), database.claimer(table));
        let old = claim(&mut overtaken, 1).await;
        database.end_leases().await;
        let new = claim(&mut other, 1).await;
        assert_eq!(new[0].epoch, old[0].epoch + 1);
        let before = database.rows("jobs").await;
        for outcome in [DONE, dead_letter(), retry(true), retry(false)] {
            overtaken.settle(vec![(old[0], outcome)]).await.unwrap();
        }
        overtaken.prolong(&old, LONG).await.unwrap();
        assert_eq!(database.rows("jobs").await, before);
        assert!(database.rows("failures").await.is_empty());
        other.settle(vec![(new[0], retry(false))]).await.unwrap();
        assert_ne!(database.rows("jobs").await, before);
        database.execute("UPDATE jobs SET due_at = now()").await;
    }
}

#[tokio::test]
async fn prolonging_keeps_the_claim() {
    let database = TestDatabase::with(3).await;
    let (mut holder, mut other) = (database.claimer(&KEPT), database.claimer(&KEPT));
    let claims = claim(&mut holder, 3).await;
    // Their time has passed, and no other has looked yet.
    database.end_leases().await;
    holder.prolong(&claims[1..], LONG).await.unwrap();
    assert_eq!(claim(&mut other, 3).await, [Claim { key: 1, epoch: 2 }]);
    let until = "SELECT bool_and(leased_until > now() + interval '30 minutes') FROM jobs";
    assert!(database.value::<bool>(until).await);
}

#[tokio::test]
async fn a_locked_row_is_not_waited_for() {
    let database = TestDatabase::with(3).await;
    let mut claimer = database.claimer(&KEPT);
    let holder = database.client().await;
    let lock = "BEGIN; SELECT FROM jobs WHERE id = 2 FOR UPDATE";
    holder.batch_execute(lock).await.unwrap();
    let claims = claim(&mut claimer, 3).await;
    assert_eq!(claims, [1, 3].map(|key| Claim { key, epoch: 1 }));
    holder.batch_execute("ROLLBACK").await.unwrap();
    let claims = [claims, claim(&mut claimer, 3).await].concat();

    // Nor for long when it is settled: the claims of others would end meanwhile.
    holder.batch_execute(lock).await.unwrap();
    claimer.prolong(&claims, LONG).await.unwrap();
    let settled = claims.into_iter().map(|claim| (claim, DONE)).collect();
    claimer.settle(settled).await.unwrap();
    holder.batch_execute("ROLLBACK").await.unwrap();
    let open = "SELECT array_agg(id) FROM jobs WHERE state = 'open' AND leased_until IS NOT NULL";
    assert_eq!(database.value::<Vec<i64>>(open).await, [2], "its lease will end");
}

/// One that claims locks, for a moment, what others hold: it may not see yet that they do.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_passes_costs_no_outcome() {
    let database = TestDatabase::with(3).await;
    let mut claimer = database.claimer(&DELETED);
    let claims = claim(&mut claimer, 3).await;
    let holder = database.client().await;
    let lock = "BEGIN; SELECT FROM jobs WHERE id < 3 FOR UPDATE";
    holder.batch_execute(lock).await.unwrap();
    let settled = claims.into_iter().zip([retry(true), DONE, retry(true)]).collect();
    let settling = tokio::spawn(async move { claimer.settle(settled).await });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    wait_for("the outcomes to wait for the lock", LONG, async || {
        (database.value::<i64>(waits).await > 0)
            .then_some(())
            .ok_or("not yet")
    })
    .await
    .unwrap();
    holder.batch_execute("ROLLBACK").await.unwrap();
    settling.await.unwrap().unwrap();
    let left =
        "SELECT string_agg(id || ' ' || attempts, ',' ORDER BY id) FROM jobs WHERE leased_until IS NULL";
    assert_eq!(
        database.value::<String>(left).await,
        "1 1,3 1",
        "each is charged once"
    );
}
