//! Behind PgBouncer in transaction mode, which gives each transaction another connection.

use crate::{
    server::{TestDatabase, private},
    writes::*,
};
use futures_util::future::join_all;
use millrace_batches::write::MIGRATIONS;
use millrace_engine::Sink;
use millrace_postgres::Database;
use millrace_stack::Selected;
use tokio::runtime::Handle;

const WRITERS: usize = 8;
const ROUNDS: usize = 6;

fn id(writer: usize, round: usize) -> String {
    format!("e{writer}-{round}")
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_share_connections_through_a_pooler() {
    let servers = private().await;
    let database = TestDatabase::migrated_on(&servers).await;
    let pgbouncer = servers.pgbouncer().await.unwrap();
    let mut settings = database.settings();
    settings.url = pgbouncer.url(database.name()).into();
    let pool = Database::new(&settings, &Handle::current()).unwrap();
    pool.ping().await.unwrap();
    assert_eq!(MIGRATIONS.pending(&settings).await.unwrap(), []);
    assert_eq!(MIGRATIONS.migrate(&settings).await.unwrap().applied, []);

    let shared = database.writer_with(&settings);
    join_all((0..WRITERS).map(|index| {
        let mut writer = shared.clone();
        async move {
            for round in 0..ROUNDS {
                writer.write(&[&one(&id(index, round))]).await.unwrap();
            }
        }
    }))
    .await;
    for (index, round) in (0..WRITERS).flat_map(|index| (0..ROUNDS).map(move |round| (index, round))) {
        assert_stored_once(&database, &id(index, round)).await;
    }
    let backends: i64 = database
        .value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        .await;
    assert!(
        backends < WRITERS as i64,
        "{backends} connections were not shared"
    );

    pgbouncer.stop().await.unwrap();
    let mut writer = shared;
    outage(writer.write(&[&one("after")]).await.unwrap_err());
    pgbouncer.start().await.unwrap();
    assert_works(&database, &mut writer, "after").await;
}

const LOCKS: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";

#[tokio::test(flavor = "multi_thread")]
async fn migrating_through_a_pooler_leaves_no_lock_behind() {
    let servers = private().await;
    let pgbouncer = servers.pgbouncer().await.unwrap();
    for noise in [0, 3] {
        let database = TestDatabase::empty_on(&servers).await;
        let url = pgbouncer.url(database.name());
        let busy: Vec<_> = (0..noise).map(|_| tokio::spawn(keep_busy(url.clone()))).collect();
        let mut settings = database.settings();
        settings.url = url.into();
        let migrations = join_all((0..3).map(|_| MIGRATIONS.migrate(&settings))).await;
        let applied: usize = migrations
            .into_iter()
            .map(|report| report.unwrap().applied.len())
            .sum();
        assert_eq!(
            applied,
            pending_of(&servers).await,
            "each migration is applied once"
        );
        busy.iter().for_each(tokio::task::JoinHandle::abort);
        assert_eq!(database.value::<i64>(LOCKS).await, 0, "{noise} others");
    }
}

/// All migrations there are.
async fn pending_of(servers: &Selected) -> usize {
    let empty = TestDatabase::empty_on(servers).await;
    MIGRATIONS.pending(&empty.settings()).await.unwrap().len()
}

/// Has the pooler give its connections now to one client, now to another.
async fn keep_busy(url: String) {
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    loop {
        // One that ends early is of no interest.
        let _ = client
            .batch_execute("BEGIN; SELECT pg_sleep(0.001); COMMIT")
            .await;
    }
}
