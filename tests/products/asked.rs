//! What people ask of the pipeline, over HTTP and on the command line, with recent events in DynamoDB.

use crate::{mix::mixed, trial::*};
use millrace_stack::{DynamoDb, Refusal, Stack, wait_for};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const TABLE: &str = "RecentEvents";

/// What a command printed as JSON.
async fn command(trial: &Trial<'_>, args: &[&str]) -> Value {
    let output = trial.command(args).await;
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert!(output.status.success(), "{args:?}: {said} {complained}");
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{args:?}: {error}: {said}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_becomes_one_item_while_dynamodb_throttles_half_of_all() {
    let dynamo = DynamoDb::launch().await.unwrap();
    let mut trial = Trial::on(Stack::shared().await, "dynamo").await;
    trial.send(&mixed(21, 1_500)).await;
    let replica = trial.replica(&[
        ("RECENT_STORE", "dynamodb"),
        ("DYNAMO_ENDPOINT", dynamo.url()),
        ("DYNAMO_CREATE_TABLE", "true"),
    ]);
    replica.wait_ready(PATIENCE).await.unwrap();
    wait_for("the table", PATIENCE, async || {
        dynamo.items(TABLE).await.map(drop)
    })
    .await
    .unwrap();
    dynamo.refuse(Refusal::Half);
    trial.send(&mixed(24, 500)).await;
    trial.comes_true(&[&replica]).await;
    let database = trial.tenant.connect_postgres().await.unwrap();
    wait_for("the queue to be empty", PATIENCE, async || {
        let waiting = database
            .query_one("SELECT count(*) FROM projection_queue", &[])
            .await?;
        let waiting: i64 = waiting.get(0);
        anyhow::ensure!(waiting == 0, "{waiting} wait");
        Ok(())
    })
    .await
    .unwrap();
    assert!(dynamo.refused() > 10, "{}", dynamo.refused());

    let rows = database
        .query("SELECT event_id, product_id, event_type, floor(extract(epoch FROM expires_at))::bigint FROM product_events", &[])
        .await
        .unwrap();
    let journal: BTreeMap<String, (String, String, i64)> = rows
        .iter()
        .map(|row| (row.get(0), (row.get(1), row.get(2), row.get(3))))
        .collect();
    let items = dynamo.items(TABLE).await.unwrap();
    let text = |item: &Value, name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    let shown: BTreeMap<_, _> = items
        .iter()
        .map(|item| {
            let ttl = item["ttl"]["N"].as_str().unwrap().parse().unwrap();
            (
                text(item, "id"),
                (text(item, "productId"), text(item, "eventType"), ttl),
            )
        })
        .collect();
    assert_eq!(items.len(), journal.len());
    assert_eq!(shown, journal);
    assert!(
        items.iter().all(|item| item["data"].is_object()),
        "each with its data"
    );

    dynamo.refuse(Refusal::None);
    let (product, _) = journal
        .values()
        .next()
        .map(|(product, kind, _)| (product, kind))
        .unwrap();
    let path = format!("/api/v1/products/events?product_id={product}&limit=200");
    let (code, body) = replica.get(&path).await.unwrap();
    assert_eq!(code, 200, "{body}");
    let told: Value = serde_json::from_str(&body).unwrap();
    let told = told["events"].as_array().unwrap().len();
    let expected = journal.values().filter(|(of, ..)| of == product).count();
    assert_eq!(told, expected.min(200));
    let (code, health) = replica.get("/health").await.unwrap();
    let health: Value = serde_json::from_str(&health).unwrap();
    assert_eq!(
        (code, &health["services"]["dynamodb"]["status"]),
        (200, &Value::from("up"))
    );
    assert_eq!(health["metrics"]["totalEvents"], journal.len());

    // It writes nothing, however often it is asked.
    for _ in 0..1_000 {
        replica.get("/health").await.unwrap();
    }
    assert_eq!(dynamo.items(TABLE).await.unwrap().len(), journal.len());
    assert_eq!(trial.stored(&database).await, journal.len() as i64);
    assert_eq!(replica.terminate().await.unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_show_seek_replay_and_explain() {
    let mut trial = Trial::on(Stack::shared().await, "asked").await;
    trial.send(&mixed(22, 600)).await;
    let replica = trial.replica(&[]);
    replica.wait_ready(PATIENCE).await.unwrap();
    trial.comes_true(&[&replica]).await;
    let database = trial.tenant.connect_postgres().await.unwrap();
    let stored = trial.stored(&database).await;

    let positions = command(&trial, &["products", "positions", "--json"]).await;
    let positions = positions["positions"].as_array().unwrap();
    assert_eq!(positions.len(), 12);
    assert!(
        positions
            .iter()
            .all(|one| one["lag"] == 0 && one["end"] == one["position"]),
        "{positions:?}"
    );

    let stats = command(&trial, &["products", "stats", "--json"]).await;
    assert_eq!(stats["totalEvents"], stored);
    let id: String = database
        .query_one("SELECT min(event_id) FROM product_events", &[])
        .await
        .unwrap()
        .get(0);
    let told = command(&trial, &["explain", &id, "--json"]).await;
    assert_eq!(
        (&told["event"]["event_id"], told["stored"]["offset"].is_i64()),
        (&Value::from(id), true)
    );

    // Read again from its beginning: nothing changes but the count of what came again.
    let topic = trial.topics[0].clone();
    let seek = ["products", "seek", "--topic", &topic, "--to", "0", "--json"];
    let dry = command(&trial, &[&seek[..], &["--dry-run"]].concat()).await;
    assert_eq!(dry.as_array().unwrap().len(), 3);
    assert!(
        dry.as_array()
            .unwrap()
            .iter()
            .all(|one| one["moved"] == false && one["to"] == 0)
    );
    let moved = command(&trial, &seek).await;
    assert!(
        moved.as_array().unwrap().iter().any(|one| one["moved"] == true),
        "{moved}"
    );
    // The replica learns of it with its next chunk.
    trial.send(&mixed(23, 200)).await;
    wait_for("the partitions to be read again", PATIENCE, async || {
        let told = command(&trial, &["products", "positions", "--json"]).await;
        let behind: i64 = told["positions"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|one| one["lag"].as_i64())
            .sum();
        anyhow::ensure!(behind == 0, "{told}");
        let again: i64 = database
            .query_one("SELECT sum(duplicates)::bigint FROM product_event_ids", &[])
            .await?
            .get(0);
        anyhow::ensure!(again > 50, "{again} came again");
        Ok(())
    })
    .await
    .unwrap();

    let rejected = command(
        &trial,
        &["products", "rejected", "list", "--json", "--limit", "1000"],
    )
    .await;
    let rejected = rejected.as_array().unwrap();
    assert!(rejected.len() > 10, "{}", rejected.len());
    let reasons: BTreeSet<_> = rejected
        .iter()
        .map(|one| one["reason"].as_str().unwrap())
        .collect();
    assert!(reasons.contains("malformed_event"), "{reasons:?}");
    let one = &rejected[0];
    let place = format!(
        "{}/{}/{}",
        one["topic"].as_str().unwrap(),
        one["partition"],
        one["offset"]
    );
    let shown = command(&trial, &["products", "rejected", "show", &place, "--json"]).await;
    assert_eq!(
        (&shown["record"]["reason"], &shown["whole"]),
        (&one["reason"], &Value::from(true))
    );
    let replayed = command(&trial, &["products", "rejected", "replay", &place, "--json"]).await;
    assert_eq!(replayed["sent"], 1);
    // It is as bad as before, so it is rejected again, at its new place.
    wait_for("it to be rejected again", PATIENCE, async || {
        let now: i64 = database
            .query_one("SELECT count(*) FROM rejected_events", &[])
            .await?
            .get(0);
        anyhow::ensure!(now == rejected.len() as i64, "{now}");
        Ok(())
    })
    .await
    .unwrap();
    let dropped = command(
        &trial,
        &[
            "products",
            "rejected",
            "drop",
            "--reason",
            "malformed_event",
            "--json",
        ],
    )
    .await;
    assert!(dropped["dropped"].as_u64().unwrap() > 0, "{dropped}");

    for (args, exit, said) in [
        (
            &["products", "rejected", "show", "nothing"][..],
            64,
            "TOPIC/PARTITION/OFFSET",
        ),
        (
            &["products", "rejected", "show", "a/0/0"],
            64,
            "no rejected record",
        ),
        (
            &["products", "seek", "--topic", "none", "--to", "0"],
            64,
            "no position of none",
        ),
        (
            &["products", "seek", "--topic", &topic, "--to", "99999999"],
            64,
            "and not 99999999",
        ),
        (
            &["products", "reproject", "--since", "2026-01-01T00:00:00Z"],
            64,
            "RECENT_STORE=dynamodb",
        ),
        (&["explain", "no such event"], 64, "nothing is known"),
    ] {
        let output = trial.command(args).await;
        let complained = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(exit), "{args:?}: {complained}");
        assert!(complained.contains(said), "{args:?}: {complained}");
    }
    assert_eq!(replica.terminate().await.unwrap(), Some(0));
}
