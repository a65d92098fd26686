//! What becomes of a row.

use crate::server::{DELETED, KEPT, TestDatabase, claim};
use millrace_engine::{Claim, DueStore, Outcome};

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
        detail: "of no\0 use".to_owned(),
    }
}

#[tokio::test]
async fn what_is_done_is_marked_or_deleted() {
    let database = TestDatabase::with(2).await;
    let (mut keeping, mut deleting) = (database.claimer(&KEPT), database.claimer(&DELETED));
    let kept = claim(&mut keeping, 1).await.remove(0);
    keeping.settle(vec![(kept, Outcome::Done)]).await.unwrap();
    let deleted = claim(&mut deleting, 1).await.remove(0);
    assert_eq!(deleted.key, 2);
    deleting.settle(vec![(deleted, Outcome::Done)]).await.unwrap();
    let left = "SELECT string_agg(id || state || (leased_until IS NULL), ' ') FROM jobs";
    assert_eq!(database.value::<String>(left).await, "1donetrue");
}

#[tokio::test]
async fn what_can_never_succeed_is_put_aside_with_its_reason() {
    let database = TestDatabase::with(2).await;
    let (mut keeping, mut moving) = (database.claimer(&KEPT), database.claimer(&DELETED));
    let kept = claim(&mut keeping, 1).await.remove(0);
    keeping.settle(vec![(kept, dead_letter())]).await.unwrap();
    let why = "SELECT why FROM jobs WHERE state = 'failed' AND id = 1";
    assert_eq!(database.value::<String>(why).await, "bad: of no use");
    database
        .execute("INSERT INTO failures VALUES (2, 1, 'of before', 'x')")
        .await;
    let moved = claim(&mut moving, 1).await.remove(0);
    moving.settle(vec![(moved, dead_letter())]).await.unwrap();
    let told = "SELECT t::text FROM failures t";
    assert_eq!(database.value::<String>(told).await, "(2,1,bad,\"of no use\")");
    assert_eq!(database.value::<i64>("SELECT count(*) FROM jobs").await, 1);
}

/// In hours, how long it waits: from the half to the whole of a delay that doubles up to the longest.
#[tokio::test]
async fn what_failed_is_due_again_later_each_time() {
    let database = TestDatabase::with(1).await;
    let mut claimer = database.claimer(&KEPT);
    for (failures, longest) in [(1, 1.0), (2, 2.0), (3, 4.0), (4, 4.0), (5, 4.0)] {
        database.execute("UPDATE jobs SET due_at = now()").await;
        let claim = claim(&mut claimer, 1).await.remove(0);
        claimer.settle(vec![(claim, retry(true))]).await.unwrap();
        let delay =
            "SELECT (extract(epoch FROM due_at - now()) / 3600)::float8 FROM jobs WHERE leased_until IS NULL";
        let hours: f64 = database.value(delay).await;
        assert!(hours > longest * 0.4 && hours <= longest, "{hours} of {longest}");
        assert_eq!(database.value::<i32>("SELECT attempts FROM jobs").await, failures);
    }
    database
        .execute("UPDATE jobs SET due_at = now(), attempts = 0")
        .await;
    let claim = claim(&mut claimer, 1).await.remove(0);
    claimer.settle(vec![(claim, retry(false))]).await.unwrap();
    let waits = "SELECT attempts = 0 AND due_at > now() FROM jobs";
    assert!(
        database.value::<bool>(waits).await,
        "it is not charged, and waits too"
    );
}

#[tokio::test]
async fn what_fails_as_often_as_is_allowed_is_put_aside() {
    let database = TestDatabase::with(2).await;
    let mut claimer = database.claimer(&DELETED);
    for _ in 0..3 {
        database.execute("UPDATE jobs SET due_at = now()").await;
        let claims = claim(&mut claimer, 2).await;
        let outcome = |claim: Claim<i64>| (claim, retry(claim.key == 1));
        claimer
            .settle(claims.into_iter().map(outcome).collect())
            .await
            .unwrap();
    }
    let told = "SELECT t::text FROM failures t";
    assert_eq!(
        database.value::<String>(told).await,
        "(1,3,trouble,\"once more\")"
    );
    let left = "SELECT string_agg(id || ' ' || attempts, ',') FROM jobs";
    assert_eq!(database.value::<String>(left).await, "2 0");
}
