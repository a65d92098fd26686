//! An object for each event.

use crate::{
    fixtures::{Given, at},
    server::TestArchive,
};
use millrace_products::archive::{ArchiveSettings, Layout};
use std::collections::BTreeMap;

const HOUR: &str = "2026-01-02T03:00:00Z";

fn per_event() -> ArchiveSettings {
    ArchiveSettings {
        layout: Layout::PerEvent,
        prefix: "events/of/".to_owned(),
        ..ArchiveSettings::default()
    }
}

/// Ids that would be paths, headers or queries, and one that is too long for a key.
fn hostile() -> Vec<Given> {
    let long = "ü".repeat(120);
    let ids = [
        "..",
        ".",
        "../../etc/passwd",
        "a/b",
        "a//b",
        "/",
        "%2e%2e",
        "a\\b",
        "a b",
        "a\nb: c",
        "\u{7f}",
        "?x=1#y",
        "~",
        "ü",
        "COM1",
        "_CLOSED",
        &long,
    ];
    let events = ids.iter().map(|id| Given::new(*id, at(HOUR)));
    events.collect()
}

async fn are_archived(archive: TestArchive<'_>) {
    let now = at("2026-01-02T04:05:00Z");
    let given = hostile();
    archive.store_events(&given, false, now).await;
    assert_eq!(archive.planner().plan(now).await.unwrap().files, 1);
    assert_eq!(archive.write_all().await, 1);
    let all = archive.all_objects().await;
    let folder = "events/of/events/2026/01/02/03/";
    let mut expected: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (id, key) in [
        ("..", "%2E%2E.json"),
        ("../../etc/passwd", "..%2F..%2Fetc%2Fpasswd.json"),
        ("a\nb: c", "a%0Ab%3A%20c.json"),
        ("?x=1#y", "%3Fx%3D1%23y.json"),
        ("~", "%7E.json"),
        ("_CLOSED", "_CLOSED.json"),
    ] {
        let event = given.iter().find(|event| event.id == id).unwrap();
        expected.insert(format!("{folder}{key}"), event.payload.clone().into_bytes());
    }
    for (key, body) in &expected {
        assert_eq!(all.get(key), Some(body), "{key}");
    }
    let bodies: Vec<_> = all
        .values()
        .map(|body| String::from_utf8(body.clone()).unwrap())
        .collect();
    let mut sent: Vec<_> = given.iter().map(|event| event.payload.clone()).collect();
    let mut found = bodies;
    sent.sort();
    found.sort();
    assert_eq!(found, sent);
    assert!(
        all.keys()
            .all(|key| key.starts_with(folder) && !key[folder.len()..].contains('/')),
        "{:?}",
        all.keys()
    );
    let row = "SELECT events || state || (bytes > 0) || length(sha256) FROM archive_files";
    assert_eq!(archive.value::<String>(row).await, "17storedtrue64");

    // A process that writes them again finds them.
    archive.execute("UPDATE archive_files SET state = 'planned', members = (SELECT array_agg(event_id) FROM product_events)").await;
    assert_eq!(archive.write_all().await, 1);
    assert_eq!(archive.all_objects().await, all);
    assert!(
        archive
            .archive()
            .verify(at(HOUR))
            .await
            .unwrap()
            .troubles
            .is_empty()
    );
}

#[tokio::test]
async fn hostile_ids_have_keys_of_their_own_on_a_server() {
    let archive = TestArchive::new(per_event()).await;
    let objects = archive.objects();
    are_archived(archive).await;
    let head = objects
        .head("events/of/events/2026/01/02/03/a%20b.json")
        .await
        .unwrap()
        .unwrap();
    let said: Vec<(&str, &str)> = head
        .metadata
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let expected = [
        ("eventid", "a%20b"),
        ("eventtype", "ProductCreated"),
        ("timestamp", HOUR),
    ];
    assert_eq!(said, expected);
}

#[tokio::test]
async fn hostile_ids_have_keys_of_their_own_in_a_folder() {
    are_archived(TestArchive::in_a_folder(per_event()).await).await;
}

#[tokio::test]
async fn files_of_lines_are_written_into_a_folder_too() {
    let archive = TestArchive::in_a_folder(ArchiveSettings::default()).await;
    let now = at("2026-01-02T04:05:00Z");
    archive.store_events(&hostile(), false, now).await;
    archive.planner().plan(now).await.unwrap();
    let row = archive.claim(1).await.remove(0);
    archive.writer().write_file(&row.row).await.unwrap();
    let all = archive.all_objects().await;
    assert_eq!(
        crate::fixtures::read_file(all.first_key_value().unwrap().1),
        archive.journal().await
    );
    // There is no metadata that would say what it holds, so it is read.
    archive.writer().write_file(&row.row).await.unwrap();
    assert_eq!(archive.all_objects().await, all);
    assert!(
        archive
            .archive()
            .verify(at(HOUR))
            .await
            .unwrap()
            .troubles
            .is_empty()
    );
}
