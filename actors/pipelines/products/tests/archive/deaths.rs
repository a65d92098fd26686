//! A process that dies between plan, put and mark.

use crate::{
    fixtures::{at, events_of, read_file},
    server::{LONG, TestArchive},
};
use millrace_products::archive::ArchiveSettings;
use millrace_stack::wait_for;

const HOUR: &str = "2026-01-02T03:00:00Z";

async fn planned() -> TestArchive<'static> {
    let archive = TestArchive::new(ArchiveSettings::default()).await;
    let now = at("2026-01-02T04:05:00Z");
    archive.store_events(&events_of(HOUR, 50), false, now).await;
    assert_eq!(archive.planner().plan(now).await.unwrap().files, 1);
    archive
}

async fn all_is_archived_once(archive: &TestArchive<'_>) {
    let all = archive.all_objects().await;
    assert_eq!(all.len(), 1);
    assert_eq!(
        read_file(all.first_key_value().unwrap().1),
        archive.journal().await
    );
    assert_eq!(
        archive.value::<String>("SELECT state FROM archive_files").await,
        "stored"
    );
    assert_eq!(archive.write_all().await, 0, "nothing is left to do");
}

#[tokio::test]
async fn after_the_plan_another_writes_it() {
    let archive = planned().await;
    assert_eq!(archive.claim(1).await.len(), 1);
    assert_eq!(archive.write_all().await, 0, "the other may still be at work");
    archive.end_leases().await;
    assert_eq!(archive.write_all().await, 1);
    all_is_archived_once(&archive).await;
}

#[tokio::test]
async fn after_the_put_another_finds_the_object_and_marks_it() {
    let archive = planned().await;
    let row = archive.claim(1).await.remove(0);
    // It cannot mark, so it waits, and dies there.
    archive
        .execute("BEGIN; SELECT FROM archive_files FOR UPDATE")
        .await;
    let writer = archive.writer();
    let dies = tokio::spawn(async move { writer.write_file(&row.row).await });
    wait_for("the object to be there", LONG, async || {
        !archive.all_objects().await.is_empty()
    })
    .await
    .unwrap();
    dies.abort();
    assert!(dies.await.unwrap_err().is_cancelled());
    archive.execute("ROLLBACK").await;
    let before = archive.objects().list("events").await.unwrap();
    // Its statement may still be there, under its epoch.
    archive.end_leases().await;
    archive.write_all().await;
    assert_eq!(archive.objects().list("events").await.unwrap(), before);
    all_is_archived_once(&archive).await;
}

#[tokio::test]
async fn after_the_mark_it_is_done_whichever_process_says_so() {
    let archive = planned().await;
    let row = archive.claim(1).await.remove(0);
    archive.writer().write_file(&row.row).await.unwrap();
    archive.end_leases().await;
    all_is_archived_once(&archive).await;
}

#[tokio::test]
async fn in_the_middle_of_the_plan_nothing_has_happened() {
    let archive = TestArchive::new(ArchiveSettings::default()).await;
    let now = at("2026-01-02T04:05:00Z");
    archive.store_events(&events_of(HOUR, 50), false, now).await;
    archive
        .execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$; \
             CREATE TRIGGER refuse AFTER INSERT ON archive_files FOR EACH ROW EXECUTE FUNCTION refuse()",
        )
        .await;
    archive.planner().plan(now).await.unwrap_err();
    assert_eq!(
        archive.value::<i64>("SELECT count(*) FROM archive_pending").await,
        50
    );
    archive.execute("DROP TRIGGER refuse ON archive_files").await;
    assert_eq!(archive.planner().plan(now).await.unwrap().events, 50);
    archive.write_all().await;
    all_is_archived_once(&archive).await;
}
