//! Transactions that meet: the loser tries again, and no event is charged.

use crate::{
    fixtures::{at, author},
    server::{TABLES, TestDatabase},
    writes::*,
};
use millrace_batches::write::Writer;
use millrace_engine::{Fault, Sink};
use millrace_stack::wait_for;
use std::time::Duration;
use tokio_postgres::Client;

const PATIENCE: Duration = Duration::from_secs(30);

/// Long enough for a busy machine to do what is not slowed down on purpose.
const SHORT_STATEMENT: Duration = Duration::from_secs(2);

fn hasty_writer(database: &TestDatabase<'_>) -> Writer {
    let mut settings = database.settings();
    settings.statement_timeout = SHORT_STATEMENT;
    database.writer_with(&settings)
}

async fn process_of(client: &Client) -> i32 {
    client
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .unwrap()
        .get(0)
}

/// Waits until this server process waits for another.
async fn until_it_waits(watcher: &Client, process: i32) {
    until(watcher, "SELECT cardinality(pg_blocking_pids($1)) > 0", process).await;
}

/// Waits until another server process waits for this one.
async fn until_it_blocks(watcher: &Client, process: i32) {
    let sql = "SELECT count(*) > 0 FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))";
    until(watcher, sql, process).await;
}

async fn until(watcher: &Client, condition: &str, process: i32) {
    wait_for(condition, PATIENCE, async || {
        let row = watcher.query_one(condition, &[&process]).await;
        row.is_ok_and(|row| row.get(0))
    })
    .await
    .unwrap();
}

/// The writer has the post and wants ann, the rival has ann and wants the post. The gate holds an author that
/// the writer needs first, so that it is the writer who closes the circle, and who is chosen as the victim.
#[tokio::test]
async fn the_victim_of_a_deadlock_tries_again() {
    let database = TestDatabase::migrated().await;
    refuse_posts(&database, "00000", 0).await;
    let watcher = database.client().await;
    let gate = database.client().await;
    let close =
        "BEGIN; INSERT INTO authors (platform, author_key, crawled_at) VALUES ('tiktok', 'aaa', now())";
    gate.batch_execute(close).await.unwrap();
    let rival = hold_author(&database).await;
    rival
        .batch_execute("SET LOCAL deadlock_timeout = '1h'")
        .await
        .unwrap();

    let mut batch = one("e1");
    batch.items.authors.push(author("aaa", at(10)));
    let mut writer = database.writer();
    let batches = [&batch];
    let (gate_process, rival_process) = (process_of(&gate).await, process_of(&rival).await);
    let close_the_circle = async {
        until_it_blocks(&watcher, gate_process).await;
        let post = "INSERT INTO post_analytics (scope, platform, id, crawled_at, is_dryrun, job_id) \
            VALUES ('p1', 'tiktok', 'e1', now(), false, 'j')";
        let open_the_gate = async {
            until_it_waits(&watcher, rival_process).await;
            gate.batch_execute("ROLLBACK").await.unwrap();
        };
        let (inserted, ()) = tokio::join!(rival.batch_execute(post), open_the_gate);
        inserted.unwrap();
        rival.batch_execute("ROLLBACK").await.unwrap();
    };
    let (written, ()) = tokio::join!(writer.write(&batches), close_the_circle);
    written.unwrap();
    assert_stored_once(&database, "e1").await;
    assert_eq!(
        tries(&database).await,
        3,
        "the victim's, the rival's, and the one that won"
    );
}

/// An operator's default must not make our upserts fail on each other.
#[tokio::test]
async fn a_serializable_default_does_not_make_writers_fail_on_each_other() {
    let database = TestDatabase::migrated().await;
    let mut settings = database.settings();
    settings.url = format!(
        "{}?options=-c%20default_transaction_isolation%3Dserializable",
        database.server().url(database.name())
    )
    .into();
    let mut writer = database.writer_with(&settings);
    assert_works(&database, &mut writer, "e0").await;
    refuse_posts(&database, "00000", 0).await;
    let rival = database.client().await;
    let hold = "BEGIN ISOLATION LEVEL SERIALIZABLE; UPDATE authors SET follower_count = 1";
    rival.batch_execute(hold).await.unwrap();
    let blocked = one("e1");
    let batches = [&blocked];
    let mut write = Box::pin(writer.write(&batches));
    until_blocked(&database, &mut write).await;
    rival.batch_execute("COMMIT").await.unwrap();
    write.await.unwrap();
    assert_stored_once(&database, "e1").await;
    assert_eq!(tries(&database).await, 1, "nothing had to be done again");
}

