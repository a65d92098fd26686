//! A dependency that is down costs waiting, never an event.

use crate::running::{DLQ, PATIENCE, Running, fresh_id};
use millrace_stack::{Stack, wait_for};

/// Announces batches while `down`, sees that nothing moves and nobody is buried, and that all arrive after `up`.
async fn survives(
    name: &str,
    dependency: &str,
    down: impl AsyncFn(&Stack) -> anyhow::Result<()>,
    up: impl AsyncFn(&Stack) -> anyhow::Result<()>,
) {
    let stack = Stack::start().await.unwrap();
    let mut line = Running::start(stack.tenant(name).await.unwrap(), &[]).await;
    let ids: Vec<_> = (0..40).map(|_| fresh_id()).collect();
    for id in &ids {
        line.put(&format!("tiktok/{id}.json"), crate::running::batch_of(id, 5))
            .await;
    }
    down(&stack).await.unwrap();
    for id in &ids {
        line.announce(id, &format!("{}/tiktok/{id}.json", line.tenant.bucket()))
            .await;
    }
    wait_for("readiness to name the dependency", PATIENCE, async || {
        let (status, body) = line
            .service
            .get("/readyz")
            .await
            .map_err(|error| error.to_string())?;
        if status == 503 && body.contains(dependency) {
            Ok(())
        } else {
            Err(format!("{status} {body}"))
        }
    })
    .await
    .unwrap();
    wait_for("events to be held", PATIENCE, async || {
        line.service
            .logs()
            .iter()
            .any(|log| log["fate"] == "held" && log["event_id"].is_string())
    })
    .await
    .unwrap();
    assert_eq!(line.service.get("/livez").await.unwrap().0, 200);
    up(&stack).await.unwrap();
    line.database = line.tenant.connect_postgres().await.unwrap();
    line.stored(&ids).await;
    line.queue_empties().await;
    assert_eq!(line.count("post_analytics", &[]).await, 200);
    assert!(
        line.tenant.peek(DLQ, 1).await.unwrap().is_empty(),
        "no good event is ever buried"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_database_is_waited_for() {
    let down = async |stack: &Stack| stack.postgres.kill().await;
    let up = async |stack: &Stack| stack.postgres.start().await;
    survives("killed-database", "database", down, up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_object_store_is_waited_for() {
    let down = async |stack: &Stack| stack.objects.kill().await;
    let up = async |stack: &Stack| stack.objects.start().await;
    survives("killed-store", "object_store", down, up).await;
}
