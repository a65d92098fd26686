//! Queues are used as they stand, and made where there are none.

use crate::running::{DLQ, PATIENCE, QUEUE, Running, fresh_id};
use millrace_stack::{Stack, wait_for};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_queue_is_made_and_bound_where_there_is_none() {
    let line = Running::shared("fresh-broker", &[]).await;
    for queue in [QUEUE, DLQ] {
        let made = line
            .tenant
            .queue(queue)
            .await
            .unwrap()
            .unwrap_or_else(|| panic!("{queue} was not made"));
        assert_eq!(made.kind, "quorum");
    }
    let id = fresh_id();
    line.batch(&id, 2).await;
    line.stored(&[id]).await;
    line.queue_empties().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_classic_queue_is_used_whatever_its_arguments() {
    let tenant = Stack::shared().await.tenant("classic").await.unwrap();
    let arguments = json!({"x-queue-type": "classic", "x-max-priority": 3});
    tenant.declare_queue(QUEUE, arguments).await.unwrap();
    let line = Running::start(tenant, &[]).await;
    let id = fresh_id();
    line.batch(&id, 2).await;
    line.stored(&[id]).await;
    line.queue_empties().await;
    let queue = line.tenant.queue(QUEUE).await.unwrap().unwrap();
    assert_eq!(
        (queue.kind.as_str(), queue.arguments["x-max-priority"].as_i64()),
        ("classic", Some(3))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_deleted_under_the_consumer_is_made_again() {
    let line = Running::shared("deleted-queue", &[]).await;
    line.tenant.delete_queue(QUEUE).await.unwrap();
    wait_for("the queue to be made again", PATIENCE, async || {
        let queue = line.tenant.queue(QUEUE).await.ok().flatten();
        queue.is_some_and(|queue| queue.consumers == 1)
    })
    .await
    .unwrap();
    let id = fresh_id();
    line.batch(&id, 1).await;
    line.stored(&[id]).await;
}
