//! Everything that can happen to a connection with the broker: it comes back by itself, with one consumer.

use crate::running::{DLQ, PATIENCE, QUEUE, Running, copies, fresh_id, millrace};
use millrace_oracle::Copies;
use millrace_stack::{Order, Proxies, Stack, wait_for};

/// Waits until the broker knows exactly one consumer.
async fn one_consumer(pipeline: &Running<'_>) {
    wait_for("one consumer", PATIENCE, async || {
        let queue = pipeline.tenant.queue(QUEUE).await.ok().flatten();
        match queue.map(|queue| queue.consumers) {
            Some(1) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
}

async fn not_ready(pipeline: &Running<'_>, word: &str) {
    wait_for("readiness to end", PATIENCE, async || {
        match pipeline.service.get("/readyz").await {
            Ok((503, body)) if body.contains(word) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
}

/// One more event arrives, no event was dead-lettered, and one consumer is there.
async fn goes_on(pipeline: &Running<'_>) {
    let id = fresh_id();
    pipeline.batch(&id, 1).await;
    pipeline.stored(&[id]).await;
    pipeline.queue_empties().await;
    one_consumer(pipeline).await;
    assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
}

/// A service that reaches its servers through proxies.
async fn through<'a>(
    stack: &'a Stack,
    proxies: &Proxies,
    name: &str,
    settings: &[(&str, &str)],
) -> Running<'a> {
    let tenant = stack.tenant(name).await.unwrap();
    let service = tenant.service_through(proxies, millrace(), settings).unwrap();
    Running::with(tenant, service).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_black_hole_is_noticed_and_left_behind() {
    let stack = Stack::shared().await;
    let proxies = Proxies::start(stack).await.unwrap();
    let pipeline = through(
        stack,
        &proxies,
        "black-hole",
        &[("RABBITMQ_HEARTBEAT_SECONDS", "2")],
    )
    .await;
    let before = proxies.rabbitmq.accepted();
    proxies.rabbitmq.order(Order::BlackHole);
    not_ready(&pipeline, "the broker does not answer").await;
    wait_for("the connection to be given up", PATIENCE, async || {
        proxies.rabbitmq.accepted() > before
    })
    .await
    .unwrap();
    assert_eq!(pipeline.service.get("/livez").await.unwrap().0, 200);
    assert_eq!(
        copies([&pipeline.service]),
        Copies::AtLeastOne,
        "it may be sent twice"
    );
    proxies.rabbitmq.order(Order::Pass);
    proxies.rabbitmq.cut();
    pipeline.service.wait_ready(PATIENCE).await.unwrap();
    goes_on(&pipeline).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_again_and_again_leaves_one_consumer_and_every_event_stored() {
    let stack = Stack::shared().await;
    let proxies = Proxies::start(stack).await.unwrap();
    let pipeline = through(stack, &proxies, "cuts", &[]).await;
    let ids: Vec<_> = (0..30).map(|_| fresh_id()).collect();
    for (number, id) in ids.iter().enumerate() {
        pipeline.batch(id, 3).await;
        if number % 5 == 4 {
            proxies.rabbitmq.cut();
        }
    }
    pipeline.stored(&ids).await;
    assert_eq!(pipeline.count("post_analytics", &[]).await, 90);
    goes_on(&pipeline).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_falls_silent_ends_readiness_at_once() {
    let stack = Stack::start().await.unwrap();
    let pipeline = Running::start(stack.tenant("frozen-broker").await.unwrap(), &[]).await;
    goes_on(&pipeline).await;
    stack.rabbitmq.pause().unwrap();
    not_ready(&pipeline, "the broker does not answer").await;
    stack.rabbitmq.resume().unwrap();
    pipeline.service.wait_ready(PATIENCE).await.unwrap();
    goes_on(&pipeline).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_of_the_broker_is_waited_out() {
    const ALARM: &str = "{resource_limit, memory, node()}";
    let stack = Stack::start().await.unwrap();
    let pipeline = Running::start(stack.tenant("alarm").await.unwrap(), &[]).await;
    let missing = |id: &str| format!("{}/{id}.json", pipeline.tenant.bucket());
    let ids: Vec<_> = (0..3).map(|_| fresh_id()).collect();
    for id in &ids {
        pipeline.announce(id, &missing(id)).await;
    }
    // The broker reads no more from who publishes: what goes round through the retry queue has to wait.
    let raise = format!("rabbit_alarm:set_alarm({{{ALARM}, []}}).");
    stack.rabbitmq.eval(&raise).await.unwrap();
    let states = "[S || [{state, S}] <- rabbit_networking:connection_info_all([state])].";
    wait_for(
        "the copies' connection to be blocked",
        PATIENCE,
        async || match stack.rabbitmq.eval(states).await {
            Ok(states) if states.contains("blocked") => Ok(()),
            other => Err(format!("{other:?}")),
        },
    )
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.service.lines().join("\n")));
    stack
        .rabbitmq
        .eval(&format!("rabbit_alarm:clear_alarm({ALARM})."))
        .await
        .unwrap();
    for id in &ids {
        pipeline
            .put(&format!("{id}.json"), crate::running::batch_of(id, 1))
            .await;
    }
    pipeline.stored(&ids).await;
    goes_on(&pipeline).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_the_broker_closes_with_406_comes_back() {
    let stack = Stack::start().await.unwrap();
    let impatient = "application:set_env(rabbit, channel_tick_interval, 500), application:set_env(rabbit, consumer_timeout, 1500).";
    stack.rabbitmq.eval(impatient).await.unwrap();
    let tenant = stack.tenant("impatient").await.unwrap();
    let pipeline = Running::start(tenant, &[]).await;
    // Held for longer than the broker waits for an acknowledgement.
    stack.objects.kill().await.unwrap();
    let id = fresh_id();
    pipeline
        .announce(&id, &format!("{}/late.json", pipeline.tenant.bucket()))
        .await;
    wait_for("the broker to close the channel", PATIENCE, async || {
        pipeline
            .service
            .lines()
            .iter()
            .any(|line| line.contains("406") || line.contains("PRECONDITION"))
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.service.lines().join("\n")));
    stack.objects.start().await.unwrap();
    pipeline.put("late.json", crate::running::batch_of(&id, 2)).await;
    pipeline.stored(&[id]).await;
    pipeline.queue_empties().await;
    assert_eq!(pipeline.count("post_analytics", &[]).await, 2);
    assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn rotated_credentials_are_waited_for() {
    let stack = Stack::start().await.unwrap();
    let management = stack.rabbitmq.management();
    let tenant = stack.tenant("rotated").await.unwrap();
    management.put_user("rotating", "first").await.unwrap();
    management.permit(tenant.vhost(), "rotating").await.unwrap();
    let url = |password: &str| {
        format!(
            "amqp://rotating:{password}@127.0.0.1:{}/{}",
            stack.rabbitmq.port(),
            tenant.vhost().replace('/', "%2F")
        )
    };
    let address = url("first");
    let service = tenant
        .service(millrace(), &[("RABBITMQ_URL", address.as_str())])
        .unwrap();
    let pipeline = Running::with(tenant, service).await;
    goes_on(&pipeline).await;
    management.put_user("rotating", "second").await.unwrap();
    pipeline.tenant.close_connections().await.unwrap();
    not_ready(&pipeline, "rabbitmq").await;
    management.put_user("rotating", "first").await.unwrap();
    pipeline.service.wait_ready(PATIENCE).await.unwrap();
    goes_on(&pipeline).await;
}

/// Announces an event whose object comes only when the event waits in the retry queue.
async fn goes_round(pipeline: &Running<'_>, retries: &str) {
    let id = fresh_id();
    let path = format!("{}/{id}.json", pipeline.tenant.bucket());
    pipeline.announce(&id, &path).await;
    wait_for("the retry queue", PATIENCE, async || {
        pipeline
            .tenant
            .queue(retries)
            .await
            .is_ok_and(|queue| queue.is_some())
    })
    .await
    .unwrap();
    pipeline
        .put(&format!("{id}.json"), crate::running::batch_of(&id, 1))
        .await;
    pipeline.stored(&[id]).await;
    pipeline.queue_empties().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_queue_that_is_deleted_is_made_again() {
    let delays = [("RETRY_INITIAL_DELAY", "0.2"), ("RETRY_MAX_DELAY", "0.2")];
    let pipeline = Running::shared("no-retry-queue", &delays).await;
    let retries = format!("{QUEUE}.retry.200ms");
    goes_round(&pipeline, &retries).await;
    pipeline.tenant.delete_queue(&retries).await.unwrap();
    goes_round(&pipeline, &retries).await;
}
