//! A process that dies at load loses nothing and doubles nothing.

use crate::{mix::mixed, trial::*};
use millrace_stack::Stack;

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
