//! A dependency that is away costs no event and no rebalance.

use crate::{mix::mixed, trial::*};
use millrace_stack::{Service, Stack, wait_for};

async fn rebalances(replica: &Service) -> Option<f64> {
    let metrics = replica.metrics().await.unwrap();
    metrics.sum("products_rebalances_total", &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_freezes_and_thaws_costs_no_event_and_no_rebalance() {
    // Of its own: it is frozen.
    let stack = Stack::start().await.unwrap();
    let mut trial = Trial::on(&stack, "frozen").await;
    let replica = trial.replica(&[("DATABASE_STATEMENT_TIMEOUT_SECONDS", "2")]);
    replica.wait_ready(PATIENCE).await.unwrap();
    trial.send(&mixed(10, 500)).await;
    trial.comes_true(&[&replica]).await;
    let before = rebalances(&replica).await;

    stack.postgres.pause().unwrap();
    trial.send(&mixed(11, 1_000)).await;
    wait_for("the service to say so", PATIENCE, async || {
        let (status, body) = replica.get("/readyz").await?;
        anyhow::ensure!(status == 503, "{status} {body}");
        let paused = replica.metrics().await?.sum("products_partitions_paused", &[]);
        anyhow::ensure!(paused.is_some_and(|paused| paused > 0.0), "{paused:?} paused");
        Ok(())
    })
    .await
    .unwrap();
    // Longer than the session: without polls the partitions would be gone.
    let members = async || trial.kafka.members(&trial.group).await;
    let asleep = std::time::Instant::now();
    wait_for("two sessions to pass", PATIENCE, async || {
        anyhow::ensure!(members().await?.len() == 1, "it left the group");
        anyhow::ensure!(asleep.elapsed() > std::time::Duration::from_secs(12), "not yet");
        Ok(())
    })
    .await
    .unwrap();
    stack.postgres.resume().unwrap();
    trial.comes_true(&[&replica]).await;
    assert_eq!(rebalances(&replica).await, before);
    assert_eq!(replica.terminate().await.unwrap(), Some(0));
}
