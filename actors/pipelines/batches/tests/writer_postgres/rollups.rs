//! The sums that page and API answer from are what the ledger holds, however it came to hold it.

use crate::{fixtures::*, server::TestDatabase};
use millrace_batches::{
    domain::{Items, Platform, Project},
    reports::{ErrorsOf, Page, ReportQueries},
    write::{Reports, Rollups},
};
use millrace_engine::Sink;
use millrace_postgres::Database;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use tokio::runtime::Handle;
use tokio_postgres::Client;

/// What the ledger says, row by row as text.
const OF_LEDGER: [&str; 3] = [
    "SELECT coalesce(project_id, ''), job_id, platform, batches_done, batches_expected, items, successes, errors, \
            rejected, last_committed_at FROM project_progress",
    "SELECT coalesce(project_id, ''), count(DISTINCT job_id), sum(batches_done), \
            CASE WHEN bool_and(batches_expected IS NOT NULL) THEN sum(batches_expected) END, \
            CASE WHEN bool_and(coalesce(batches_expected, 0) > 0) \
                 THEN round(100.0 * sum(least(batches_done, batches_expected)) / sum(batches_expected), 2) END, \
            sum(items), sum(successes), sum(errors), sum(rejected), max(last_committed_at) \
     FROM project_progress GROUP BY 1",
    "SELECT coalesce(project_id, ''), platform, e.key, sum(e.value::bigint) \
     FROM ingested_batches, jsonb_each_text(error_distribution) AS e GROUP BY 1, 2, 3",
];

/// What the sums say of the same.
const OF_SUMS: [&str; 3] = [
    "SELECT project_key, job_id, platform, batches_done, batches_expected, items, successes, errors, rejected, \
            last_committed_at FROM rollup_jobs",
    "SELECT project_key, jobs, batches_done, CASE WHEN parts_unplanned = 0 THEN batches_expected END, \
            CASE WHEN parts_unsized = 0 THEN round(100.0 * batches_counted / batches_expected, 2) END, \
            items, successes, errors, rejected, last_committed_at FROM rollup_projects",
    "SELECT project_key, platform, error_code, errors FROM rollup_errors WHERE errors > 0",
];

