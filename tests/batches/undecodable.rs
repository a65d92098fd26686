//! No message can hold a queue, whatever bytes its properties are.

mod properties;

use crate::running::{DLQ, PATIENCE, QUEUE, Running, batch_of, event, fresh_id, millrace};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use millrace_stack::{Message, RawPublisher, Stack, wait_for};
use properties::{app_id, headers, text};
use serde_json::json;

const EXCHANGE: &str = "smap.events";
const KEY: &[u8] = b"data.collected";

/// A service on a tenant whose work queue, and with it the dead-letter queue, is of this kind.
async fn running(name: &str, kind: &str) -> (Running<'static>, RawPublisher) {
    let tenant = Stack::shared().await.tenant(name).await.unwrap();
    for queue in [QUEUE, DLQ] {
        tenant
            .declare_queue(queue, json!({"x-queue-type": kind}))
            .await
            .unwrap();
    }
    let pipeline = Running::start(tenant, &[]).await;
    let producer = pipeline.tenant.raw_publisher().await.unwrap();
    (pipeline, producer)
}

/// Publishes an event with these properties; its object is there.
async fn announce(pipeline: &Running<'_>, producer: &mut RawPublisher, properties: &[u8]) -> String {
    let id = fresh_id();
    let path = pipeline.put(&format!("tiktok/{id}.json"), batch_of(&id, 1)).await;
    let event = event(&id, &path).to_string();
    producer
        .publish(EXCHANGE, KEY, properties, event.as_bytes())
        .await
        .unwrap();
    id
}

/// No session was lost over it.
async fn undisturbed(pipeline: &Running<'_>) {
    pipeline.queue_empties().await;
    let metrics = pipeline.service.metrics().await.unwrap();
    let sum = |name| metrics.sum(name, &[]).unwrap_or_default();
    assert_eq!(sum("analytics_actor_restarts_total"), 0.0, "a session was lost");
    assert_eq!(sum("analytics_redeliveries_total"), 0.0);
}

fn raw(letter: &Message) -> Vec<u8> {
    let raw = letter
        .header("x-millrace-raw-properties")
        .expect("the properties as they came");
    BASE64_STANDARD.decode(raw).unwrap()
}

/// Text that is none, wherever AMQP has text: the event is good, so it is stored.
async fn are_stored(name: &str, kind: &str) {
    let (pipeline, mut producer) = running(name, kind).await;
    let mut ids = Vec::new();
    for (what, properties) in properties::not_text() {
        let id = fresh_id();
        let path = pipeline.put(&format!("tiktok/{id}.json"), batch_of(&id, 1)).await;
        let event = event(&id, &path).to_string();
        let sent = producer
            .publish(EXCHANGE, KEY, &properties, event.as_bytes())
            .await;
        sent.unwrap_or_else(|error| panic!("{what}: {error:#}"));
        ids.push(id);
        let good = fresh_id();
        pipeline.batch(&good, 1).await;
        ids.push(good);
    }
    pipeline.stored(&ids).await;
    undisturbed(&pipeline).await;
    assert!(pipeline.tenant.peek(DLQ, 9).await.unwrap().is_empty());
    assert_eq!(repaired(&pipeline).await, (ids.len() / 2) as f64);
}

async fn repaired(pipeline: &Running<'_>) -> f64 {
    let metrics = pipeline.service.metrics().await.unwrap();
    let kind = [("kind", "properties_repaired")];
    metrics
        .sum("analytics_event_fields_repaired_total", &kind)
        .unwrap_or_default()
}

