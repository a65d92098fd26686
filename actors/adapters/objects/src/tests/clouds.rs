//! `gs://` against answers as Google documents them, refusals among them, which no server that can be had gives.
//! `make conformance` tries `gs://` on fake-gcs-server and `az://` on Azurite.

use super::{
    fault_server::{Answer, FaultServer, Request},
    fetcher_of, is_poison, outage_detail, run, settings,
};
use crate::{FetcherSettings, StoreSettings, Stores};
use millrace_engine::ByteBudget;

const PATH: &str = "crawl/tiktok/batch.json";

fn google(endpoint: &str) -> FetcherSettings {
    let options = [
        ("GOOGLE_BASE_URL", format!("http://{endpoint}")),
        ("GOOGLE_SKIP_SIGNATURE", "true".to_owned()),
        ("GOOGLE_ALLOW_HTTP", "true".to_owned()),
        // Names another bucket than the URL, which events do not.
        ("GOOGLE_BUCKET", "other".to_owned()),
    ];
    let mut settings = settings(StoreSettings::Url {
        url: "gs://crawl".to_owned(),
        options: options
            .map(|(name, value)| (name.to_owned(), value.into()))
            .into(),
    });
    settings.buckets.truncate(1);
    settings
}

fn error(status: &str, code: &str) -> Answer {
    let body = format!(
        "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>m</Message></Error>"
    );
    Answer::with_headers(
        status,
        &[
            ("x-guploader-uploadid", "AB1"),
            ("Content-Type", "application/xml; charset=UTF-8"),
        ],
        &body,
    )
}

#[tokio::test]
async fn google_serves_misses_and_refuses() {
    let server = FaultServer::start(|request: &Request| match request.path.ends_with("batch%2Ejson") {
        true if request.path.starts_with("/crawl/") => {
            let headers = [
                ("ETag", "\"e1\""),
                ("x-goog-generation", "1"),
                ("Last-Modified", "Sat, 06 Dec 2025 10:00:00 GMT"),
            ];
            Answer::with_headers("200 OK", &headers, "[]")
        }
        _ => error("404 Not Found", "NoSuchKey"),
    })
    .await;
    let settings = google(&server.endpoint);
    Stores::new(&settings).unwrap().ping().await.unwrap();
    let fetcher = fetcher_of(&settings, &ByteBudget::new(1_000));
    let mut fetcher = fetcher.with_clock(|| "2026-02-01T00:00:00Z".parse().unwrap());
    assert_eq!(run(&mut fetcher, PATH).await.unwrap().body, "[]");
    let found = run(&mut fetcher, "crawl/none.json").await;
    assert!(is_poison(&found, "object_missing"), "{found:?}");

    for (status, code) in [
        ("404 Not Found", "NoSuchBucket"),
        ("403 Forbidden", "AccessDenied"),
        ("401 Unauthorized", "AuthenticationRequired"),
    ] {
        let server = FaultServer::start(move |_: &Request| error(status, code)).await;
        let mut fetcher = fetcher_of(&google(&server.endpoint), &ByteBudget::new(1_000));
        let detail = outage_detail(run(&mut fetcher, PATH).await);
        assert!(detail.contains(code), "{detail}");
    }
}
