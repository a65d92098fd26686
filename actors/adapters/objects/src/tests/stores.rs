//! Stores: folders, settings, and what a ping says.

use super::{
    PATH,
    fault_server::{Answer, FaultServer, Request},
    fetcher_of, files, is_poison, keys, minio, outage_detail, run, settings,
};
use crate::{StoreSettings, Stores};
use bytes::Bytes;
use millrace_engine::{ByteBudget, Fault};
use std::time::Duration;

#[tokio::test]
async fn a_folder_serves_as_a_store() {
    let root = tempfile::tempdir().unwrap();
    let settings = files(root.path());
    let stores = Stores::new(&settings).unwrap();
    let missing = stores.ping().await.unwrap_err().to_string();
    assert!(missing.contains("no bucket crawl-results"), "{missing}");

    let mut fetcher = fetcher_of(&settings, &ByteBudget::new(10_000));
    outage_detail(run(&mut fetcher, PATH).await);

    for bucket in ["crawl-results", "extra"] {
        stores
            .put(
                bucket,
                "a b/ü.json.zst",
                Bytes::from_static(b"[1]"),
                &[("compressed", "true")],
            )
            .await
            .unwrap();
    }
    stores.ping().await.unwrap();
    let batch = run(&mut fetcher, "minio://crawl-results/a b/ü.json.zst")
        .await
        .unwrap();
    assert_eq!(
        (batch.body.as_ref(), batch.info.claims_zstd),
        (b"[1]".as_slice(), true)
    );
    assert!(is_poison(
        &run(&mut fetcher, "foreign/a").await,
        "bucket_not_allowed"
    ));
    let found = run(&mut fetcher, PATH).await;
    assert!(matches!(found, Err(Fault::Deferred { .. })), "{found:?}");

    let large = Bytes::from(vec![b'x'; 1_001]);
    stores.put("extra", "large.json", large, &[]).await.unwrap();
    assert!(is_poison(
        &run(&mut fetcher, "extra/large.json").await,
        "object_too_large"
    ));
}

#[tokio::test]
async fn a_ping_says_what_is_wrong() {
    let cases = [
        ("404 Not Found", "NoSuchKey", None),
        ("200 OK", "Fine", Some("no object store")),
        ("404 Not Found", "NoSuchBucket", Some("create it")),
        ("403 Forbidden", "SignatureDoesNotMatch", Some("MINIO_SECRET_KEY")),
        ("503 Slow Down", "SlowDown", Some("too busy")),
        ("500 Internal Server Error", "InternalError", Some("its own log")),
        (
            "400 Bad Request",
            "AuthorizationHeaderMalformed",
            Some("MINIO_REGION"),
        ),
    ];
    for (status, code, advice) in cases {
        let server = FaultServer::start(move |_: &Request| Answer::error(status, code)).await;
        let found = Stores::new(&minio(&server.endpoint)).unwrap().ping().await;
        match (found, advice) {
            (Ok(_), None) => {}
            (Err(error), Some(advice)) => assert!(error.to_string().contains(advice), "{error}"),
            (found, _) => panic!("{status} {code}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn settings_that_open_no_store_say_why() {
    let url = |url: &str| {
        settings(StoreSettings::Url {
            url: url.to_owned(),
            options: vec![("AWS_REGION".to_owned(), "eu-central-1".into())],
        })
    };
    for (bad, what) in [
        ("ftp://bucket", "expected s3, gs, az or file"),
        ("s3://bucket/prefix", "prefix"),
        ("bucket", "relative URL"),
        ("s3:///", "no bucket"),
        ("file:///no/such/folder", "/no/such/folder"),
    ] {
        let error = Stores::new(&url(bad)).unwrap_err().to_string();
        assert!(error.contains(what), "{bad}: {error}");
    }
    let stores = Stores::new(&url("s3://my-bucket")).unwrap();
    assert_eq!(
        stores.allowed(),
        "extra, my-bucket",
        "the first of the MinIO names is none of its"
    );
}

#[tokio::test]
async fn a_real_store_serves_refuses_and_comes_back() {
    let selection = millrace_stack::Selection {
        rabbitmq: false,
        postgres: false,
        objects: true,
    };
    let stack = millrace_stack::Selected::start(selection).await.unwrap();
    let server = stack.objects.as_ref().unwrap();
    server.create_bucket("crawl-results").await.unwrap();
    let (key, secret) = server.credentials();
    let with_keys = |access: &str, secret: &str| {
        let mut settings = settings(StoreSettings::Minio {
            endpoint: server.endpoint(),
            keys: keys(access, secret),
            use_ssl: false,
            region: "us-east-1".to_owned(),
        });
        settings.request_timeout = Duration::from_secs(5);
        settings
    };

    let settings = with_keys(key, secret);
    let stores = Stores::new(&settings).unwrap();
    let no_extra = stores.ping().await.unwrap().to_string();
    assert!(no_extra.contains("no bucket extra: create it"), "{no_extra}");
    server.create_bucket("extra").await.unwrap();
    stores.ping().await.unwrap();

    // Vietnamese, spaces, and what has a meaning in URLs.
    let object_key = "tiktok/Tiếng Việt/b 1+2%3D?x#y&z=1.json";
    let body = Bytes::from_static(b"[{}]");
    stores
        .put(
            "crawl-results",
            object_key,
            body.clone(),
            &[("compressed", "True")],
        )
        .await
        .unwrap();
    let mut fetcher = fetcher_of(&settings, &ByteBudget::new(10_000));
    let path = format!("crawl-results/{object_key}");
    let batch = run(&mut fetcher, &path).await.unwrap();
    assert_eq!((&batch.body, batch.info.claims_zstd), (&body, true));
    assert!(
        batch
            .info
            .etag
            .is_some_and(|etag| !etag.is_empty() && !etag.contains('"'))
    );
    let found = run(&mut fetcher, "crawl-results/none.json").await;
    assert!(matches!(found, Err(Fault::Deferred { .. })), "{found:?}");

    let refused = with_keys(key, "wrong");
    let detail = outage_detail(run(&mut fetcher_of(&refused, &ByteBudget::new(100)), &path).await);
    assert!(detail.contains("MINIO_SECRET_KEY"), "{detail}");

    server.stop().await.unwrap();
    outage_detail(run(&mut fetcher, &path).await);
    assert!(stores.ping().await.is_err());
    server.start().await.unwrap();
    assert_eq!(run(&mut fetcher, &path).await.unwrap().body, body);
}
