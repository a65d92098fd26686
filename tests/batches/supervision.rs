//! Supervision, black box: what cannot go on ends the process with code 70, and loses nothing.

use crate::running::{DLQ, PATIENCE, Running, fresh_id};

#[tokio::test(flavor = "multi_thread")]
async fn too_many_crashes_end_the_process_with_70_and_lose_nothing() {
    let settings = [
        ("FAILPOINTS", "parse.begin=panic"),
        ("MAX_WORKERS", "1"),
        ("MAX_RETRY_ATTEMPTS", "100"),
        ("SHUTDOWN_GRACE_SECONDS", "5"),
        ("LOG_FORMAT", "json"),
    ];
    let pipeline = Running::shared("crashes", &settings).await;
    let ids: Vec<_> = (0..20).map(|_| fresh_id()).collect();
    for id in &ids {
        pipeline.batch(id, 3).await;
    }
    assert_eq!(pipeline.service.wait_exit(PATIENCE).await.unwrap(), Some(70));
    let logs = pipeline.service.logs();
    let panics = logs
        .iter()
        .filter(|log| log["actor"] == "parser-0" && log["fate"] == "retried" && log["cause"] == "panic");
    assert_eq!(
        panics.count(),
        11,
        "one more than are tolerated, each with its event"
    );
    all_arrive_with_a_healthy_service(&pipeline, &ids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parser_that_blocks_its_thread_ends_the_process_with_70_and_loses_nothing() {
    let settings = [
        ("FAILPOINTS", "parse.begin=1*sleep(600000)"),
        // The deadline must be longer than what it bounds.
        ("STAGE_DEADLINE_SECONDS", "4"),
        ("MINIO_REQUEST_TIMEOUT_SECONDS", "1"),
        ("MINIO_REQUEST_ATTEMPTS", "1"),
        ("DATABASE_STATEMENT_TIMEOUT_SECONDS", "1"),
        ("SHUTDOWN_GRACE_SECONDS", "5"),
        ("LOG_FORMAT", "json"),
    ];
    let pipeline = Running::shared("blocked", &settings).await;
    let ids: Vec<_> = (0..20).map(|_| fresh_id()).collect();
    for id in &ids {
        pipeline.batch(id, 3).await;
    }
    assert_eq!(pipeline.service.wait_exit(PATIENCE).await.unwrap(), Some(70));
    let logs = pipeline.service.logs();
    let requeued: Vec<_> = logs.iter().filter(|log| log["fate"] == "requeued").collect();
    assert_eq!(requeued.len(), 1, "{requeued:?}");
    let event_id = requeued[0]["event_id"].as_str().unwrap();
    assert!(ids.iter().any(|id| id == event_id), "{event_id}");
    all_arrive_with_a_healthy_service(&pipeline, &ids).await;
}

/// What the process left behind is in the queues: a service without faults finds all of it.
async fn all_arrive_with_a_healthy_service(pipeline: &Running<'_>, ids: &[String]) {
    let healthy = pipeline.tenant.service(crate::running::millrace(), &[]).unwrap();
    healthy.wait_ready(PATIENCE).await.unwrap();
    pipeline.stored(ids).await;
    pipeline.queue_empties().await;
    assert_eq!(pipeline.count("post_analytics", &[]).await, ids.len() as i64 * 3);
    assert!(
        pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty(),
        "nothing was dead-lettered"
    );
}
