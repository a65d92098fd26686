//! Google's object storage, on fake-gcs-server.

use crate::{
    running::{DLQ, PATIENCE, QUEUE, Running, batch_of, event, fresh_id, millrace},
    tools::is_there,
};
use millrace_stack::{GoogleStorage, Stack, Tenant, Tool, wait_for};
use serde_json::json;

/// A key with all that is written differently in an address.
const ODD_KEY: &str = "tiktok/a b+c%2Fd é(1).json";

fn settings(url: &str) -> Vec<(&'static str, String)> {
    [
        ("OBJECT_STORE_URL", "gs://crawl"),
        ("GOOGLE_BASE_URL", url),
        ("GOOGLE_SKIP_SIGNATURE", "true"),
        ("GOOGLE_ALLOW_HTTP", "true"),
        ("OBJECT_GRACE_SECONDS", "0"),
        ("MINIO_REQUEST_ATTEMPTS", "1"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

/// What `check` says of the store, and how it ends.
async fn checked(tenant: &Tenant<'_>, settings: &[(&str, &str)]) -> (Option<i32>, String) {
    let check = tenant.command(millrace(), &["check"], settings).await.unwrap();
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    (check.status.code(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn google_serves_and_misses_and_its_likes_are_not_believed() {
    if !is_there(Tool::GOOGLE) {
        return;
    }
    let google = GoogleStorage::start().await.unwrap();
    google.create_bucket("crawl").await.unwrap();
    let tenant = Stack::shared().await.tenant("on-google").await.unwrap();
    let all = settings(google.url());
    let all: Vec<_> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let pipeline = Running::start(tenant, &all).await;
    let (plain, odd, packed, missing) = (fresh_id(), fresh_id(), fresh_id(), fresh_id());
    let zipped = zstd::encode_all(batch_of(&packed, 3).as_bytes(), 3).unwrap();
    for (id, key, body) in [
        (&plain, "tiktok/a.json", batch_of(&plain, 2).into_bytes()),
        (&odd, ODD_KEY, batch_of(&odd, 1).into_bytes()),
        (&packed, "tiktok/a.json.zst", zipped),
    ] {
        google.put("crawl", key, body).await.unwrap();
        pipeline.announce(id, &format!("crawl/{key}")).await;
    }
    pipeline.announce(&missing, "crawl/tiktok/none.json").await;
    pipeline.stored(&[plain, odd, packed]).await;
    let letters = pipeline.dead_letters(1).await;
    assert_eq!(
        letters[0].header("x-millrace-reason").as_deref(),
        Some("object_missing")
    );
    assert_eq!(letters[0].header("x-millrace-event-id"), Some(missing));
    assert_eq!(pipeline.count("post_analytics", &[]).await, 6);
    assert_eq!(checked(&pipeline.tenant, &all).await.0, Some(0));

    let mut nowhere = all.clone();
    nowhere.push(("OBJECT_STORE_URL", "gs://nowhere"));
    let (code, said) = checked(&pipeline.tenant, &nowhere).await;
    assert!(
        code == Some(69) && said.contains("nowhere") && said.contains("NoSuchBucket"),
        "{said}"
    );
}

/// In its own words it could be any server that has no such route: nothing is missing because it says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_404_in_other_words_than_googles_dead_letters_nothing() {
    if !is_there(Tool::GOOGLE) {
        return;
    }
    let google = GoogleStorage::start().await.unwrap();
    google.create_bucket("crawl").await.unwrap();
    let tenant = Stack::shared().await.tenant("like-google").await.unwrap();
    let all = settings(google.bare_url());
    let all: Vec<_> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (code, said) = checked(&tenant, &all).await;
    assert!(code == Some(69) && said.contains("object_store"), "{said}");
    let kind = json!({"x-queue-type": "classic"});
    tenant.declare_queue(QUEUE, kind).await.unwrap();
    let body = event(&fresh_id(), "crawl/tiktok/none.json").to_string();
    assert!(tenant.publish("", QUEUE, body).await.unwrap());
    let service = tenant.service(millrace(), &all).unwrap();
    wait_for("readiness to name the store", PATIENCE, async || {
        let (status, body) = service.get("/readyz").await.map_err(|error| error.to_string())?;
        match status == 503 && body.contains("not in the words of a store") {
            true => Ok(()),
            false => Err(format!("{status} {body}")),
        }
    })
    .await
    .unwrap();
    assert!(tenant.peek(DLQ, 1).await.is_ok_and(|letters| letters.is_empty()));
    assert_eq!(tenant.peek(QUEUE, 2).await.unwrap().len(), 1, "it waits");
}
