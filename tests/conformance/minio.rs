//! Object storage as users have it.

use crate::{
    running::{DLQ, PATIENCE, Running, batch_of, event, fresh_id, millrace},
    tools::is_there,
    trial::{Trial, dead_letters},
};
use millrace_oracle::{Actual, Copies, compare, compare_dead_letters, report};
use millrace_stack::{Options, Stack, Tool, wait_for};
use object_store::{Attribute, Attributes, ObjectStore, ObjectStoreExt as _, PutOptions};
use std::time::Duration;
use tokio::sync::OnceCell;

const ON_MINIO: Options = Options {
    durable_postgres: false,
    minio: true,
    tls: false,
};

type Metadata = &'static [(&'static str, &'static str)];

/// The servers that these tests share; none where there is no MinIO.
async fn shared() -> Option<&'static Stack> {
    static STACK: OnceCell<Stack> = OnceCell::const_new();
    if !is_there(Tool::MINIO) {
        return None;
    }
    let stack = STACK.get_or_try_init(|| Stack::start_with(ON_MINIO)).await;
    let stack = stack.unwrap_or_else(|error| panic!("cannot start the servers: {error:#}"));
    assert_eq!(stack.objects.kind(), "MinIO");
    Some(stack)
}

/// Stores an object with metadata.
async fn put(pipeline: &Running<'_>, key: &str, body: Vec<u8>, metadata: Metadata) -> String {
    let attributes: Attributes = metadata
        .iter()
        .map(|(name, value)| (Attribute::Metadata((*name).into()), *value))
        .collect();
    let store = pipeline.tenant.objects().unwrap();
    store
        .put_opts(&key.into(), body.into(), PutOptions::from(attributes))
        .await
        .unwrap();
    format!("{}/{key}", pipeline.tenant.bucket())
}

