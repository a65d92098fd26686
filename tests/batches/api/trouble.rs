//! What the API says while something is wrong.

use super::reader::{Reader, TOKEN};
use crate::running::{DLQ, PATIENCE, QUEUE, Running, batch_of};
use millrace_stack::{Stack, wait_for};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_the_status_says_so_and_the_rest_is_503() {
    let stack = Stack::start().await.unwrap();
    let tenant = stack.tenant("api-outage").await.unwrap();
    let pipeline = Running::start(tenant, &[("API_TOKEN", TOKEN)]).await;
    let reader = Reader::new(&pipeline).await;
    pipeline.batch("before", 2).await;
    pipeline.stored(&["before".to_owned()]).await;
    let path = pipeline.put("tiktok/held.json", batch_of("held", 2)).await;
    stack.postgres.kill().await.unwrap();
    pipeline.announce("held", &path).await;

    // Connected, and not consuming: the broker is well, and no delivery is taken.
    let paused = wait_for("the status to say so", PATIENCE, async || {
        let status = reader.get("/status", "/status").await;
        let said = status["consuming"]["ok"] == false && status["dependencies"][2]["ok"] == false;
        if said {
            Ok(status)
        } else {
            Err(status["consuming"].to_string())
        }
    })
    .await
    .unwrap();
    assert_eq!(
        (&paused["status"], &paused["live"]["ok"]),
        (&json!("degraded"), &json!(true))
    );
    assert_eq!(paused["dependencies"][0]["name"], "rabbitmq");
    assert_eq!(paused["dependencies"][0]["ok"], true);
    assert!(paused["consuming"]["why"].as_str().unwrap().contains("database"));
    let incidents = paused["supervision"].as_array().unwrap();
    let held = incidents
        .iter()
        .find(|incident| incident["event_id"] == "held")
        .unwrap();
    assert_eq!(
        (&held["cause"], &held["fate"]),
        (&json!("outage"), &json!("held"))
    );
    assert!(
        incidents.iter().any(|incident| incident["actor"].is_null()),
        "the breaker"
    );
    let (code, body) = pipeline.service.get("/readyz").await.unwrap();
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (code, &body["consuming"]["ok"], &body["dependencies"][0]["ok"]),
        (503, &json!(false), &json!(true))
    );
    assert_eq!(pipeline.service.get("/livez").await.unwrap().0, 200);

    for path in [
        "/projects",
        "/projects/proj_xyz/progress",
        "/errors",
        "/batches",
        "/batches/before",
    ] {
        let (code, body) = reader.ask(path).await;
        assert_eq!(code, 503, "{path}: {body}");
        assert!(body["error"].as_str().unwrap().contains("database"), "{body}");
    }
    assert_eq!(reader.ask("/dead-letters").await.0, 200);
    reader.heard_no_secret();

    stack.postgres.start().await.unwrap();
    wait_for("the answers to come back", PATIENCE, async || {
        let (code, body) = reader.ask("/batches/held").await;
        if code == 200 && body["fate"] == "stored" {
            Ok(())
        } else {
            Err(body.to_string())
        }
    })
    .await
    .unwrap();
    pipeline.queue_empties().await;
    assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_exhausted_shows_in_readyz_and_costs_no_event() {
    let settings = [
        ("API_TOKEN", TOKEN),
        ("DATABASE_POOL_SIZE", "1"),
        ("DATABASE_MAX_OVERFLOW", "0"),
        ("MAX_WRITERS", "1"),
    ];
    let pipeline = Running::shared("exhausted", &settings).await;
    let reader = Reader::new(&pipeline).await;
    // The writer waits for this lock with the only connection there is.
    let blocker = pipeline.tenant.connect_postgres().await.unwrap();
    blocker
        .batch_execute("BEGIN; LOCK TABLE ingested_batches IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    pipeline.batch("waits", 2).await;
    wait_for("readiness to name the database", PATIENCE, async || {
        let (code, body) = pipeline.service.get("/readyz").await?;
        let body: Value = serde_json::from_str(&body)?;
        let database = &body["dependencies"][2];
        let named = code == 503 && database["name"] == "database" && database["ok"] == false;
        anyhow::ensure!(named, "{code} {body}");
        anyhow::Ok(())
    })
    .await
    .unwrap();
    assert_eq!(pipeline.service.get("/livez").await.unwrap().0, 200);
    assert_eq!(reader.get("/status", "/status").await["status"], "degraded");
    assert_eq!(reader.ask("/errors").await.0, 503);
    blocker.batch_execute("ROLLBACK").await.unwrap();
    pipeline.stored(&["waits".to_owned()]).await;
    pipeline.service.wait_ready(PATIENCE).await.unwrap();
    pipeline.tenant.wait_until_empty(QUEUE, PATIENCE).await.unwrap();
    assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
}
