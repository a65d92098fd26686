//! Queues that do not keep their messages until they are acknowledged: refused where that cannot work, used
//! and warned of where it may cost events.

use crate::running::{PATIENCE, QUEUE, Running, fresh_id, millrace};
use millrace_stack::{Service, Stack, Tenant, wait_for};
use serde_json::{Value, json};

async fn not_ready(service: &Service, words: &[&str]) {
    wait_for("readiness to say why not", PATIENCE, async || {
        match service.get("/readyz").await {
            Ok((503, body)) if words.iter().all(|word| body.contains(word)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", service.lines().join("\n")));
}

/// Exit code and output of `millrace check`.
async fn check(tenant: &Tenant<'_>) -> (Option<i32>, Value) {
    let output = tenant
        .command(millrace(), &["check", "--json"], &[])
        .await
        .unwrap();
    let said = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code(), said)
}

async fn declare(tenant: &Tenant<'_>, name: &str, how: Value) {
    let management = tenant.stack().rabbitmq.management();
    management
        .declare_queue_as(tenant.vhost(), name, how)
        .await
        .unwrap();
}

async fn is_refused(name: &str, how: Value, word: &str) {
    let tenant = Stack::shared().await.tenant(name).await.unwrap();
    declare(&tenant, QUEUE, how).await;
    assert!(tenant.publish("", QUEUE, "an event").await.unwrap());
    let service = tenant.service(millrace(), &[]).unwrap();
    not_ready(&service, &["rabbitmq", QUEUE, word]).await;
    let (code, said) = check(&tenant).await;
    assert_eq!(code, Some(69));
    assert!(said.to_string().contains(word), "{said}");
    let queue = tenant.queue(QUEUE).await.unwrap().unwrap();
    assert_eq!(queue.consumers, 0, "nothing is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_refused_aloud() {
    is_refused(
        "stream",
        json!({"arguments": {"x-queue-type": "stream"}}),
        "is a stream",
    )
    .await;
}

/// To cancel its last consumer, as in an outage or a stop, would delete it with its events.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_goes_with_its_consumer_is_refused_aloud() {
    is_refused("auto-delete", json!({"auto_delete": true}), "is auto-delete").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_may_lose_events_is_used_and_warned_of() {
    let tenant = Stack::shared().await.tenant("lossy").await.unwrap();
    let arguments = json!({"x-message-ttl": 3_600_000, "x-max-length": 1_000_000, "x-queue-mode": "lazy"});
    declare(&tenant, QUEUE, json!({"durable": false, "arguments": arguments})).await;
    let pipeline = Running::start(tenant, &[("LOG_FORMAT", "json")]).await;
    let id = fresh_id();
    pipeline.batch(&id, 1).await;
    pipeline.stored(&[id]).await;
    // Another session has nothing new to say.
    pipeline.tenant.close_connections().await.unwrap();
    let id = fresh_id();
    pipeline.batch(&id, 1).await;
    pipeline.stored(&[id]).await;

    let (code, said) = check(&pipeline.tenant).await;
    assert_eq!(code, Some(0), "{said}");
    let said = said.to_string();
    for word in ["is not durable", "x-message-ttl=3600000", "x-max-length=1000000"] {
        let logs = pipeline.service.logs();
        let warned = logs.iter().filter(|log| {
            log["level"] == "WARN" && log["message"].as_str().is_some_and(|text| text.contains(word))
        });
        assert_eq!(warned.count(), 1, "{word}");
        assert!(said.contains(word), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_of_ours_is_nothing_to_warn_of() {
    let pipeline = Running::shared("our-queues", &[("LOG_FORMAT", "json")]).await;
    let (code, said) = check(&pipeline.tenant).await;
    assert_eq!(code, Some(0));
    assert!(!said.to_string().contains("warning: "), "{said}");
    let logs = pipeline.service.logs();
    let mut warned = logs.iter().filter(|log| log["level"] == "WARN");
    assert!(
        warned.all(|log| !log["message"].to_string().contains("queue ")),
        "{logs:?}"
    );
    let queue = pipeline.tenant.queue(QUEUE).await.unwrap().unwrap();
    assert_eq!((queue.messages, queue.consumers <= 1), (0, true));
}
