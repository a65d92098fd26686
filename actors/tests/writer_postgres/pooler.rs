//! Behind PgBouncer in transaction mode, which gives each transaction another connection.

use crate::{
    server::{TestDatabase, private},
    writes::*,
};
use futures_util::future::join_all;
use millrace_actors::{
    supervision::Sink,
    writer::postgres::{Database, migrate, pending},
};
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
    assert_eq!(pending(&settings).await.unwrap(), []);
    assert_eq!(migrate(&settings).await.unwrap().applied, []);

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