/// Waits until readiness names the store with these words.
async fn wait_for_trouble(service: &millrace_stack::Service, words: &str) {
    wait_for("readiness to name the store", PATIENCE, async || {
        let (status, body) = service.get("/readyz").await.map_err(|error| error.to_string())?;
        let named = status == 503 && body.contains("object_store") && body.contains(words);
        if named {
            Ok(())
        } else {
            Err(format!("{status} {body}"))
        }
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", service.lines().join("\n")));
}

async fn wait_for_fate(service: &millrace_stack::Service, fate: &str) {
    wait_for(fate, PATIENCE, async || {
        service.logs().iter().any(|log| log["fate"] == fate)
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", service.lines().join("\n")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_corpus_comes_out_as_computed() {
    let Some(stack) = shared().await else { return };
    let tenant = stack.tenant("corpus").await.unwrap();
    let trial = Trial::make(&tenant, 8, 2_000).await;
    trial.upload(&tenant).await;
    let pipeline = Running::start(tenant, &trial.settings()).await;
    trial.publish(&pipeline).await;
    let expected = trial.expected();
    assert!(expected.posts.len() > 500, "a corpus worth comparing");
    pipeline.dead_letters(expected.dead_letters.len()).await;
    pipeline.queue_empties().await;
    let differences = compare(&expected, &Actual::read(&pipeline.database).await.unwrap());
    assert!(differences.is_empty(), "{}", report(&differences));
    let letters = dead_letters(&pipeline, expected.dead_letters.len() + 1).await;
    let differences = compare_dead_letters(&expected, &letters, Copies::Exact);
    assert!(differences.is_empty(), "{}", report(&differences));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_metadata_claims_is_read_and_the_magic_number_has_the_last_word() {
    let Some(stack) = shared().await else { return };
    let pipeline = Running::start(stack.tenant("metadata").await.unwrap(), &[]).await;
    let packed = |name: &str| zstd::encode_all(batch_of(name, 2).as_bytes(), 3).unwrap();
    let plain = |name: &str| batch_of(name, 2).into_bytes();
    let claims: [(&str, Vec<u8>, Metadata); 5] = [
        ("claimed", packed("claimed"), &[("compressed", "True")]),
        (
            "algorithm",
            packed("algorithm"),
            &[("compression-algorithm", "zstd")],
        ),
        ("unclaimed", packed("unclaimed"), &[]),
        (
            "claimed-in-vain",
            plain("claimed-in-vain"),
            &[("compressed", "true")],
        ),
        (
            "denied",
            packed("denied"),
            &[("compressed", "false"), ("compression-algorithm", "gzip")],
        ),
    ];
    let mut ids = Vec::new();
    for (name, body, metadata) in claims {
        let path = put(&pipeline, &format!("tiktok/{name}.json"), body, metadata).await;
        pipeline.announce(name, &path).await;
        ids.push(name.to_owned());
    }
    pipeline.stored(&ids).await;
    pipeline.queue_empties().await;
    assert_eq!(pipeline.count("post_analytics", &[]).await, 10);
    let store = pipeline.tenant.objects().unwrap();
    for id in &ids {
        let meta = store.head(&format!("tiktok/{id}.json").into()).await.unwrap();
        let query = "SELECT object_etag FROM ingested_batches WHERE event_id = $1";
        let noted: String = pipeline.database.query_one(query, &[id]).await.unwrap().get(0);
        assert_eq!(meta.e_tag.unwrap().trim_matches('"'), noted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_object_is_waited_for_and_then_dead_lettered() {
    let Some(stack) = shared().await else { return };
    let settings = [("OBJECT_GRACE_SECONDS", "2"), ("RETRY_INITIAL_DELAY", "0.2")];
    let pipeline = Running::start(stack.tenant("missing").await.unwrap(), &settings).await;
    let gone = fresh_id();
    pipeline
        .announce(&gone, &format!("{}/gone.json", pipeline.tenant.bucket()))
        .await;
    wait_for_fate(&pipeline.service, "retried").await;
    let letters = pipeline.dead_letters(1).await;
    assert_eq!(
        letters[0].header("x-millrace-reason").as_deref(),
        Some("object_missing")
    );
    assert_eq!(letters[0].header("x-millrace-event-id"), Some(gone));
    // A store that answers 404 is well.
    assert!(pipeline.service.logs().iter().all(|log| log["fate"] != "held"));
    pipeline.service.wait_ready(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_refused_are_waited_for_and_named() {
    let Some(stack) = shared().await else { return };
    let tenant = stack.tenant("refused").await.unwrap();
    for (name, value) in [
        ("MINIO_SECRET_KEY", "not-the-key"),
        ("MINIO_ACCESS_KEY", "unknown"),
    ] {
        let checked = tenant
            .command(millrace(), &["check", "--json"], &[(name, value)])
            .await
            .unwrap();
        assert_eq!(checked.status.code(), Some(69), "{name}");
        let said = String::from_utf8_lossy(&checked.stdout);
        assert!(
            said.contains("MINIO_SECRET_KEY") && !said.contains(value),
            "{name}: {said}"
        );
    }
    let service = tenant
        .service(millrace(), &[("MINIO_SECRET_KEY", "not-the-key")])
        .unwrap();
    wait_for_trouble(&service, "MINIO_SECRET_KEY").await;
    assert_eq!(service.get("/livez").await.unwrap().0, 200);
    assert_eq!(service.terminate().await.unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_not_there_is_an_outage_until_it_is() {
    let Some(stack) = shared().await else { return };
    let tenant = stack.tenant("bucket").await.unwrap();
    let bucket = format!("{}-later", tenant.bucket());
    let service = tenant
        .service(millrace(), &[("MINIO_CRAWL_RESULTS_BUCKET", &bucket)])
        .unwrap();
    wait_for_trouble(&service, "create it").await;
    stack.objects.create_bucket(&bucket).await.unwrap();
    let pipeline = Running::with(tenant, service).await;
    let id = fresh_id();
    let key = object_store::path::Path::from(format!("{id}.json"));
    let store = pipeline.tenant.object_store(&bucket).unwrap();
    store.put(&key, batch_of(&id, 1).into()).await.unwrap();
    pipeline
        .publish(event(&id, &format!("{bucket}/{key}")).to_string())
        .await;
    pipeline.stored(&[id]).await;
    assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_or_crashes_costs_waiting_and_nothing_else() {
    if !is_there(Tool::MINIO) {
        return;
    }
    let stack = Stack::start_with(ON_MINIO).await.unwrap();
    let settings = [
        ("MINIO_REQUEST_TIMEOUT_SECONDS", "1"),
        ("MINIO_REQUEST_ATTEMPTS", "1"),
    ];
    let pipeline = Running::start(stack.tenant("silent").await.unwrap(), &settings).await;
    let ids: Vec<_> = (0..20).map(|_| fresh_id()).collect();
    for id in &ids {
        pipeline.put(&format!("{id}.json"), batch_of(id, 3)).await;
    }
    let announce = async |ids: &[String]| {
        for id in ids {
            pipeline
                .announce(id, &format!("{}/{id}.json", pipeline.tenant.bucket()))
                .await;
        }
    };
    stack.objects.pause().unwrap();
    announce(&ids[..10]).await;
    wait_for_fate(&pipeline.service, "held").await;
    stack.objects.resume().unwrap();
    pipeline.stored(&ids[..10]).await;
    stack.objects.kill().await.unwrap();
    announce(&ids[10..]).await;
    wait_for_trouble(&pipeline.service, "object_store").await;
    stack.objects.start().await.unwrap();
    pipeline.stored(&ids).await;
    pipeline.queue_empties().await;
    assert_eq!(pipeline.count("post_analytics", &[]).await, 60);
    let charged = pipeline.count("ingested_batches WHERE attempts <> 1", &[]).await;
    assert_eq!(charged, 0);
    assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
    let ready = pipeline.service.wait_ready(Duration::from_secs(30)).await;
    ready.unwrap();
}
