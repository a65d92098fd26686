//! What is sent becomes the rows that the oracle computes, and Kafka is told.

use crate::{mix::mixed, trial::*};
use millrace_stack::{Stack, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn records_of_every_sort_become_the_rows_that_are_computed() {
    let mut trial = Trial::on(Stack::shared().await, "whole").await;
    trial.send(&mixed(1, 1_500)).await;
    let replica = trial.replica(&[]);
    replica.wait_ready(PATIENCE).await.unwrap();
    trial.send(&mixed(2, 500)).await;
    trial.comes_true(&[&replica]).await;

    let metrics = replica.metrics().await.unwrap();
    let database = trial.tenant.connect_postgres().await.unwrap();
    let stored = trial.stored(&database).await as f64;
    assert_eq!(metrics.sum("products_events_stored_total", &[]), Some(stored));
    assert_eq!(metrics.sum("products_records_total", &[]), Some(2_000.0));
    assert_eq!(metrics.sum("products_partitions_assigned", &[]), Some(12.0));

    assert_eq!(replica.terminate().await.unwrap(), Some(0));
    // The group knows of every position, so that tools that look at lag see none.
    for (topic, partition) in trial
        .topics
        .iter()
        .flat_map(|topic| (0..3).map(move |n| (topic, n)))
    {
        let (_, end) = trial.kafka.watermarks(topic, partition).await.unwrap();
        wait_for("the group to know", PATIENCE, async || {
            let committed = trial.kafka.committed(&trial.group, topic, partition).await?;
            anyhow::ensure!(
                committed == Some(end),
                "{topic}/{partition}: {committed:?} of {end}"
            );
            Ok(())
        })
        .await
        .unwrap();
    }
}
