//! An event that crashes the process is found by that, and its neighbours are charged nothing.

use crate::running::{DLQ, NO_WAIT_IS_TOO_LONG, PATIENCE, QUEUE, Running, fresh_id, millrace};
use millrace_stack::{Message, Stack, wait_for};
use serde_json::{Value, json};

/// Serves until there are so many dead letters, starting the service again whenever it crashes; returns
/// the letters and how often it crashed.
pub(crate) async fn serve_until_dead_lettered(
    pipeline: &Running<'_>,
    letters: usize,
) -> (Vec<Message>, usize) {
    let mut crashes = 0;
    let dead = pipeline.dead_letters(letters);
    tokio::pin!(dead);
    loop {
        tokio::select! {
            letters = &mut dead => return (letters, crashes),
            ended = pipeline.service.wait_exit(PATIENCE) => {
                assert_eq!(ended.unwrap(), None, "it was to be killed by a signal");
                crashes += 1;
                pipeline.service.start_again().unwrap();
            }
        }
    }
}

/// Sends events that crash the process among good events, and sees each dead-lettered after three crashes at most, each
/// neighbour stored at its first attempt, and no suspicion left.
async fn are_isolated(name: &str, queue: Option<Value>, crashing: usize) {
    let tenant = Stack::shared().await.tenant(name).await.unwrap();
    if let Some(arguments) = queue {
        tenant.declare_queue(QUEUE, arguments).await.unwrap();
    }
    let faults = "parse.begin=return(kill evt_crash_0);parse.end=return(kill evt_crash_1)";
    let settings = [("FAILPOINTS", faults), ("EVENT_PREFETCH_COUNT", "30")];
    let pipeline = Running::start(tenant, &settings).await;
    let good: Vec<_> = (0..24).map(|_| fresh_id()).collect();
    for (number, id) in good.iter().enumerate() {
        pipeline.batch(id, 3).await;
        if number % 10 == 5 && number / 10 < crashing {
            pipeline.batch(&format!("evt_crash_{}", number / 10), 3).await;
        }
    }
    let (letters, crashes) = serve_until_dead_lettered(&pipeline, crashing).await;
    assert!((1..=3 * crashing).contains(&crashes), "{crashes} crashes");
    for letter in &letters {
        assert_eq!(
            letter.header("x-millrace-reason").as_deref(),
            Some("killed_worker")
        );
        assert_eq!(letter.header("x-millrace-attempts").as_deref(), Some("1"));
        let id = letter.header("x-millrace-event-id").unwrap();
        assert!(id.starts_with("evt_crash_"), "{id}");
    }
    pipeline.stored(&good).await;
    pipeline.queue_empties().await;
    assert_eq!(pipeline.count("post_analytics", &[]).await, 72);
    assert_eq!(
        pipeline.count("ingested_batches WHERE attempts > 1", &[]).await,
        0
    );
    assert_eq!(pipeline.tenant.peek(DLQ, 9).await.unwrap().len(), crashing);
    wait_for("all suspicion to be gone", PATIENCE, async || {
        pipeline.count("suspects", &[]).await == 0
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_kills_the_process_is_isolated_on_a_quorum_queue() {
    are_isolated("crashing-quorum", None, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_kills_the_process_is_isolated_on_a_classic_queue() {
    are_isolated("crashing-classic", Some(json!({"x-queue-type": "classic"})), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_crashing_events_among_the_same_neighbours_are_both_isolated() {
    are_isolated("two-crashing", None, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_at_hand_in_two_crashes_of_other_causes_is_not_their_cause() {
    let faults = [("FAILPOINTS", "parse.begin=return(kill)")];
    let pipeline = Running::shared("bystander", &faults).await;
    let id = fresh_id();
    pipeline.batch(&id, 1).await;
    // Both among others.
    for _ in 0..2 {
        assert_eq!(pipeline.service.wait_exit(PATIENCE).await.unwrap(), None);
        pipeline.service.start_again().unwrap();
    }
    pipeline.service.kill().await.unwrap();
    let healthy = pipeline.tenant.service(millrace(), &[]).unwrap();
    healthy.wait_ready(PATIENCE).await.unwrap();
    pipeline.stored(&[id]).await;
    pipeline.queue_empties().await;
    assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_kills_after_its_batch_is_stored_is_no_dead_letter() {
    let faults = [("FAILPOINTS", "write.committed=return(kill)")];
    let pipeline = Running::shared("late-crash", &faults).await;
    let id = fresh_id();
    pipeline.batch(&id, 2).await;
    assert_eq!(pipeline.service.wait_exit(PATIENCE).await.unwrap(), None);
    pipeline.service.start_again().unwrap();
    pipeline.queue_empties().await;
    let metrics = pipeline.service.metrics().await.unwrap();
    let counted = |name: &str| metrics.sum(&format!("analytics_{name}_total"), &[]);
    assert_eq!(counted("duplicates"), Some(1.0));
    assert_eq!(counted("batches_fetched"), Some(0.0), "the ledger had it");
    assert_eq!(counted("suspects"), Some(0.0));
    assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
    pipeline.stored(std::slice::from_ref(&id)).await;
    assert_eq!(pipeline.count("post_analytics", &[]).await, 2);
    wait_for("all suspicion to be gone", PATIENCE, async || {
        pipeline.count("suspects", &[]).await == 0
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_while_a_redelivered_event_is_noted_comes_back() {
    let pipeline = Running::shared("half-noted", &NO_WAIT_IS_TOO_LONG).await;
    let id = fresh_id();
    let lock = async |table: &str| {
        let client = pipeline.tenant.connect_postgres().await.unwrap();
        let sql = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        client.batch_execute(&sql).await.unwrap();
        client
    };
    // An event is at hand when the process is killed; so it comes again, and the note about it waits.
    let writing = lock("post_analytics").await;
    pipeline.batch(&id, 1).await;
    wait_for("the event at the writer", PATIENCE, async || {
        let metrics = pipeline.service.metrics().await?;
        anyhow::ensure!(metrics.sum("analytics_batches_fetched_total", &[]) == Some(1.0));
        anyhow::Ok(())
    })
    .await
    .unwrap();
    pipeline.service.kill().await.unwrap();
    let noting = lock("suspects").await;
    drop(writing);
    pipeline.service.start_again().unwrap();
    wait_for("the note", PATIENCE, async || {
        let metrics = pipeline.service.metrics().await?;
        let mark = [("statement", "mark")];
        anyhow::ensure!(metrics.sum("analytics_quarantine_statements_total", &mark) == Some(1.0));
        anyhow::Ok(())
    })
    .await
    .unwrap();
    wait_for("connections to be closed", PATIENCE, async || {
        pipeline
            .tenant
            .close_connections()
            .await
            .is_ok_and(|closed| closed > 0)
    })
    .await
    .unwrap();
    drop(noting);
    pipeline.stored(std::slice::from_ref(&id)).await;
    pipeline.queue_empties().await;
    wait_for("all suspicion to be gone", PATIENCE, async || {
        pipeline.count("suspects", &[]).await == 0
    })
    .await
    .unwrap();
}

/// Until the broker has its dead letter, what is known of such an event is all that keeps it from running again.
#[tokio::test(flavor = "multi_thread")]
async fn a_crashing_event_whose_dead_letter_no_queue_takes_is_still_known_after_another_crash() {
    let tenant = Stack::shared().await.tenant("held-crashing").await.unwrap();
    let full = json!({"x-queue-type": "classic", "x-max-length": 1, "x-overflow": "reject-publish"});
    tenant.declare_queue(DLQ, full).await.unwrap();
    assert!(tenant.publish("", DLQ, "fills the queue").await.unwrap());
    let faults = "parse.begin=3*return(kill evt_held)";
    let settings = [
        ("FAILPOINTS", faults),
        ("LOG_LEVEL", "debug"),
        ("LOG_FORMAT", "json"),
    ];
    let pipeline = Running::start(tenant, &settings).await;
    pipeline.batch("evt_held", 1).await;
    let refused = || {
        let logs = pipeline.service.logs();
        let again = logs
            .iter()
            .filter(|log| log["message"] == "its copy was refused again");
        again.count()
    };
    // Longer than it takes to clear a note.
    wait_for("the dead letter to be refused some times", PATIENCE, async || {
        if pipeline
            .service
            .wait_exit(std::time::Duration::ZERO)
            .await
            .is_ok()
        {
            pipeline.service.start_again().unwrap();
        }
        refused() >= 3
    })
    .await
    .unwrap();
    pipeline.service.kill().await.unwrap();
    // Nothing would crash of it now, so it would be stored if it were let in.
    let healthy = pipeline.tenant.service(millrace(), &[]).unwrap();
    healthy.wait_ready(PATIENCE).await.unwrap();
    pipeline.tenant.delete_queue(DLQ).await.unwrap();
    let classic = json!({"x-queue-type": "classic"});
    pipeline.tenant.declare_queue(DLQ, classic).await.unwrap();
    wait_for("the event to be settled", PATIENCE, async || {
        pipeline.count("ingested_batches", &[]).await > 0
            || !pipeline.tenant.peek(DLQ, 1).await.unwrap_or_default().is_empty()
    })
    .await
    .unwrap();
    assert_eq!(
        pipeline.count("ingested_batches", &[]).await,
        0,
        "it ran once more"
    );
    let letters = pipeline.dead_letters(1).await;
    assert_eq!(
        letters[0].header("x-millrace-reason").as_deref(),
        Some("killed_worker")
    );
    pipeline.queue_empties().await;
    wait_for("all suspicion to be gone", PATIENCE, async || {
        pipeline.count("suspects", &[]).await == 0
    })
    .await
    .unwrap();
}
