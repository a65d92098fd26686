//! What is in the archive is what is in the journal.

use crate::{
    fixtures::{Given, at, events_of, read_file},
    server::{LONG, TestArchive, private},
};
use millrace_engine::{DueStore, Fault, Outcome, Sink};
use millrace_products::archive::{ArchiveSettings, ArchiveStore, files_to_write};
use std::collections::BTreeMap;

/// Payloads that are easily spoilt.
const PAYLOADS: [&str; 8] = [
    "{\"price\":1.10,\"n\":123456789012345678901234567890}",
    "  {\"a\" : [1 ,2 ] , \"a\":3 }  ",
    "{\n  \"pretty\": true\r\n}\n",
    "{\"nul\":\"\\u0000\",\"lone\":\"\\ud800\"}",
    "{\"ü\":\"\u{1f600} \u{2028}\"}",
    "{\"payload\":\",\\\"payload\\\":\"}",
    "{}",
    "{\"e\":1E400,\"z\":-0.0}",
];

fn odd_events(hour: &str, count: usize) -> Vec<Given> {
    let mut events = events_of(hour, count);
    for (n, event) in events.iter_mut().enumerate() {
        event.payload = PAYLOADS[n % PAYLOADS.len()].to_owned();
        event.key = [None, Some(b"p1".to_vec()), Some(vec![0xff])][n % 3].clone();
        if n % 10 == 0 {
            event.id = format!("\"{n}\\ü/\n{hour}");
        }
    }
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_is_in_one_object_byte_for_byte() {
    let settings = ArchiveSettings {
        file_events: 70,
        ..ArchiveSettings::default()
    };
    let archive = TestArchive::new(settings).await;
    let now = at("2026-01-02T09:00:00Z");
    for hour in [
        "2026-01-02T03:00:00Z",
        "2026-01-02T04:00:00Z",
        "2026-01-02T05:00:00Z",
    ] {
        archive.store_events(&odd_events(hour, 200), false, now).await;
    }
    // Several plan and several write, all at once.
    let (a, b, c) = (archive.planner(), archive.planner(), archive.planner());
    let planned = tokio::join!(a.plan(now), b.plan(now), c.plan(now));
    let mut files: u64 = [planned.0, planned.1, planned.2]
        .into_iter()
        .map(|round| round.unwrap().files)
        .sum();
    files += archive.planner().plan(now).await.unwrap().files;
    assert_eq!(files, 9);
    let written = tokio::join!(archive.write_all(), archive.write_all(), archive.write_all());
    assert_eq!(written.0 + written.1 + written.2, 9);

    let mut found = BTreeMap::new();
    for (key, body) in archive.all_objects().await {
        let hour = key.strip_prefix("events/2026/01/02/").unwrap();
        assert!(
            ["03/00000", "04/00000", "05/00000"]
                .iter()
                .any(|start| hour.starts_with(start)),
            "{key}"
        );
        for (id, payload) in read_file(&body) {
            assert!(found.insert(id, payload).is_none(), "an event is in two objects");
        }
    }
    assert_eq!(found, archive.journal().await);
    let books = "SELECT bool_and(state = 'stored' AND members = '{}' AND lease_until IS NULL AND stored_at IS NOT NULL \
        AND min_event_at >= hour AND max_event_at < hour + interval '1 hour' AND etag <> '') AND sum(events) = 600 \
        AND (SELECT count(*) FROM archive_pending) = 0 FROM archive_files";
    assert!(archive.value::<bool>(books).await);
}

#[tokio::test]
async fn a_file_says_what_it_holds() {
    let archive = TestArchive::new(ArchiveSettings::default()).await;
    let now = at("2026-01-02T04:05:00Z");
    archive
        .store_events(&events_of("2026-01-02T03:00:00Z", 5), false, now)
        .await;
    archive.planner().plan(now).await.unwrap();
    archive.write_all().await;
    let row = archive
        .client
        .query_one("SELECT key, sha256, etag, bytes, events FROM archive_files", &[])
        .await
        .unwrap();
    let head = archive.objects().head(row.get(0)).await.unwrap().unwrap();
    let said: Vec<(&str, &str)> = head
        .metadata
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let expected = [
        ("events", "5"),
        ("format", "1"),
        ("hour", "2026-01-02T03:00:00Z"),
        ("sha256", row.get(1)),
    ];
    assert_eq!(said, expected);
    assert_eq!(head.etag.as_deref(), row.get::<_, Option<&str>>(2));
    assert_eq!(head.bytes as i64, row.get::<_, i64>(3));
}

/// One was taken for dead, and both write.
#[tokio::test]
async fn two_writers_of_one_file_make_one_object_with_one_hash() {
    let archive = TestArchive::new(ArchiveSettings::default()).await;
    let now = at("2026-01-02T04:05:00Z");
    archive
        .store_events(&odd_events("2026-01-02T03:00:00Z", 300), false, now)
        .await;
    archive.planner().plan(now).await.unwrap();
    let first = archive.claim(1).await.remove(0);
    archive.end_leases().await;
    let second = archive.claim(1).await.remove(0);
    assert_eq!((first.claim.epoch, second.claim.epoch), (1, 2));
    // Into another bucket: what it makes of the members is seen there.
    let objects = archive.servers.objects.as_ref().unwrap();
    let other = format!("{}-other", archive.name);
    objects.create_bucket(&other).await.unwrap();
    let other = archive.objects_of(&other);
    archive
        .writer_into(ArchiveStore::new(other.clone()))
        .write_file(&first.row)
        .await
        .unwrap();
    assert_eq!(
        archive.value::<String>("SELECT state FROM archive_files").await,
        "planned",
        "it lost its claim"
    );
    let (a, b) = (archive.writer(), archive.writer());
    let (a, b) = tokio::join!(a.write_file(&first.row), b.write_file(&second.row));
    a.unwrap();
    b.unwrap();
    let all = archive.all_objects().await;
    assert_eq!(all.len(), 1);
    let (key, body) = all.first_key_value().unwrap();
    assert_eq!(&other.get(key).await.unwrap().unwrap().1[..], &body[..]);
    let row = "SELECT state || lease_epoch || (SELECT count(DISTINCT sha256) FROM archive_files) FROM archive_files";
    assert_eq!(archive.value::<String>(row).await, "stored21");
}

#[tokio::test]
async fn a_store_that_is_away_costs_waiting() {
    let servers = private().await;
    let archive = TestArchive::on(&servers, ArchiveSettings::default()).await;
    let now = at("2026-01-02T04:05:00Z");
    let objects = servers.objects.as_ref().unwrap();
    objects.stop().await.unwrap();
    archive
        .store_events(&events_of("2026-01-02T03:00:00Z", 9), false, now)
        .await;
    assert_eq!(
        archive.planner().plan(now).await.unwrap().files,
        1,
        "planning needs no store"
    );
    let mut files = files_to_write(archive.database.clone(), "test");
    let row = files.claim(1, LONG).await.unwrap().remove(0);
    let writer = archive.writer();
    let fault = writer.write_file(&row.row).await.unwrap_err();
    assert!(
        matches!(
            fault,
            Fault::Outage {
                dependency: "object_store",
                ..
            }
        ),
        "{fault}"
    );
    // To the engine it is the trouble of this file: an outage would pause what is read from Kafka too.
    let mut sink = writer.clone();
    let fault = sink.write(&[&row.row]).await.unwrap_err();
    assert!(
        matches!(
            fault,
            Fault::Transient {
                cause: "object_store",
                ..
            }
        ),
        "{fault}"
    );
    let again = Outcome::Retry {
        stage: "archive",
        cause: "object_store",
        detail: String::new(),
        charged: true,
    };
    files.settle(vec![(row.claim, again)]).await.unwrap();
    archive.execute("UPDATE archive_files SET next_at = now()").await;
    objects.start().await.unwrap();
    assert_eq!(archive.write_all().await, 1);
    let all = archive.all_objects().await;
    assert_eq!(
        read_file(all.first_key_value().unwrap().1),
        archive.journal().await
    );
}

/// Nothing is stored of a file that would be less than it was planned as.
#[tokio::test]
async fn a_file_whose_events_are_not_all_there_is_not_written() {
    let archive = TestArchive::new(ArchiveSettings::default()).await;
    let now = at("2026-01-02T04:05:00Z");
    archive
        .store_events(&events_of("2026-01-02T03:00:00Z", 9), false, now)
        .await;
    archive.planner().plan(now).await.unwrap();
    archive
        .execute("DELETE FROM product_events WHERE event_id LIKE '%-7'")
        .await;
    let row = archive.claim(1).await.remove(0);
    let fault = archive.writer().write_file(&row.row).await.unwrap_err();
    assert!(
        matches!(
            fault,
            Fault::Transient {
                cause: "members_missing",
                ..
            }
        ),
        "{fault}"
    );
    assert!(archive.all_objects().await.is_empty());
}
