//! Status, and what verifying finds and healing does.

use crate::{
    fixtures::{at, events_of},
    server::TestArchive,
};
use bytes::Bytes;
use millrace_products::archive::{ArchiveSettings, Layout, TroubleKind};

const HOUR: &str = "2026-01-02T03:00:00Z";
const FLUSHED: &str = "2026-01-02T04:05:00Z";

async fn archived(settings: ArchiveSettings, events: usize) -> TestArchive<'static> {
    let archive = TestArchive::new(settings).await;
    archive
        .store_events(&events_of(HOUR, events), false, at(HOUR))
        .await;
    archive.planner().plan(at(FLUSHED)).await.unwrap();
    archive.write_all().await;
    archive
}

async fn found(archive: &TestArchive<'_>) -> Vec<(String, TroubleKind)> {
    let verified = archive.archive().verify(at(HOUR)).await.unwrap();
    let troubles = verified.troubles.into_iter();
    troubles.map(|trouble| (trouble.key, trouble.kind)).collect()
}

#[tokio::test]
async fn verifying_finds_what_is_missing_changed_and_unknown() {
    let settings = ArchiveSettings {
        file_events: 4,
        ..ArchiveSettings::default()
    };
    let archive = archived(settings, 12).await;
    assert_eq!(found(&archive).await, []);
    let objects = archive.objects();
    let all: Vec<_> = archive.all_objects().await.into_iter().collect();
    let [(missing, _), (changed, body), (whole, _)] = &all[..] else {
        panic!("{} files", all.len())
    };
    objects.delete(missing).await.unwrap();
    objects.delete(changed).await.unwrap();
    let mut other = body.clone();
    *other.last_mut().unwrap() ^= 1;
    objects.put(changed, other.into(), &[]).await.unwrap();
    let unknown = "events/2026/01/02/03/000009-x.ndjson.zst".to_owned();
    objects
        .put(&unknown, Bytes::from(body.clone()), &[])
        .await
        .unwrap();
    let expected = [
        (missing.clone(), TroubleKind::Missing),
        (changed.clone(), TroubleKind::Changed),
        (unknown.clone(), TroubleKind::Unknown),
    ];
    let mut sorted = expected.to_vec();
    sorted.sort();
    assert_eq!(found(&archive).await, sorted);
    assert_ne!(whole, changed);

    // What is unknown may be all that is left of what is missing.
    let healed = archive.archive().heal(at(HOUR)).await.unwrap();
    assert!(healed.removed.is_empty());
    assert_eq!(healed.kept.len(), 3);
    assert!(objects.head(&unknown).await.unwrap().is_some());
}

/// The database forgot that it had stored a file, and has archived its events again.
#[tokio::test]
async fn healing_removes_what_no_row_knows_once_its_events_are_archived_again() {
    let archive = archived(ArchiveSettings::default(), 12).await;
    let objects = archive.objects();
    let old = archive.value::<String>("SELECT key FROM archive_files").await;
    // As an hour ago: the file is not there, and its events are not there either.
    archive
        .execute("DELETE FROM archive_files; DELETE FROM product_events")
        .await;
    let healed = archive.archive().heal(at(HOUR)).await.unwrap();
    assert!(healed.removed.is_empty());
    assert!(
        healed.kept[0].detail.contains("12 of its 12 events"),
        "{healed:?}"
    );
    // They come again, and wait.
    archive.store_events(&events_of(HOUR, 12), false, at(HOUR)).await;
    assert!(archive.archive().heal(at(HOUR)).await.unwrap().removed.is_empty());
    archive.planner().plan(at(FLUSHED)).await.unwrap();
    assert!(
        archive.archive().heal(at(HOUR)).await.unwrap().removed.is_empty(),
        "the new file is not written"
    );
    archive.write_all().await;
    assert_eq!(found(&archive).await, [(old.clone(), TroubleKind::Unknown)]);
    let foreign = "events/2026/01/02/03/notes.txt";
    objects
        .put(foreign, Bytes::from_static(b"notes"), &[])
        .await
        .unwrap();
    let healed = archive.archive().heal(at(HOUR)).await.unwrap();
    assert_eq!(healed.removed, std::slice::from_ref(&old));
    assert_eq!(healed.kept[0].key, foreign);
    assert_eq!(objects.head(&old).await.unwrap(), None);
    assert_eq!(
        found(&archive).await,
        [(foreign.to_owned(), TroubleKind::Unknown)]
    );
}

#[tokio::test]
async fn objects_of_events_are_verified_by_the_journal() {
    let settings = ArchiveSettings {
        layout: Layout::PerEvent,
        ..ArchiveSettings::default()
    };
    let archive = archived(settings, 5).await;
    assert_eq!(found(&archive).await, []);
    let objects = archive.objects();
    let keys: Vec<_> = archive.all_objects().await.into_keys().collect();
    objects.delete(&keys[0]).await.unwrap();
    objects.delete(&keys[1]).await.unwrap();
    objects
        .put(&keys[1], Bytes::from_static(b"{}"), &[])
        .await
        .unwrap();
    let unknown = "events/2026/01/02/03/unknown.json".to_owned();
    objects
        .put(&unknown, Bytes::from_static(b"{}"), &[])
        .await
        .unwrap();
    let expected = [
        (keys[0].clone(), TroubleKind::Missing),
        (keys[1].clone(), TroubleKind::Changed),
        (unknown, TroubleKind::Unknown),
    ];
    assert_eq!(found(&archive).await, expected);
}

#[tokio::test]
async fn the_status_tells_what_waits_and_what_is_done() {
    let archive = archived(ArchiveSettings::default(), 7).await;
    archive
        .store_events(&events_of("2026-01-02T04:00:00Z", 3), false, at(FLUSHED))
        .await;
    archive
        .store_events(
            &events_of("2026-01-02T05:00:00Z", 2),
            false,
            at("2026-01-02T05:30:00Z"),
        )
        .await;
    archive.planner().plan(at("2026-01-02T05:05:00Z")).await.unwrap();
    let status = archive.archive().status().await.unwrap();
    assert_eq!((status.pending_events, status.planned_files), (2, 1));
    assert_eq!(status.oldest_pending, Some(at("2026-01-02T05:05:00Z")));
    let hours: Vec<_> = status
        .hours
        .iter()
        .map(|hour| {
            (
                hour.hour.to_string(),
                hour.pending_events,
                hour.planned_files,
                hour.stored_files,
                hour.events,
            )
        })
        .collect();
    let expected = [
        ("2026-01-02T05:00:00Z".to_owned(), 2, 0, 0, 0),
        ("2026-01-02T04:00:00Z".to_owned(), 0, 1, 0, 0),
        (HOUR.to_owned(), 0, 0, 1, 7),
    ];
    assert_eq!(hours, expected);
}
