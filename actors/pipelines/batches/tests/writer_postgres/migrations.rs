//! The schema comes up from anywhere.

use crate::server::TestDatabase;
use futures_util::future::join_all;
use millrace_batches::write::MIGRATIONS;
use millrace_postgres::MigrateError;
use std::time::Duration;

#[tokio::test]
async fn an_empty_database_gets_every_migration_and_then_none() {
    let database = TestDatabase::empty().await;
    let settings = database.settings();
    let planned = MIGRATIONS.pending(&settings).await.unwrap();
    assert!(!planned.is_empty());
    assert_eq!(
        MIGRATIONS.pending(&settings).await.unwrap(),
        planned,
        "looking changes nothing"
    );

    let report = MIGRATIONS.migrate(&settings).await.unwrap();
    assert_eq!(report.applied, planned);
    assert_eq!(report.unknown, []);

    assert_eq!(MIGRATIONS.pending(&settings).await.unwrap(), []);
    assert_eq!(MIGRATIONS.migrate(&settings).await.unwrap().applied, []);
}

#[tokio::test]
async fn replicas_that_start_at_once_share_the_work() {
    let database = TestDatabase::empty().await;
    let settings = database.settings();
    let reports = join_all((0..8).map(|_| MIGRATIONS.migrate(&settings))).await;
    // Whose turn it is changes with each of them.
    let mut applied = reports
        .into_iter()
        .flat_map(|report| report.unwrap().applied)
        .map(|migration| migration.version)
        .collect::<Vec<_>>();
    applied.sort_unstable();
    let recorded = database
        .rows("SELECT version FROM millrace_schema_history ORDER BY version")
        .await;
    let recorded = recorded
        .iter()
        .map(|row| row.get::<_, i32>(0))
        .collect::<Vec<_>>();
    assert_eq!(applied, recorded);
}

/// Undoes what the migrations after the fifth make.
const WITHOUT_LATER_TABLES: &str = "\
    DROP TABLE suspects, rollup_changes, rollup_jobs, rollup_projects, rollup_errors, rollup_errors_all, rollup_state; \
    DROP FUNCTION rollup_note, rollup_empty, rollup_fold, value_age, value_ages_of CASCADE";

#[tokio::test]
async fn a_database_that_is_newer_than_the_binary_is_used_as_it_is() {
    let database = TestDatabase::migrated().await;
    let newer =
        "INSERT INTO millrace_schema_history VALUES (9999, 'from_the_future', '2026-01-01T00:00:00Z', '1')";
    database.client().await.batch_execute(newer).await.unwrap();
    let report = MIGRATIONS.migrate(&database.settings()).await.unwrap();
    assert_eq!(report.applied, []);
    assert_eq!(report.unknown[0].name, "from_the_future");
}

#[tokio::test]
async fn an_earlier_version_is_brought_up_to_date_and_a_hole_is_refused() {
    let database = TestDatabase::migrated().await;
    let client = database.client().await;
    let back = format!("DELETE FROM millrace_schema_history WHERE version >= 4; {WITHOUT_LATER_TABLES}");
    client.batch_execute(&back).await.unwrap();
    let applied = MIGRATIONS.migrate(&database.settings()).await.unwrap().applied;
    let versions = applied.iter().map(|migration| migration.version);
    assert_eq!(versions.take(2).collect::<Vec<_>>(), [4, 5]);

    let hole = "DELETE FROM millrace_schema_history WHERE version = 2";
    client.batch_execute(hole).await.unwrap();
    let refused = MIGRATIONS.migrate(&database.settings()).await.unwrap_err();
    assert!(
        matches!(refused, MigrateError::OutOfOrder { missing: 2, .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn an_index_build_that_was_interrupted_is_done_again() {
    let database = TestDatabase::migrated().await;
    let interrupted = format!(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_comments_post_id'::regclass; \
         DELETE FROM millrace_schema_history WHERE version >= 5; {WITHOUT_LATER_TABLES}"
    );
    database.client().await.batch_execute(&interrupted).await.unwrap();
    MIGRATIONS.migrate(&database.settings()).await.unwrap();
    let valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'idx_comments_post_id'::regclass";
    assert!(database.value::<bool>(valid).await);
}

#[tokio::test]
async fn a_table_of_that_name_that_is_not_ours_is_reported_by_name() {
    let database = TestDatabase::empty().await;
    database
        .client()
        .await
        .batch_execute("CREATE TABLE post_analytics (id int)")
        .await
        .unwrap();
    let error = MIGRATIONS
        .migrate(&database.settings())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("post_analytics") && error.contains("42P07"),
        "{error}"
    );
    let left: i64 = database
        .value("SELECT count(*) FROM pg_tables WHERE tablename = 'authors'")
        .await;
    assert_eq!(left, 0, "a failed migration leaves nothing behind");
}

/// What a pooler leaves of a session whose client has gone.
#[tokio::test]
async fn a_lock_that_is_not_used_any_more_is_taken_away() {
    let database = TestDatabase::empty().await;
    let mut settings = database.settings();
    settings.statement_timeout = Duration::from_secs(1);
    let left_behind = database.client().await;
    let lock = format!("SELECT pg_advisory_lock({})", i64::from_be_bytes(*b"millrace"));
    left_behind.batch_execute(&lock).await.unwrap();
    assert!(!MIGRATIONS.migrate(&settings).await.unwrap().applied.is_empty());
    assert!(
        left_behind.batch_execute("SELECT 1").await.is_err(),
        "its session was ended"
    );
}

/// Building an index takes longer than a default for statements may allow.
#[tokio::test]
async fn a_short_default_for_statements_does_not_end_a_migration() {
    let database = TestDatabase::empty().await;
    database.client().await.batch_execute(SLOW_DDL).await.unwrap();
    database.set_default("statement_timeout = '250ms'").await;
    assert!(
        !MIGRATIONS
            .migrate(&database.settings())
            .await
            .unwrap()
            .applied
            .is_empty()
    );
}

/// The server waits at the end of each command that makes something.
const SLOW_DDL: &str = "\
    CREATE FUNCTION dawdle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.3); END $$; \
    CREATE EVENT TRIGGER dawdle ON ddl_command_end WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION dawdle()";