/// A quorum queue, and any queue of RabbitMQ 4, writes such a header anew as another type.
#[tokio::test(flavor = "multi_thread")]
async fn a_type_of_header_that_only_the_broker_knows_stops_nothing() {
    let (pipeline, mut producer) = running("other-type", "classic").await;
    let id = announce(&pipeline, &mut producer, &properties::of_another_type()).await;
    let good = fresh_id();
    pipeline.batch(&good, 1).await;
    pipeline.stored(&[id, good]).await;
    undisturbed(&pipeline).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_is_not_utf8_costs_nothing_on_a_quorum_queue() {
    are_stored("not-utf8-quorum", "quorum").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_is_not_utf8_costs_nothing_on_a_classic_queue() {
    are_stored("not-utf8-classic", "classic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_such_messages_in_a_row_and_one_alone_are_stored() {
    let (pipeline, mut producer) = running("not-utf8-many", "quorum").await;
    let alone = announce(&pipeline, &mut producer, &app_id(b"caf\xe9")).await;
    pipeline.stored(&[alone]).await;
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(announce(&pipeline, &mut producer, &app_id(b"caf\xe9")).await);
    }
    let last = fresh_id();
    pipeline.batch(&last, 1).await;
    ids.push(last);
    pipeline.stored(&ids).await;
    undisturbed(&pipeline).await;
}

/// A dead letter for another reason still has what its producer sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_keeps_the_properties_that_were_repaired() {
    let (pipeline, mut producer) = running("not-utf8-dead", "classic").await;
    let properties = app_id(b"caf\xe9");
    producer
        .publish(EXCHANGE, KEY, &properties, b"no event at all")
        .await
        .unwrap();
    let letters = pipeline.dead_letters(1).await;
    assert_eq!(
        letters[0].header("x-millrace-reason").as_deref(),
        Some("malformed_event")
    );
    assert_eq!(letters[0].payload, "no event at all");
    assert_eq!(letters[0].properties["app_id"], "caf\u{fffd}");
    assert_eq!(raw(&letters[0]), properties);
    undisturbed(&pipeline).await;
}

/// What nests too deep would end the process: its stack is finite.
async fn are_dead_letters(name: &str, kind: &str) {
    let (pipeline, mut producer) = running(name, kind).await;
    let mut expected = Vec::new();
    for (what, properties) in properties::too_deep() {
        let before = fresh_id();
        pipeline.batch(&before, 1).await;
        let id = announce(&pipeline, &mut producer, &properties).await;
        let after = fresh_id();
        pipeline.batch(&after, 1).await;
        pipeline.stored(&[before, after]).await;
        expected.push((what, id, properties));
    }
    let letters = pipeline.dead_letters(expected.len()).await;
    for (what, id, properties) in &expected {
        let of = |letter: &&Message| letter.header("x-millrace-event-id").as_deref() == Some(id);
        let letter = letters
            .iter()
            .find(of)
            .unwrap_or_else(|| panic!("no letter of {what}"));
        assert_eq!(
            letter.header("x-millrace-reason").as_deref(),
            Some("undecodable_message")
        );
        assert!(
            letter.header("x-millrace-detail").unwrap().contains("nest"),
            "{what}"
        );
        assert_eq!(letter.header("kept").as_deref(), Some("yes"), "{what}");
        assert!(letter.payload.contains(id.as_str()), "{what}");
        if properties.len() < 50_000 {
            // RabbitMQ 4 gives headers back in another order.
            let sorted = |mut bytes: Vec<u8>| {
                bytes.sort_unstable();
                bytes
            };
            assert_eq!(sorted(raw(letter)), sorted(properties.clone()), "{what}");
        } else {
            assert_eq!(
                letter.header("x-millrace-left-out").as_deref(),
                Some("x-millrace-raw-properties")
            );
        }
    }
    undisturbed(&pipeline).await;
    let metrics = pipeline.service.metrics().await.unwrap();
    let counted = metrics.sum(
        "analytics_dead_letters_total",
        &[("reason", "undecodable_message")],
    );
    assert_eq!(counted, Some(expected.len() as f64));
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_nest_without_end_are_dead_letters_on_a_quorum_queue() {
    are_dead_letters("too-deep-quorum", "quorum").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_nest_without_end_are_dead_letters_on_a_classic_queue() {
    are_dead_letters("too-deep-classic", "classic").await;
}

/// The copy of such a message would end the connection that publishes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_comes_twice_and_every_type_of_header_can_be_copied() {
    let (pipeline, mut producer) = running("odd-headers", "quorum").await;
    let odd = properties::odd_but_legal();
    for (what, properties) in &odd {
        let sent = producer.publish(EXCHANGE, KEY, properties, what.as_bytes()).await;
        sent.unwrap_or_else(|error| panic!("{what}: {error:#}"));
    }
    let good = fresh_id();
    pipeline.batch(&good, 1).await;
    pipeline.stored(&[good]).await;
    let letters = pipeline.dead_letters(odd.len()).await;
    for (what, _) in &odd {
        let letter = letters.iter().find(|letter| letter.payload == *what);
        let letter = letter.unwrap_or_else(|| panic!("no letter of {what}"));
        assert_eq!(
            letter.header("x-millrace-reason").as_deref(),
            Some("malformed_event")
        );
    }
    undisturbed(&pipeline).await;
}

/// A topic exchange takes any bytes for a key.
#[tokio::test(flavor = "multi_thread")]
async fn a_routing_key_that_is_not_utf8_stops_nothing() {
    let (pipeline, mut producer) = running("odd-key", "classic").await;
    pipeline.tenant.bind(QUEUE, EXCHANGE, "data.#").await.unwrap();
    let id = fresh_id();
    let path = pipeline.put(&format!("tiktok/{id}.json"), batch_of(&id, 1)).await;
    let event = event(&id, &path).to_string();
    producer
        .publish(EXCHANGE, b"data.caf\xe9", &[0, 0], event.as_bytes())
        .await
        .unwrap();
    let good = fresh_id();
    pipeline.batch(&good, 1).await;
    pipeline.stored(&[id, good]).await;
    undisturbed(&pipeline).await;
}

/// Two replicas, and what was waiting before either started.
#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_are_not_held_by_what_waited_for_them() {
    let (pipeline, mut producer) = running("not-utf8-replicas", "classic").await;
    pipeline.service.terminate().await.unwrap();
    let mut ids = Vec::new();
    for number in 0..20 {
        let properties = headers(&[(b"k", text(if number % 4 == 0 { b"\xff" } else { b"v" }))]);
        ids.push(announce(&pipeline, &mut producer, &properties).await);
    }
    pipeline.service.start_again().unwrap();
    let other = pipeline.tenant.service(millrace(), &[]).unwrap();
    other.wait_ready(PATIENCE).await.unwrap();
    pipeline.stored(&ids).await;
    pipeline.queue_empties().await;
}

/// Legacy queues are consumed on the same channel.
#[tokio::test(flavor = "multi_thread")]
async fn a_legacy_queue_is_not_held_either() {
    const LEGACY: &str = "tiktok_result_queue";
    let pipeline = Running::shared("not-utf8-legacy", &[("LEGACY_MODE_ENABLED", "true")]).await;
    let mut producer = pipeline.tenant.raw_publisher().await.unwrap();
    pipeline.put("old/one.json", batch_of("legacy", 2)).await;
    let message =
        json!({"data_ref": {"bucket": pipeline.tenant.bucket(), "path": "old/one.json"}}).to_string();
    producer
        .publish("", LEGACY.as_bytes(), &app_id(b"\xff"), message.as_bytes())
        .await
        .unwrap();
    let deep = &properties::too_deep()[0].1;
    producer
        .publish("", LEGACY.as_bytes(), deep, message.as_bytes())
        .await
        .unwrap();
    wait_for("the legacy batch", PATIENCE, async || {
        pipeline.count("ingested_batches", &[]).await == 1
    })
    .await
    .unwrap();
    wait_for("the dead letter", PATIENCE, async || {
        let letters = pipeline
            .tenant
            .peek(&format!("{LEGACY}.dlq"), 2)
            .await
            .unwrap_or_default();
        letters.len() == 1 && letters[0].header("x-millrace-reason").as_deref() == Some("undecodable_message")
    })
    .await
    .unwrap();
    pipeline.tenant.wait_until_empty(LEGACY, PATIENCE).await.unwrap();
}

/// What the broker says itself need not be text either.
#[tokio::test(flavor = "multi_thread")]
async fn words_of_the_broker_that_are_not_utf8_are_heard() {
    let stack = Stack::shared().await;
    let named = async |name: &str| {
        let rename = format!("rabbit_nodes:set_cluster_name(<<{name}>>, <<\"test\">>).");
        stack.rabbitmq.eval(&rename).await.unwrap();
    };
    named("\"caf\", 233").await;
    let pipeline = Running::shared("odd-words", &[]).await;
    let check = pipeline
        .tenant
        .command(millrace(), &["check"], &[])
        .await
        .unwrap();
    assert!(check.status.success(), "{check:?}");
    let vhost = pipeline.tenant.vhost();
    let close = format!(
        "[rabbit_networking:close_connection(element(6, C), <<\"bye \", 233>>) || C <- rabbit_connection_tracking:list(<<\"{vhost}\">>)]."
    );
    wait_for("the broker's words", PATIENCE, async || {
        // It knows of a connection some time after it was opened.
        let closed = stack
            .rabbitmq
            .eval(&close)
            .await
            .map_err(|error| error.to_string())?;
        let heard = pipeline
            .service
            .lines()
            .iter()
            // RabbitMQ 4 takes the byte for Latin-1 and writes UTF-8.
            .any(|log| log.contains("- bye \u{fffd}") || log.contains("- bye \u{e9}"));
        if heard { Ok(()) } else { Err(closed) }
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.service.lines().join("\n")));
    let id = fresh_id();
    pipeline.batch(&id, 1).await;
    pipeline.stored(&[id]).await;
    named("\"millrace@localhost\"").await;
}