async fn rows(client: &Client, query: &str) -> Vec<String> {
    let query = format!("SELECT t::text FROM ({query}) AS t ORDER BY 1");
    let rows = client.query(&query, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn assert_equal(client: &Client, after: &str) {
    for (ledger, sums) in OF_LEDGER.iter().zip(OF_SUMS) {
        assert_eq!(
            rows(client, sums).await,
            rows(client, ledger).await,
            "after {after}"
        );
    }
    let all = "SELECT platform, error_code, errors FROM rollup_errors_all WHERE errors > 0";
    let of_all = "SELECT platform, error_code, sum(errors) FROM rollup_errors WHERE errors > 0 GROUP BY 1, 2";
    assert_eq!(
        rows(client, all).await,
        rows(client, of_all).await,
        "after {after}"
    );
}

fn rollups(database: &TestDatabase<'_>) -> Rollups {
    Rollups::new(Database::new(&database.settings(), &Handle::current()).unwrap())
}

/// A statement that changes the ledger: mostly new batches in few jobs, so that they meet.
fn change() -> impl Strategy<Value = String> {
    let project = prop_oneof![Just("NULL"), Just("'p1'"), Just("'p2'")];
    let total = prop_oneof![Just("NULL"), Just("0"), Just("3"), Just("8")];
    let index = prop_oneof![Just("NULL".to_owned()), (0..4).prop_map(|n: i32| n.to_string())];
    let platform = prop_oneof![Just("tiktok"), Just("youtube")];
    let errors = prop_oneof![
        Just("{}"),
        Just(r#"{"TIMEOUT": 2}"#),
        Just(r#"{"MADE_UP": 1, "TIMEOUT": 1}"#)
    ];
    let added = (project, 0..4, platform, index, total, errors, 0..50).prop_map(
        |(project, job, platform, index, total, errors, items)| {
            format!(
                "INSERT INTO ingested_batches (event_id, object_path, project_id, job_id, platform, batch_index, \
                 total_batches, item_count, success_count, error_count, rejected_count, error_distribution, event_at, \
                 received_at, committed_at, attempts) \
                 VALUES (gen_random_uuid(), 'o', {project}, 'job-{job}', '{platform}', {index}, {total}, {items}, \
                 {items}, 1, 0, '{errors}', now(), now(), now() - random() * interval '1 day', 1)"
            )
        },
    );
    let some = "SELECT event_id FROM ingested_batches ORDER BY random() LIMIT 2";
    prop_oneof![
        20 => added,
        1 => Just(format!("DELETE FROM ingested_batches WHERE event_id IN ({some})")),
        1 => Just(format!("UPDATE ingested_batches SET batch_index = 1, total_batches = 5 WHERE event_id IN ({some})")),
        1 => (0..4).prop_map(|job| format!("DELETE FROM ingested_batches WHERE job_id = 'job-{job}'")),
    ]
}

#[tokio::test]
async fn sums_are_what_the_ledger_holds_after_any_changes() {
    let database = TestDatabase::migrated().await;
    let (client, rollups) = (database.client().await, rollups(&database));
    let mut runner = TestRunner::new(Config::default());
    let rounds = proptest::collection::vec(proptest::collection::vec(change(), 0..25), 30);
    for round in rounds.new_tree(&mut runner).unwrap().current() {
        for change in &round {
            client.batch_execute(change).await.unwrap();
        }
        rollups.refresh().await.unwrap();
        assert_equal(&client, &round.join("\n")).await;
    }
    assert!(
        rows(&client, OF_LEDGER[0]).await.len() > 3,
        "there is something to sum up"
    );
    client.batch_execute("TRUNCATE ingested_batches").await.unwrap();
    assert_equal(&client, "TRUNCATE").await;
}

#[tokio::test]
async fn what_is_committed_late_is_added_late_and_never_lost() {
    let database = TestDatabase::migrated().await;
    let (client, rollups) = (database.client().await, rollups(&database));
    let mut slow = database.client().await;
    let insert = "INSERT INTO ingested_batches (event_id, object_path, job_id, platform, item_count, success_count, \
        error_count, rejected_count, error_distribution, event_at, received_at, attempts) \
        VALUES (gen_random_uuid(), 'o', 'j', 'tiktok', 1, 1, 0, 0, '{}', now(), now(), 1)";
    let late = slow.transaction().await.unwrap();
    late.batch_execute(insert).await.unwrap();
    client.batch_execute(insert).await.unwrap();
    assert_eq!(rollups.refresh().await.unwrap(), 1);
    assert_equal(&client, "the quick one").await;
    late.commit().await.unwrap();
    assert_eq!(rollups.refresh().await.unwrap(), 1);
    assert_equal(&client, "the slow one").await;
}

#[tokio::test]
async fn replicas_that_refresh_at_once_count_everything_once() {
    let database = TestDatabase::migrated().await;
    let client = database.client().await;
    let writing = (0..4).map(|n| {
        let (mut writer, rollups) = (database.writer(), rollups(&database));
        async move {
            for m in 0..20 {
                let mut event = event(&format!("e{n}-{m}"));
                event.job_id = format!("job-{}", m % 3);
                event.batch_index = Some(m);
                let one = batch(event, one_of_each(&format!("{n}-{m}")));
                writer.write(&[&one]).await.unwrap();
                rollups.refresh().await.unwrap();
            }
        }
    });
    futures_util::future::join_all(writing).await;
    rollups(&database).refresh().await.unwrap();
    assert_equal(&client, "four writers").await;
    let distribution = "SELECT platform, error_code, errors FROM error_distribution";
    let told = "SELECT platform, error_code, errors FROM rollup_errors WHERE project_key = 'p1'";
    assert_eq!(rows(&client, told).await, rows(&client, distribution).await);
}

#[tokio::test]
async fn batches_of_before_the_sums_are_counted_by_the_migration() {
    let database = TestDatabase::migrated().await;
    let client = database.client().await;
    for n in 0..5 {
        let mut event = event(&format!("e{n}"));
        event.project = if n < 3 {
            Project::Named("p1".to_owned())
        } else {
            Project::DryRun
        };
        event.platform = if n % 2 == 0 {
            Platform::Tiktok
        } else {
            Platform::Youtube
        };
        event.total_batches = (n > 0).then_some(4);
        let one = batch(event, one_of_each(&n.to_string()));
        database.writer().write(&[&one]).await.unwrap();
    }
    // As it is between the two migrations: nothing is counted, and one batch more leaves its change.
    let before = "DELETE FROM rollup_changes WHERE event_id <> 'e4'; UPDATE rollup_state SET filled = false";
    client.batch_execute(before).await.unwrap();
    assert_eq!(
        rollups(&database).refresh().await.unwrap(),
        0,
        "it would be counted twice"
    );
    let reports = Reports::new(Database::new(&database.settings(), &Handle::current()).unwrap());
    let refused = reports.projects(Page::first(1)).await.unwrap_err();
    assert!(refused.0.contains("not counted yet"), "{refused}");
    let migration = include_str!("../../../../../schema/batches/migrations/V8__rollups_of_what_is_there.sql");
    client.batch_execute(migration).await.unwrap();
    assert_equal(&client, "the migration").await;
    assert_eq!(reports.projects(Page::first(9)).await.unwrap().of.len(), 2);
}

#[tokio::test]
async fn answers_say_as_of_when_they_are() {
    let database = TestDatabase::migrated().await;
    let reports = Reports::new(Database::new(&database.settings(), &Handle::current()).unwrap());
    let items = || Items {
        errors: vec![error("v1", "TIMEOUT", at(1)), error("v2", "MADE_UP", at(1))],
        ..Items::default()
    };
    database
        .writer()
        .write(&[&batch(event("e1"), items())])
        .await
        .unwrap();
    let before = reports.errors(ErrorsOf::default()).await.unwrap();
    assert!(before.of.codes.is_empty(), "not added yet");
    rollups(&database).refresh().await.unwrap();
    let after = reports.errors(ErrorsOf::default()).await.unwrap();
    assert!(after.as_of > before.as_of);
    let categories: Vec<_> = after
        .of
        .categories
        .iter()
        .map(|sum| (&*sum.category, sum.errors))
        .collect();
    assert_eq!(categories, [("network", 1), ("unknown", 1)]);
    let of_unknown = ErrorsOf {
        project_id: Some("unknown".to_owned()),
        platform: None,
    };
    assert!(reports.errors(of_unknown).await.unwrap().of.categories.is_empty());
}

/// A role that may write and was given nothing on the tables of the sums.
#[tokio::test]
async fn a_missing_grant_on_the_sums_stops_no_writer() {
    let database = TestDatabase::migrated().await;
    let role = format!("plain_{}", database.name());
    let grants = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT SELECT, INSERT, UPDATE ON ingested_batches, post_analytics, \
         authors, comments, crawl_errors, rejected_items TO {role}"
    );
    database.client().await.batch_execute(&grants).await.unwrap();
    let mut settings = database.settings();
    let url = database.server().url(database.name());
    let (_, place) = url.split_once('@').unwrap();
    settings.url = format!("postgresql://{role}:x@{place}").into();
    database
        .writer_with(&settings)
        .write(&[&batch(event("e1"), one_of_each("1"))])
        .await
        .unwrap();
    let theirs = Rollups::new(Database::new(&settings, &Handle::current()).unwrap());
    let refused = theirs.refresh().await.unwrap_err().to_string();
    assert!(refused.contains("rollup_"), "{refused}");
    assert_eq!(
        rollups(&database).refresh().await.unwrap(),
        1,
        "its change was noted"
    );
}
