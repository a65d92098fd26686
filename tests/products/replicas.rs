//! Replicas share the partitions; one that comes, goes, dies or sleeps changes no row.

use crate::{mix::mixed, trial::*};
use millrace_stack::{Stack, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_come_and_go_end_in_the_same_rows() {
    let mut trial = Trial::on(Stack::shared().await, "replicas").await;
    trial.send(&mixed(4, 2_000)).await;
    let first = trial.replica(&[("HOSTNAME", "first")]);
    trial.wait_for_more_than(0).await;
    let second = trial.replica(&[("HOSTNAME", "second")]);
    trial.send(&mixed(5, 1_000)).await;
    wait_for("both to have partitions", PATIENCE, async || {
        for replica in [&first, &second] {
            let assigned = replica.metrics().await?.sum("products_partitions_assigned", &[]);
            anyhow::ensure!(assigned.is_some_and(|assigned| assigned > 0.0), "{assigned:?}");
        }
        Ok(())
    })
    .await
    .unwrap();
    first.kill().await.unwrap();
    trial.send(&mixed(6, 1_000)).await;
    trial.comes_true(&[&second]).await;
    assert_eq!(second.terminate().await.unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_sleeps_longer_than_its_session_stores_nothing_when_it_wakes() {
    let mut trial = Trial::on(Stack::shared().await, "zombie").await;
    let first = trial.replica(&[("HOSTNAME", "first")]);
    first.wait_ready(PATIENCE).await.unwrap();
    trial.send(&mixed(7, 2_000)).await;
    trial.wait_for_more_than(100).await;
    first.pause().unwrap();
    let second = trial.replica(&[("HOSTNAME", "second")]);
    trial.send(&mixed(8, 500)).await;
    wait_for("the other to have all partitions", PATIENCE, async || {
        let assigned = second.metrics().await?.sum("products_partitions_assigned", &[]);
        anyhow::ensure!(assigned == Some(12.0), "{assigned:?}");
        Ok(())
    })
    .await
    .unwrap();
    first.resume().unwrap();
    trial.send(&mixed(9, 500)).await;
    trial.comes_true(&[&first, &second]).await;
    for replica in [first, second] {
        assert_eq!(replica.terminate().await.unwrap(), Some(0));
    }
}
