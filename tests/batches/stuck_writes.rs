//! Writes that cannot be done now, while others can: they alone are charged, and they hold no others.

use crate::running::{DLQ, PATIENCE, Running, batch_of, fresh_id};
use millrace_stack::wait_for;
use std::time::Duration;

const SICK: usize = 2;
const NEIGHBOURS: usize = 11;

/// Impatient, with so many writers.
async fn start(name: &str, writers: usize) -> Running<'static> {
    let writers = writers.to_string();
    let settings = [
        ("MAX_WRITERS", writers.as_str()),
        ("DATABASE_STATEMENT_TIMEOUT_SECONDS", "2"),
        ("MAX_RETRY_ATTEMPTS", "3"),
        ("RETRY_INITIAL_DELAY", "0.2"),
        ("RETRY_MAX_DELAY", "0.4"),
    ];
    Running::shared(name, &settings).await
}

/// Publishes batches that all have this author.
async fn publish_by(pipeline: &Running<'_>, author: &str, batches: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..batches {
        let id = fresh_id();
        let body = batch_of(&id, 3).replace("author-", author);
        let path = pipeline.put(&format!("tiktok/{id}.json"), body).await;
        pipeline.announce(&id, &path).await;
        ids.push(id);
    }
    ids
}

/// The sick ones are dead-lettered with the server's words after all their attempts, the others are stored.
async fn only_the_stuck_are_charged(pipeline: &Running<'_>, sick: &[String], others: &[String], words: &str) {
    pipeline.stored(others).await;
    let letters = pipeline.dead_letters(sick.len()).await;
    for letter in &letters {
        let header = |name| letter.header(name).unwrap_or_default();
        assert_eq!(header("x-millrace-reason"), "attempts_exhausted");
        assert_eq!(header("x-millrace-attempts"), "3");
        assert!(header("x-millrace-detail").contains(words), "{letter:?}");
        assert!(sick.contains(&header("x-millrace-event-id")), "{letter:?}");
    }
    pipeline.queue_empties().await;
    let charged = "ingested_batches WHERE attempts <> 1 AND event_id = ANY($1)";
    assert_eq!(
        pipeline.count(charged, &[&others]).await,
        0,
        "the others were charged nothing"
    );
}

/// A trigger that sleeps for comments that this condition is true of.
async fn dawdle(pipeline: &Running<'_>, condition: &str) {
    let sql = format!(
        "CREATE OR REPLACE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN IF {condition} THEN PERFORM pg_sleep(3600); END IF; RETURN NEW; END $$; \
         CREATE OR REPLACE TRIGGER dawdle BEFORE INSERT ON comments FOR EACH ROW EXECUTE FUNCTION dawdle()"
    );
    pipeline.database.batch_execute(&sql).await.unwrap();
}

async fn not_ready(pipeline: &Running<'_>) {
    wait_for(
        "readiness to name the database",
        PATIENCE,
        async || match pipeline.service.get("/readyz").await {
            Ok((503, body)) if body.contains("database") => Ok(()),
            other => Err(format!("{other:?}")),
        },
    )
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", pipeline.service.lines().join("\n")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_an_open_transaction_holds_costs_only_the_events_that_want_it() {
    for writers in [1, 2] {
        let pipeline = start(&format!("locked-row-{writers}"), writers).await;
        let holder = pipeline.tenant.connect_postgres().await.unwrap();
        let hold = "BEGIN; INSERT INTO authors (platform, author_key, crawled_at) \
            SELECT 'tiktok', 'held-' || n, now() FROM generate_series(0, 2) n";
        holder.batch_execute(hold).await.unwrap();
        let sick = publish_by(&pipeline, "held-", SICK).await;
        let others = publish_by(&pipeline, "free-", NEIGHBOURS).await;
        only_the_stuck_are_charged(&pipeline, &sick, &others, "55P03").await;
        holder.batch_execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_always_takes_too_long_costs_itself() {
    for writers in [1, 2] {
        let pipeline = start(&format!("slow-batch-{writers}"), writers).await;
        let sick = fresh_id();
        dawdle(&pipeline, &format!("NEW.comment_id LIKE '{sick}-%'")).await;
        pipeline.batch(&sick, 3).await;
        let others = publish_by(&pipeline, "free-", NEIGHBOURS).await;
        only_the_stuck_are_charged(&pipeline, &[sick], &others, "57014").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_raises_costs_what_it_raises_for() {
    let pipeline = start("raising-trigger", 2).await;
    let sick = fresh_id();
    let raise = format!(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN IF NEW.comment_id LIKE '{sick}-%' THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON comments FOR EACH ROW EXECUTE FUNCTION refuse()"
    );
    pipeline.database.batch_execute(&raise).await.unwrap();
    pipeline.batch(&sick, 3).await;
    let others = publish_by(&pipeline, "free-", NEIGHBOURS).await;
    only_the_stuck_are_charged(&pipeline, &[sick], &others, "not this one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_table_is_waited_for_and_no_event_is_charged() {
    for writers in [1, 2] {
        let pipeline = start(&format!("locked-table-{writers}"), writers).await;
        let holder = pipeline.tenant.connect_postgres().await.unwrap();
        let lock = "BEGIN; LOCK TABLE comments IN ACCESS EXCLUSIVE MODE";
        holder.batch_execute(lock).await.unwrap();
        let ids = publish_by(&pipeline, "any-", NEIGHBOURS).await;
        not_ready(&pipeline).await;
        holder.batch_execute("ROLLBACK").await.unwrap();
        pipeline.stored(&ids).await;
        pipeline.queue_empties().await;
        assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
    }
}

/// The probe is answered in time, and no batch is written in time.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_too_slow_for_every_batch_dead_letters_none() {
    for writers in [1, 2] {
        let pipeline = start(&format!("slow-for-all-{writers}"), writers).await;
        dawdle(&pipeline, "NEW.comment_id NOT LIKE '.millrace-probe-%'").await;
        let ids = publish_by(&pipeline, "any-", 6).await;
        not_ready(&pipeline).await;
        // More failures than all events together have attempts.
        wait_for("many failed writes", Duration::from_secs(240), async || {
            let lines = pipeline.service.logs();
            let failed = |log: &&serde_json::Value| matches!(log["fate"].as_str(), Some("held" | "retried"));
            let failures = lines.iter().filter(failed).count();
            if failures > ids.len() * 3 {
                Ok(())
            } else {
                Err(failures)
            }
        })
        .await
        .unwrap();
        assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
        dawdle(&pipeline, "false").await;
        pipeline.stored(&ids).await;
        pipeline.queue_empties().await;
        assert!(pipeline.tenant.peek(DLQ, 1).await.unwrap().is_empty());
    }
}
