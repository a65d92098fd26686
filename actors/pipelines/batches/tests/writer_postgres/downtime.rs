//! A server that goes away, changes its role or runs out of disk, and comes back.

use crate::{
    server::{TestDatabase, private},
    writes::*,
};
use millrace_batches::messages::ParsedBatch;
use millrace_engine::Sink;
use millrace_postgres::Database;
use millrace_stack::{Selected, wait_for};
use std::{os::unix::fs::PermissionsExt, time::Duration};
use tokio::runtime::Handle;

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_shutdown_or_a_crash_in_the_middle_of_a_write_costs_waiting() {
    let servers = private().await;
    for (id, crash) in [("stopped", false), ("crashed", true)] {
        let database = TestDatabase::migrated_on(&servers).await;
        let mut writer = database.writer();
        let holder = hold_author(&database).await;
        let blocked = one(id);
        let batches = [&blocked];
        let mut write = Box::pin(writer.write(&batches));
        until_blocked(&database, &mut write).await;
        if crash {
            database.server().kill().await.unwrap();
        } else {
            database.server().stop().await.unwrap();
        }
        drop(holder);
        outage(write.await.unwrap_err());
        outage(writer.write(&batches).await.unwrap_err());
        database.server().start().await.unwrap();
        assert_not_stored(&database, id).await;
        assert_works(&database, &mut writer, id).await;
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_in_the_middle_of_a_write_costs_waiting() {
    let servers = private().await;
    let database = TestDatabase::migrated_on(&servers).await;
    let mut settings = database.settings();
    settings.connect_timeout = Duration::from_secs(1);
    settings.statement_timeout = Duration::from_secs(1);
    let mut writer = database.writer_with(&settings);
    let holder = hold_author(&database).await;
    let blocked = one("e1");
    let batches = [&blocked];
    let mut write = Box::pin(writer.write(&batches));
    until_blocked(&database, &mut write).await;
    database.server().pause().unwrap();
    outage(write.await.unwrap_err());
    outage(writer.write(&batches).await.unwrap_err());
    database.server().resume().unwrap();
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_works(&database, &mut database.writer(), "e1").await;
}

/// Starts the server again as a standby.
async fn demote(servers: &Selected) {
    let server = servers.postgres.as_ref().unwrap();
    server.stop().await.unwrap();
    let signal = servers.directory().join("postgres/data/standby.signal");
    std::fs::write(&signal, "").unwrap();
    // The server may run as another user.
    std::fs::set_permissions(&signal, PermissionsExt::from_mode(0o666)).unwrap();
    server.start().await.unwrap();
}

#[tokio::test]
async fn a_standby_is_an_outage_until_it_is_promoted() {
    let servers = private().await;
    let database = TestDatabase::migrated_on(&servers).await;
    let pool = Database::new(&database.settings(), &Handle::current()).unwrap();
    let mut writer = database.writer();
    assert_works(&database, &mut writer, "before").await;

    demote(&servers).await;
    assert!(database.value::<bool>("SELECT pg_is_in_recovery()").await);
    let detail = outage(pool.ping().await.unwrap_err());
    assert!(detail.contains("read-only"), "{detail}");
    // The first may still find a connection from before.
    wait_for("the write to reach the standby", PATIENCE, async || {
        let detail = outage(writer.write(&[&one("during")]).await.unwrap_err());
        if detail.contains("25006") {
            Ok(())
        } else {
            Err(detail)
        }
    })
    .await
    .unwrap();

    assert!(database.value::<bool>("SELECT pg_promote()").await);
    pool.ping().await.unwrap();
    assert_works(&database, &mut writer, "during").await;
}

#[tokio::test]
async fn of_several_hosts_the_one_that_takes_writes_is_used() {
    let (standby, primary) = tokio::join!(private(), private());
    let database = TestDatabase::migrated_on(&primary).await;
    let server = standby.postgres.as_ref().unwrap();
    server.create_database(database.name()).await.unwrap();
    demote(&standby).await;
    let (first, second) = (
        format!("127.0.0.1:{}", server.port()),
        format!("127.0.0.1:{}", database.server().port()),
    );
    let url = database.server().url(database.name());
    let url = url.replace(&second, &format!("{first},{second}"));
    let mut settings = database.settings();
    settings.url = url.clone().into();
    outage(
        database
            .writer_with(&settings)
            .write(&[&one("e1")])
            .await
            .unwrap_err(),
    );
    settings.url = format!("{url}?target_session_attrs=read-write").into();
    assert_works(&database, &mut database.writer_with(&settings), "e1").await;
}

/// A file may grow to this size: larger than a segment of the log, and not a whole number of pages, so that
/// a write ends in the middle of a page as it does on a full disk.
const DISK: u64 = (20 << 20) + 4_096;

/// Since 16 the server asks for room before it writes, and is then told of the limit by its own name.
fn says_full(detail: &str) -> bool {
    detail.contains("53100") || detail.contains("File too large")
}

/// A batch that takes more than the disk has: text that does not compress.
fn huge(id: &str) -> ParsedBatch {
    let mut batch = one(id);
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut raw = String::new();
    while raw.len() < 30 << 20 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        raw.push_str(&format!("{state:016x}"));
    }
    batch.items.rejected[0].raw = raw;
    batch
}

#[tokio::test]
async fn a_full_disk_is_an_outage_until_there_is_room() {
    let servers = private().await;
    let database = TestDatabase::migrated_on(&servers).await;
    // The rows wait in memory: a temporary file would meet the limit before the table does.
    let in_memory = format!("ALTER DATABASE {} SET work_mem = '256MB'", database.name());
    database.client().await.batch_execute(&in_memory).await.unwrap();
    database.server().limit_files(Some(DISK)).unwrap();
    let mut writer = database.writer();
    let batch = huge("e1");
    let detail = outage(writer.write(&[&batch]).await.unwrap_err());
    assert!(says_full(&detail), "{detail}");
    assert_not_stored(&database, "e1").await;
    let detail = outage(writer.write(&[&batch]).await.unwrap_err());
    assert!(says_full(&detail), "it is still full: {detail}");

    database.server().limit_files(None).unwrap();
    assert_stores(&database, &mut writer, &batch).await;
    let length: i32 = database.value("SELECT length(raw) FROM rejected_items").await;
    assert_eq!(length, 30 << 20);
}
