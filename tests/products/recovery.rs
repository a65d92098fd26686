//! A process that dies at load loses nothing and doubles nothing.

use crate::{
    mix::{Mixed, mixed},
    trial::*,
};
use millrace_stack::{Sent, Service, Stack, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    let mut trial = Trial::on(Stack::shared().await, "killed").await;
    trial.send(&mixed(3, 4_000)).await;
    let replica = trial.replica(&[("CHUNK_MAX_RECORDS", "10")]);
    for events in [0, 300, 900, 1_500] {
        trial.wait_for_more_than(events).await;
        replica.kill().await.unwrap();
        replica.start_again().unwrap();
    }
    trial.comes_true(&[&replica]).await;
    assert_eq!(replica.terminate().await.unwrap(), Some(0));
}

/// Starts it again whenever it dies, until all rows are as computed; says how often it died.
async fn comes_true_in_spite_of_deaths(trial: &Trial<'_>, replica: &Service) -> usize {
    let mut deaths = 0;
    let replicas = [replica];
    let right = trial.comes_true(&replicas);
    tokio::pin!(right);
    loop {
        tokio::select! {
            () = &mut right => return deaths,
            ended = replica.wait_exit(PATIENCE) => {
                assert_eq!(ended.unwrap(), None, "it was to be killed by a signal");
                deaths += 1;
                replica.start_again().unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_at_each_end_of_a_transaction_loses_and_doubles_nothing() {
    for point in ["begin", "end", "committed"] {
        let mut trial = Trial::on(Stack::shared().await, &format!("dies-{point}")).await;
        trial.send(&mixed(20, 400)).await;
        // Each of its lives ends at the thirteenth transaction.
        let faults = format!("products.write.{point}=12*off->1*return(kill)");
        let replica = trial.replica(&[("FAILPOINTS", faults.as_str()), ("CHUNK_MAX_RECORDS", "20")]);
        let deaths = comes_true_in_spite_of_deaths(&trial, &replica).await;
        assert!(deaths >= 2, "{point}: it died {deaths} times");
    }
}

/// A record that the process dies of, among others of its partition.
fn with_a_fatal_one() -> Vec<Mixed> {
    let mut records = mixed(21, 300);
    let value = r#"{"id": "k", "type": "ProductDeleted", "productId": "p"}"#;
    records.insert(150, (2, Sent::new(value).to(1).key("fatal")));
    records
}

/// Only the fatal one is rejected for what it did, and its neighbours are stored.
async fn only_the_fatal_one_pays(name: &str, order: &str) -> usize {
    let mut trial = Trial::on(Stack::shared().await, name).await;
    trial.send(&with_a_fatal_one()).await;
    let faults = format!("products.check=return({order} fatal)");
    let replica = trial.replica(&[("FAILPOINTS", faults.as_str())]);
    let database = trial.tenant.connect_postgres().await.unwrap();
    let sql = "SELECT count(*) FILTER (WHERE reason = 'killed_worker' AND record_key = 'fatal'), \
        count(*) FILTER (WHERE reason = 'killed_worker') FROM rejected_events";
    let found = wait_for("the fatal one to be rejected", PATIENCE, async || {
        let row = database.query_one(sql, &[]).await?;
        let (fatal, all): (i64, i64) = (row.get(0), row.get(1));
        anyhow::ensure!((fatal, all) == (1, 1), "{fatal} of {all}");
        Ok(())
    });
    tokio::pin!(found);
    let mut deaths = 0;
    loop {
        tokio::select! {
            found = &mut found => break found.unwrap(),
            ended = replica.wait_exit(PATIENCE) => {
                assert_eq!(ended.unwrap(), None, "it was to be killed by a signal");
                deaths += 1;
                replica.start_again().unwrap();
            }
        }
    }
    // The oracle knows nothing of the fatal one: without it all is as computed.
    trial.forget_key(b"fatal");
    database
        .batch_execute("DELETE FROM rejected_events WHERE reason = 'killed_worker'")
        .await
        .unwrap();
    trial.comes_true_but_for_counts(&[&replica]).await;
    assert_eq!(replica.terminate().await.unwrap(), Some(0));
    deaths
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_kills_the_process_is_rejected_and_its_neighbours_are_stored() {
    let deaths = only_the_fatal_one_pays("kills", "kill").await;
    // log2 of a chunk of 40, and three alone.
    assert!((3..=9).contains(&deaths), "{deaths} deaths");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_makes_a_checker_panic_is_rejected_and_the_process_lives() {
    assert_eq!(only_the_fatal_one_pays("panics", "panic").await, 0);
}
