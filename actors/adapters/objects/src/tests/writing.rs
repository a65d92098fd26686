//! Writing, against a server that speaks S3 and into a folder.

use super::{files, keys, minio, outage_detail_of, settings};
use crate::{FetcherSettings, ObjectWriter, Put, StoreSettings};
use bytes::Bytes;
use futures_util::future::join_all;
use millrace_stack::{Selected, Selection};
use std::collections::BTreeSet;

const NAMED_BY: &str = "ARCHIVE_BUCKET_NAME";

async fn server() -> Selected {
    let only_objects = Selection {
        rabbitmq: false,
        postgres: false,
        objects: true,
    };
    Selected::start(only_objects).await.unwrap()
}

fn on_server(servers: &Selected) -> FetcherSettings {
    let objects = servers.objects.as_ref().unwrap();
    let (access, secret) = objects.credentials();
    let mut settings = settings(StoreSettings::Minio {
        endpoint: objects.endpoint(),
        keys: keys(access, secret),
        use_ssl: false,
        region: "us-east-1".to_owned(),
    });
    settings.request_timeout = std::time::Duration::from_secs(10);
    settings.connect_timeout = std::time::Duration::from_secs(10);
    settings
}

/// Keys as ids make them: what is encoded in them stays as it is.
const KEYS: [&str; 5] = [
    "events/2026/01/02/03/a.json",
    "events/2026/01/02/03/%2E%2E.json",
    "events/2026/01/02/03/a%2Fb%25.json",
    "events/2026/01/02/03/%00.json",
    "events/2026/01/02/03/a~b.json",
];

async fn each_is_written_once(writer: &ObjectWriter) {
    for key in KEYS {
        assert_eq!(writer.head(key).await.unwrap(), None, "{key}");
        let body = Bytes::from(format!("body of {key}"));
        let metadata = [("sha256", "abc"), ("events", "1")];
        let put = writer.put(key, body.clone(), &metadata).await.unwrap();
        assert!(matches!(put, Put::Stored(Some(_))), "{key}: {put:?}");
        let other = writer.put(key, Bytes::from_static(b"other"), &[]).await.unwrap();
        assert_eq!(other, Put::Exists, "{key}");
        let (head, found) = writer.get(key).await.unwrap().unwrap();
        assert_eq!((found, head.bytes), (body.clone(), body.len() as u64), "{key}");
        assert_eq!(writer.head(key).await.unwrap().as_ref(), Some(&head));
        let said = head.metadata.get("sha256").map(String::as_str);
        assert_eq!(said, writer.keeps_metadata().then_some("abc"), "{key}");
    }
    let listed: BTreeSet<_> = writer
        .list("events/2026/01")
        .await
        .unwrap()
        .into_iter()
        .map(|head| head.key)
        .collect();
    assert_eq!(listed, KEYS.map(str::to_owned).into());
    assert!(writer.list("events/2026/02").await.unwrap().is_empty());
    writer.delete(KEYS[2]).await.unwrap();
    writer.delete(KEYS[2]).await.unwrap();
    assert_eq!(writer.get(KEYS[2]).await.unwrap(), None);
    assert_eq!(writer.list("events").await.unwrap().len(), KEYS.len() - 1);
}

/// Of many that write one key at once, one is told that it has written it, and all find the same.
async fn one_of_many_wins(writer: &ObjectWriter) {
    let writers = (0..16).map(|n| writer.put("race", Bytes::from(format!("{n}")), &[]));
    let puts: Vec<Put> = join_all(writers).await.into_iter().map(Result::unwrap).collect();
    let stored = puts.iter().position(|put| matches!(put, Put::Stored(_))).unwrap();
    assert_eq!(puts.iter().filter(|put| **put == Put::Exists).count(), 15);
    assert_eq!(writer.get("race").await.unwrap().unwrap().1, format!("{stored}"));
}

#[tokio::test]
async fn a_server_is_written_to() {
    let servers = server().await;
    let objects = servers.objects.as_ref().unwrap();
    let writer = ObjectWriter::open(&on_server(&servers), NAMED_BY).unwrap();
    for missing in [
        writer.ping().await.unwrap_err(),
        writer.put("k", Bytes::new(), &[]).await.unwrap_err(),
        writer.head("k").await.unwrap_err(),
        writer.list("k").await.unwrap_err(),
    ] {
        let told = outage_detail_of(missing);
        assert!(
            told.contains("no bucket crawl-results") && told.contains(NAMED_BY),
            "{told}"
        );
    }
    writer.create_bucket().await.unwrap();
    writer.create_bucket().await.unwrap();
    writer.ping().await.unwrap();
    each_is_written_once(&writer).await;
    one_of_many_wins(&writer).await;
    objects.stop().await.unwrap();
    outage_detail_of(writer.put("later", Bytes::new(), &[]).await.unwrap_err());
    outage_detail_of(writer.get("race").await.unwrap_err());
    objects.start().await.unwrap();
    let put = writer.put("later", Bytes::from_static(b"x"), &[]).await.unwrap();
    assert!(matches!(put, Put::Stored(_)));
}

#[tokio::test]
async fn a_folder_is_written_to() {
    let root = tempfile::tempdir().unwrap();
    let writer = ObjectWriter::open(&files(root.path()), NAMED_BY).unwrap();
    outage_detail_of(writer.ping().await.unwrap_err());
    writer.create_bucket().await.unwrap();
    writer.ping().await.unwrap();
    each_is_written_once(&writer).await;
    one_of_many_wins(&writer).await;
}

#[tokio::test]
async fn refused_keys_are_an_outage_that_says_so() {
    let servers = server().await;
    servers
        .objects
        .as_ref()
        .unwrap()
        .create_bucket("crawl-results")
        .await
        .unwrap();
    let mut settings = on_server(&servers);
    if let StoreSettings::Minio { keys: used, .. } = &mut settings.store {
        *used = keys("millrace", "wrong");
    }
    let writer = ObjectWriter::open(&settings, NAMED_BY).unwrap();
    let told = outage_detail_of(writer.put("k", Bytes::new(), &[]).await.unwrap_err());
    assert!(told.contains("is refused"), "{told}");
    let told = outage_detail_of(writer.create_bucket().await.unwrap_err());
    assert!(
        told.contains("cannot be made") && !told.contains("ignature="),
        "{told}"
    );
    assert!(!format!("{told} {:?}", minio("x")).contains("wrong"));
}
