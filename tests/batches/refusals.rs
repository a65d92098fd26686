//! A queue that takes no copies costs its own events waiting, and the others nothing.

use crate::running::{DLQ, PATIENCE, QUEUE, Running, batch_of, copies, fresh_id, millrace};
use millrace_oracle::Copies;
use millrace_stack::{Stack, Tenant, wait_for};
use serde_json::{Value, json};

const JSON: (&str, &str) = ("LOG_FORMAT", "json");

/// Makes a queue that holds one message and refuses any other.
async fn full_queue(tenant: &Tenant<'_>, name: &str) {
    let full = json!({"x-queue-type": "classic", "x-max-length": 1, "x-overflow": "reject-publish"});
    tenant.declare_queue(name, full).await.unwrap();
    assert!(tenant.publish("", name, "fills the queue").await.unwrap());
}

async fn make_room(tenant: &Tenant<'_>, name: &str) {
    tenant.delete_queue(name).await.unwrap();
    let roomy = json!({"x-queue-type": "classic"});
    tenant.declare_queue(name, roomy).await.unwrap();
}

/// Publishes events that can never be stored.
async fn poison(pipeline: &Running<'_>, count: usize) {
    for _ in 0..count {
        pipeline.announce(&fresh_id(), "not-allowed/a.json").await;
    }
}

/// Publishes events that can, and waits until they are.
async fn good_events_flow(pipeline: &Running<'_>, count: usize) {
    let ids: Vec<_> = (0..count).map(|_| fresh_id()).collect();
    for id in &ids {
        pipeline.batch(id, 1).await;
    }
    pipeline.stored(&ids).await;
}

async fn metric(pipeline: &Running<'_>, name: &str) -> f64 {
    let metrics = pipeline.service.metrics().await.unwrap();
    metrics.sum(&format!("analytics_{name}"), &[]).unwrap_or_default()
}

async fn metric_becomes(pipeline: &Running<'_>, name: &str, wanted: f64) {
    wait_for(name, PATIENCE, async || match metric(pipeline, name).await {
        value if value == wanted => Ok(()),
        value => Err(format!("{value} instead of {wanted}")),
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.service.lines().join("\n")));
}

async fn readiness_says(pipeline: &Running<'_>, code: u16, words: &[&str]) {
    wait_for("readiness to say so", PATIENCE, async || {
        let (status, body) = pipeline
            .service
            .get("/readyz")
            .await
            .map_err(|error| error.to_string())?;
        if status == code && words.iter().all(|word| body.contains(word)) {
            Ok(())
        } else {
            Err(format!("{status} {body}"))
        }
    })
    .await
    .unwrap();
}

fn lines_where(pipeline: &Running<'_>, is_so: impl Fn(&Value) -> bool) -> usize {
    pipeline.service.logs().iter().filter(|log| is_so(log)).count()
}

fn says(words: &'static str) -> impl Fn(&Value) -> bool {
    move |log| log["message"].as_str().is_some_and(|text| text.contains(words))
}

