//! When files are planned, by a clock that is given.

use crate::{
    fixtures::{Given, at, events_of},
    server::TestArchive,
};
use jiff::Timestamp;
use millrace_products::archive::{ArchiveSettings, Round};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: &str = "2026-01-02T03:00:00Z";

#[tokio::test]
async fn an_hour_is_flushed_by_the_clock_without_new_events() {
    let archive = TestArchive::new(ArchiveSettings::default()).await;
    let planner = archive.planner();
    archive
        .store_events(&events_of(HOUR, 3), false, at("2026-01-02T03:10:00Z"))
        .await;
    let round = planner.plan(at("2026-01-02T04:04:59.999Z")).await.unwrap();
    let waits = Round {
        waiting: 3,
        oldest: Some(at("2026-01-02T03:10:00Z")),
        ..Round::default()
    };
    assert_eq!(round, waits);
    let round = planner.plan(at("2026-01-02T04:05:00Z")).await.unwrap();
    assert_eq!((round.files, round.events, round.waiting), (1, 3, 0));
    assert_eq!(
        round.oldest,
        Some(at("2026-01-02T04:05:00Z")),
        "it is not stored yet"
    );
    archive.write_all().await;
    let round = planner.plan(at("2026-01-02T04:05:01Z")).await.unwrap();
    assert_eq!(round, Round::default());
}

#[tokio::test]
async fn a_file_is_planned_before_the_time_when_it_is_full() {
    let settings = ArchiveSettings {
        file_events: 100,
        file_bytes: 10_000,
        ..ArchiveSettings::default()
    };
    let archive = TestArchive::new(settings).await;
    let (planner, now) = (archive.planner(), at("2026-01-02T03:30:00Z"));
    archive.store_events(&events_of(HOUR, 99), false, now).await;
    assert_eq!(planner.plan(now).await.unwrap().files, 0);
    archive
        .store_events(&[Given::new("one more", at(HOUR))], false, now)
        .await;
    assert_eq!(
        planner.plan(now).await.unwrap(),
        Round {
            files: 1,
            events: 100,
            waiting: 0,
            oldest: Some(now),
        }
    );
    // By bytes, of which one event alone may have too many.
    for (n, bytes) in [(0, 4_000), (1, 5_000), (2, 4_000), (3, 20_000)] {
        let mut event = Given::new(format!("large {n}"), at(HOUR));
        event.payload = format!("{{\"x\":\"{}\"}}", "x".repeat(bytes));
        archive.store_events(&[event], false, now).await;
    }
    let round = planner.plan(now).await.unwrap();
    assert_eq!((round.files, round.events), (3, 4));
    let sizes = "SELECT string_agg(events::text, ' ' ORDER BY seq) FROM archive_files";
    assert_eq!(archive.value::<String>(sizes).await, "100 2 1 1");
    let names = "SELECT bool_and(key LIKE 'events/2026/01/02/03/00000_-' || file_id || '.ndjson.zst') FROM archive_files";
    assert!(archive.value::<bool>(names).await);
}

/// 10,000 events of 50 hours come late, in the course of five hours.
#[tokio::test]
async fn stragglers_make_few_files() {
    let archive = TestArchive::new(ArchiveSettings::default()).await;
    let (planner, start) = (archive.planner(), at("2026-01-05T00:00:00Z"));
    let mut now = start;
    for minute in 0..300_u64 {
        let mut events = Vec::new();
        for n in 0..40 {
            let number = minute * 40 + n;
            if number >= 10_000 {
                break;
            }
            let hour = number * 7 % 50;
            let happened = at("2026-01-02T00:00:00Z") + MINUTE * u32::try_from(hour * 60 + n).unwrap();
            events.push(Given {
                received_at: now,
                ..Given::new(format!("late {number}"), happened)
            });
        }
        if !events.is_empty() {
            archive.store_events(&events, true, now).await;
        }
        planner.plan(now).await.unwrap();
        now += MINUTE;
    }
    now = start + MINUTE * 400;
    planner.plan(now).await.unwrap();
    assert_eq!(
        archive
            .value::<i64>("SELECT sum(events)::bigint FROM archive_files WHERE late")
            .await,
        10_000
    );
    // Of one hour no two within the time of gathering, and so at most five in these five hours.
    let gaps = "SELECT coalesce(min(planned_at - before), interval '1 day') >= interval '60 minutes' FROM \
        (SELECT planned_at, lag(planned_at) OVER (PARTITION BY hour ORDER BY planned_at) AS before FROM archive_files) AS f";
    assert!(archive.value::<bool>(gaps).await);
    let files = archive.value::<i64>("SELECT count(*) FROM archive_files").await;
    assert!((50..=250).contains(&files), "{files}");
    let named = "SELECT bool_and(key LIKE 'events/2026/01/%/late-%') FROM archive_files";
    assert!(archive.value::<bool>(named).await);
}

#[tokio::test]
async fn a_late_event_waits_as_long_as_it_may_and_not_longer() {
    let archive = TestArchive::new(ArchiveSettings::default()).await;
    let (planner, came) = (archive.planner(), at("2026-01-02T07:30:00Z"));
    let plan = async |after: Duration| {
        let now: Timestamp = came + after;
        planner.plan(now).await.unwrap().files
    };
    archive.store_events(&events_of(HOUR, 1), true, came).await;
    assert_eq!(plan(MINUTE * 59).await, 0);
    archive
        .store_events(&[Given::new("another", at(HOUR))], true, came + MINUTE * 59)
        .await;
    assert_eq!(plan(MINUTE * 60).await, 1, "both together");
    assert_eq!(archive.value::<i64>("SELECT events FROM archive_files").await, 2);
}