#[tokio::test]
async fn a_serialization_failure_is_tried_again_four_times_and_then_its_event_is_charged() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    refuse_posts(&database, "40001", 3).await;
    assert_works(&database, &mut writer, "e1").await;
    assert_eq!(tries(&database).await, 4);

    refuse_posts(&database, "40001", 4).await;
    let detail = charged(writer.write(&[&one("e2")]).await.unwrap_err(), "write_collides");
    assert!(detail.contains("40001") && detail.contains("4 tries"), "{detail}");
    assert_not_stored(&database, "e2").await;
    assert_works(&database, &mut writer, "e2").await;
}

#[tokio::test]
async fn a_locked_table_is_waited_for_and_then_an_outage() {
    let database = TestDatabase::migrated().await;
    let mut writer = hasty_writer(&database);
    let holder = database.client().await;
    for table in TABLES {
        let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        holder.batch_execute(&lock).await.unwrap();
        let detail = outage(writer.write(&[&one(table)]).await.unwrap_err());
        assert!(detail.contains("55P03"), "{table}: {detail}");
        holder.batch_execute("ROLLBACK").await.unwrap();
        assert_not_stored(&database, table).await;
        assert_works(&database, &mut writer, table).await;
    }
}

/// A trigger on comments that sleeps for whatever is in this condition of the new row.
async fn dawdle(database: &TestDatabase<'_>, condition: &str) {
    let sql = format!(
        "CREATE OR REPLACE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN IF {condition} THEN PERFORM pg_sleep(3600); END IF; RETURN NEW; END $$; \
         CREATE OR REPLACE TRIGGER dawdle BEFORE INSERT ON comments FOR EACH ROW EXECUTE FUNCTION dawdle()"
    );
    database.client().await.batch_execute(&sql).await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_slow_for_all_is_an_outage() {
    let database = TestDatabase::migrated().await;
    let mut writer = hasty_writer(&database);
    dawdle(&database, "true").await;
    let detail = outage(writer.write(&[&one("e1")]).await.unwrap_err());
    assert!(detail.contains("57014"), "{detail}");
    dawdle(&database, "false").await;
    assert_not_stored(&database, "e1").await;
    assert_works(&database, &mut writer, "e1").await;
}

/// Large batches time out and a probe does not: only what became of the others tells.
#[tokio::test]
async fn a_database_that_is_slow_for_all_batches_charges_few_of_them() {
    let database = TestDatabase::migrated().await;
    let mut writer = hasty_writer(&database);
    dawdle(&database, "NEW.comment_id NOT LIKE '.millrace-probe-%'").await;
    for id in ["e1", "e2"] {
        charged(writer.write(&[&one(id)]).await.unwrap_err(), "write_too_slow");
    }
    let detail = outage(writer.write(&[&one("e3")]).await.unwrap_err());
    assert!(detail.contains("every other event"), "{detail}");
    // It makes room for others in the end, and is not charged for that.
    let waits = writer.write(&[&one("e3")]).await.unwrap_err();
    assert!(matches!(waits, Fault::Deferred { .. }), "{waits:?}");

    // When others are stored it is the event.
    dawdle(&database, "NEW.comment_id LIKE 'e3%'").await;
    for n in 0..6 {
        assert_works(&database, &mut writer, &format!("f{n}")).await;
    }
    charged(writer.write(&[&one("e3")]).await.unwrap_err(), "write_too_slow");
}

#[tokio::test]
async fn a_batch_that_is_always_too_slow_is_charged_alone() {
    let database = TestDatabase::migrated().await;
    let mut writer = hasty_writer(&database);
    dawdle(&database, "NEW.comment_id LIKE 'slow%'").await;
    for _ in 0..5 {
        let detail = charged(writer.write(&[&one("slow")]).await.unwrap_err(), "write_too_slow");
        assert!(detail.contains("57014"), "{detail}");
    }
    assert_not_stored(&database, "slow").await;
    assert_works(&database, &mut writer, "e1").await;
}

#[tokio::test]
async fn a_row_that_another_session_holds_costs_the_event_that_wants_it() {
    let database = TestDatabase::migrated().await;
    let mut writer = hasty_writer(&database);
    let holder = hold_author(&database).await;
    for _ in 0..3 {
        for id in ["e1", "e2"] {
            let detail = charged(writer.write(&[&one(id)]).await.unwrap_err(), "row_locked");
            assert!(detail.contains("55P03"), "{detail}");
        }
    }
    let mut other = one("e3");
    other.items.authors = vec![author("bob", at(10))];
    assert_stores(&database, &mut writer, &other).await;
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_works(&database, &mut writer, "e1").await;
}
