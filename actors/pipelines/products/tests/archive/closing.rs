//! When an hour is complete.

use crate::{
    fixtures::{GROUP, Given, at, events_of},
    server::TestArchive,
};
use millrace_engine::Fault;
use millrace_kafka::TopicPartition;
use millrace_products::archive::{ArchiveSettings, Ends, LogEnds};

const HOUR: &str = "2026-01-02T03:00:00Z";
const FLUSHED: &str = "2026-01-02T04:05:00Z";

/// Two partitions, and how far they go.
struct Log(i64, i64);

impl LogEnds for Log {
    async fn ends(&self) -> Result<Ends, Fault> {
        let partition = |partition, end| {
            let topic = "ProductCreated".into();
            (TopicPartition { topic, partition }, end)
        };
        Ok([partition(0, self.0), partition(1, self.1)].into())
    }
}

async fn position(archive: &TestArchive<'_>, partition: i32, next: i64) {
    let sql = format!(
        "INSERT INTO kafka_positions (group_id, topic, partition, next_offset) VALUES ('{GROUP}', 'ProductCreated', {partition}, {next}) \
         ON CONFLICT (group_id, topic, partition) DO UPDATE SET next_offset = excluded.next_offset"
    );
    archive.execute(&sql).await;
}

#[tokio::test]
async fn an_hour_is_closed_when_all_is_read_and_nothing_waits() {
    let archive = TestArchive::new(ArchiveSettings {
        close_marker: true,
        ..ArchiveSettings::default()
    })
    .await;
    let planner = archive.planner();
    // Each time another replica.
    let close = async |now: &str, log: Log| archive.closer().close(at(now), &log).await.unwrap();
    archive.store_events(&events_of(HOUR, 10), false, at(HOUR)).await;
    position(&archive, 0, 10).await;
    assert!(close(FLUSHED, Log(10, 0)).await.is_empty(), "events wait");
    planner.plan(at(FLUSHED)).await.unwrap();
    assert!(
        close(FLUSHED, Log(10, 0)).await.is_empty(),
        "a file is not stored"
    );
    archive.write_all().await;
    assert!(
        close(FLUSHED, Log(11, 0)).await.is_empty(),
        "a partition is not read"
    );
    assert!(
        close(FLUSHED, Log(10, 4)).await.is_empty(),
        "another was never read"
    );
    position(&archive, 1, 4).await;
    assert!(
        close("2026-01-02T04:04:59Z", Log(10, 4)).await.is_empty(),
        "it is not flushed yet"
    );
    let marker = "events/2026/01/02/03/_CLOSED";
    assert_eq!(archive.objects().get(marker).await.unwrap(), None);
    assert_eq!(close(FLUSHED, Log(10, 4)).await, [at(HOUR)]);
    let (_, body) = archive.objects().get(marker).await.unwrap().unwrap();
    assert_eq!(
        body,
        "{\"events\":10,\"files\":1,\"hour\":\"2026-01-02T03:00:00Z\"}"
    );
    assert!(close(FLUSHED, Log(10, 4)).await.is_empty(), "once");

    // A late file reopens nothing, it adds.
    archive
        .store_events(&[Given::new("late", at(HOUR))], true, at("2026-01-02T06:00:00Z"))
        .await;
    planner.plan(at("2026-01-02T07:00:00Z")).await.unwrap();
    archive.write_all().await;
    let hour = "SELECT files || ' ' || events || ' ' || (closed_at = '2026-01-02T04:05:00Z')::text FROM archive_hours \
        WHERE hour = '2026-01-02T03:00:00Z'";
    assert_eq!(archive.value::<String>(hour).await, "2 11 true");
    let verified = archive.archive().verify(at(HOUR)).await.unwrap();
    assert_eq!(
        (verified.events, verified.in_journal, verified.objects),
        (11, 11, 2)
    );
    assert!(verified.troubles.is_empty(), "{verified:?}");
}

#[tokio::test]
async fn an_hour_without_events_is_closed_too() {
    let archive = TestArchive::new(ArchiveSettings::default()).await;
    archive.store_events(&events_of(HOUR, 1), false, at(HOUR)).await;
    archive.planner().plan(at(FLUSHED)).await.unwrap();
    archive.write_all().await;
    let closed = archive
        .closer()
        .close(at("2026-01-02T07:10:00Z"), &Log(0, 0))
        .await
        .unwrap();
    let hours = [
        "2026-01-02T03:00:00Z",
        "2026-01-02T04:00:00Z",
        "2026-01-02T05:00:00Z",
        "2026-01-02T06:00:00Z",
    ];
    assert_eq!(
        closed,
        hours[..4].iter().map(|hour| at(hour)).collect::<Vec<_>>()[..]
    );
}

/// A partition that grows all the time is never read to its end.
#[tokio::test]
async fn what_comes_after_an_hour_was_flushed_is_not_waited_for() {
    let archive = TestArchive::new(ArchiveSettings::default()).await;
    archive.store_events(&events_of(HOUR, 1), false, at(HOUR)).await;
    archive.planner().plan(at(FLUSHED)).await.unwrap();
    archive.write_all().await;
    position(&archive, 0, 9).await;
    let mut closer = archive.closer();
    assert!(closer.close(at(FLUSHED), &Log(10, 0)).await.unwrap().is_empty());
    assert!(closer.close(at(FLUSHED), &Log(20, 5)).await.unwrap().is_empty());
    position(&archive, 0, 10).await;
    assert_eq!(closer.close(at(FLUSHED), &Log(30, 9)).await.unwrap(), [at(HOUR)]);
}
