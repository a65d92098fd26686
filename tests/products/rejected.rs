//! A record that is no event costs its neighbours nothing, and a copy of it goes where it is asked for.

use crate::{mix::PARTITIONS, trial::*};
use millrace_stack::{Sent, Stack, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_each_rejected_record_is_sent_with_its_reason() {
    let trial = Trial::on(Stack::shared().await, "copies").await;
    let copies = trial.kafka.name("copies");
    trial.kafka.create_topic(&copies, 1, &[]).await.unwrap();
    let too_large = r#"{"id": "x", "type": "ProductUpdated", "product": {"id": "p", "name": "n", "price": 1e200000, "stock": 1}}"#;
    let fine = r#"{"id": "y", "type": "ProductUpdated", "product": {"id": "p", "name": "n", "price": 1, "stock": 1}}"#;
    let records =
        ["{", too_large, fine].map(|value| Sent::new(value).to(PARTITIONS - 1).header("a", Some(b"b")));
    trial.kafka.produce(&trial.topics[0], &records).await.unwrap();
    let replica = trial.replica(&[("KAFKA_DLQ_TOPIC", copies.as_str())]);
    wait_for("both copies", PATIENCE, async || {
        let (_, end) = trial.kafka.watermarks(&copies, 0).await?;
        anyhow::ensure!(end == 2, "{end} copies\n{}", replica.lines().join("\n"));
        Ok(())
    })
    .await
    .unwrap();
    let database = trial.tenant.connect_postgres().await.unwrap();
    wait_for("an empty outbox", PATIENCE, async || {
        let left: i64 = database
            .query_one("SELECT count(*) FROM event_outbox", &[])
            .await?
            .get(0);
        anyhow::ensure!(left == 0, "{left}");
        Ok(())
    })
    .await
    .unwrap();
    let rejected = "SELECT string_agg(concat_ws(' ', record_offset, reason), ', ' ORDER BY record_offset) FROM rejected_events";
    let rejected: String = database.query_one(rejected, &[]).await.unwrap().get(0);
    assert!(rejected.starts_with("0 malformed_event, 1 "), "{rejected}");
    assert_eq!(trial.stored(&database).await, 1);
    assert_eq!(replica.terminate().await.unwrap(), Some(0));
}