/// No session was lost, so nothing was delivered twice.
async fn the_others_did_not_notice(pipeline: &Running<'_>) {
    assert_eq!(
        metric(pipeline, "actor_restarts_total").await,
        0.0,
        "a session was lost"
    );
    assert_eq!(metric(pipeline, "redeliveries_total").await, 0.0);
    assert_eq!(metric(pipeline, "duplicates_total").await, 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_dead_letter_queue_holds_its_letters_and_nothing_else() {
    let tenant = Stack::shared().await.tenant("full-dlq").await.unwrap();
    full_queue(&tenant, DLQ).await;
    let pipeline = Running::start(tenant, &[("EVENT_PREFETCH_COUNT", "30"), JSON]).await;
    assert_eq!(copies([&pipeline.service]), Copies::Exact);
    poison(&pipeline, 3).await;
    metric_becomes(&pipeline, "copies_held", 3.0).await;
    good_events_flow(&pipeline, 100).await;
    readiness_says(&pipeline, 200, &[DLQ, "takes no copies", "held for that: 3"]).await;
    the_others_did_not_notice(&pipeline).await;

    // Its fate is not told before it is true.
    let dead = |log: &Value| log["fate"] == "dead_lettered";
    assert_eq!(lines_where(&pipeline, dead), 0);
    assert_eq!(metric(&pipeline, "dead_letters_total").await, 0.0);
    let (_, letters) = pipeline.service.get("/api/v1/dead-letters").await.unwrap();
    let letters: Value = serde_json::from_str(&letters).unwrap();
    assert_eq!(letters["dead_letters"], json!([]), "{letters}");
    let held = |log: &Value| log["fate"] == "held" && log["waits_for"] == DLQ && log["event_id"].is_string();
    assert_eq!(lines_where(&pipeline, held), 3);

    assert_eq!(
        copies([&pipeline.service]),
        Copies::AtLeastOne,
        "it may be sent twice"
    );

    make_room(&pipeline.tenant, DLQ).await;
    pipeline.dead_letters(3).await;
    pipeline.queue_empties().await;
    metric_becomes(&pipeline, "dead_letters_total", 3.0).await;
    metric_becomes(&pipeline, "copies_held", 0.0).await;
    assert_eq!(lines_where(&pipeline, dead), 3);
    assert_eq!(
        lines_where(&pipeline, says("queue takes no copies")),
        1,
        "one line at its start"
    );
    assert_eq!(
        lines_where(&pipeline, says("queue takes copies again")),
        1,
        "and one at its end"
    );
    the_others_did_not_notice(&pipeline).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_dead_letters_that_no_queue_takes_do_not_fill_the_prefetch() {
    let tenant = Stack::shared().await.tenant("flooded-dlq").await.unwrap();
    full_queue(&tenant, DLQ).await;
    let settings = [("EVENT_PREFETCH_COUNT", "50"), ("RETRY_MAX_DELAY", "4"), JSON];
    let pipeline = Running::start(tenant, &settings).await;
    poison(&pipeline, 500).await;
    good_events_flow(&pipeline, 100).await;
    readiness_says(&pipeline, 200, &[DLQ, "takes no copies"]).await;
    assert!(metric(&pipeline, "dead_letters_put_off_total").await > 0.0);
    assert!(metric(&pipeline, "copies_held").await < 50.0);
    the_others_did_not_notice(&pipeline).await;

    make_room(&pipeline.tenant, DLQ).await;
    let letters = pipeline.dead_letters(500).await;
    for letter in &letters {
        assert_eq!(
            letter.header("x-millrace-reason").as_deref(),
            Some("bucket_not_allowed")
        );
        assert_eq!(
            letter.header("x-millrace-attempts").as_deref(),
            Some("1"),
            "it was not charged"
        );
        assert_eq!(letter.header("x-millrace-put-off"), None);
    }
    pipeline.queue_empties().await;
    metric_becomes(&pipeline, "dead_letters_total", 500.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_write_copies_wait_and_good_events_flow() {
    let stack = Stack::shared().await;
    let management = stack.rabbitmq.management();
    let tenant = stack.tenant("no-write").await.unwrap();
    for queue in [QUEUE, DLQ] {
        tenant
            .declare_queue(queue, json!({"x-queue-type": "classic"}))
            .await
            .unwrap();
    }
    let user = format!("reader-{}", tenant.vhost());
    management.put_user(&user, "secret").await.unwrap();
    let ours = ["^(smap|analytics)\\..*", "^(smap|analytics)\\..*", ".*"];
    management.permit_only(tenant.vhost(), &user, ours).await.unwrap();
    let port = stack.rabbitmq.port();
    let url = format!("amqp://{user}:secret@127.0.0.1:{port}/{}", tenant.vhost());
    let service = tenant
        .service(millrace(), &[("RABBITMQ_URL", url.as_str()), JSON])
        .unwrap();
    let pipeline = Running::with(tenant, service).await;

    poison(&pipeline, 2).await;
    let late = fresh_id();
    pipeline
        .announce(&late, &format!("{}/late.json", pipeline.tenant.bucket()))
        .await;
    metric_becomes(&pipeline, "copies_held", 3.0).await;
    good_events_flow(&pipeline, 50).await;
    readiness_says(&pipeline, 200, &[DLQ, "403", "ACCESS_REFUSED"]).await;
    let told = |log: &Value| log["fate"] == "dead_lettered" || log["fate"] == "retried";
    assert_eq!(lines_where(&pipeline, told), 0);

    pipeline.put("late.json", batch_of(&late, 1)).await;
    management.permit(pipeline.tenant.vhost(), &user).await.unwrap();
    pipeline.dead_letters(2).await;
    pipeline.stored(&[late]).await;
    pipeline.queue_empties().await;
    the_others_did_not_notice(&pipeline).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_retry_queue_holds_its_own_events_and_nothing_else() {
    const RETRIES: &str = "analytics.data.collected.retry.200ms";
    let tenant = Stack::shared().await.tenant("full-retry").await.unwrap();
    full_queue(&tenant, RETRIES).await;
    let settings = [
        ("EVENT_PREFETCH_COUNT", "10"),
        ("RETRY_INITIAL_DELAY", "0.2"),
        ("RETRY_MAX_DELAY", "0.2"),
        ("OBJECT_GRACE_SECONDS", "600"),
        JSON,
    ];
    let pipeline = Running::start(tenant, &settings).await;
    let late: Vec<_> = (0..12).map(|_| fresh_id()).collect();
    for id in &late {
        pipeline
            .announce(id, &format!("{}/{id}.json", pipeline.tenant.bucket()))
            .await;
    }
    readiness_says(&pipeline, 200, &[RETRIES, "takes no copies"]).await;
    good_events_flow(&pipeline, 50).await;
    for id in &late {
        pipeline.put(&format!("{id}.json"), batch_of(id, 1)).await;
    }
    pipeline.tenant.delete_queue(RETRIES).await.unwrap();
    pipeline.stored(&late).await;
    pipeline.queue_empties().await;
    the_others_did_not_notice(&pipeline).await;
    assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
}
