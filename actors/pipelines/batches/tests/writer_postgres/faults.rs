//! Who is blamed when a write fails, and that the writer works again afterwards.

use crate::{server::TestDatabase, writes::*};
use millrace_batches::write::Writer;
use millrace_engine::{Fault, Sink};
use millrace_postgres::Database;
use std::time::Duration;
use tokio::runtime::Handle;

#[tokio::test]
async fn a_row_that_the_database_refuses_is_poison_and_nothing_of_it_stays() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    let mut with_nul = one("e1");
    with_nul.items.comments[0].text = Some("a\0b".to_owned());
    let mut with_huge_key = one("e2");
    with_huge_key.items.posts[0].id = (0..9_000)
        .map(|i| char::from_u32(0x4E00 + (i * 7919) % 20_000).unwrap())
        .collect();
    for (refused, code) in [(with_nul, "22021"), (with_huge_key, "54000")] {
        match writer.write(&[&one("e0"), &refused]).await.unwrap_err() {
            Fault::Poison {
                reason: "row_refused",
                detail,
            } => assert!(detail.contains(code), "{detail}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(database.everything().await, [""; 0]);
    }
    assert_works(&database, &mut writer, "e3").await;
}

#[tokio::test]
async fn a_backend_that_is_terminated_in_a_transaction_is_an_outage() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    let holder = hold_author(&database).await;
    let blocked = one("e1");
    {
        let batches = [&blocked];
        let mut write = Box::pin(writer.write(&batches));
        let pid = until_blocked(&database, &mut write).await;
        holder
            .execute("SELECT pg_terminate_backend($1)", &[&pid])
            .await
            .unwrap();
        let detail = outage(write.await.unwrap_err());
        assert!(detail.contains("57P01") || detail.contains("closed"), "{detail}");
    }
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_works(&database, &mut writer, "e1").await;
}

#[tokio::test]
async fn an_idle_connection_that_was_terminated_is_not_even_noticed() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    assert_works(&database, &mut writer, "e1").await;
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'millrace' \
        AND datname = current_database()";
    assert_eq!(database.value::<i64>(kill).await, 1);
    let left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'millrace' AND datname = current_database()";
    while database.value::<i64>(left).await > 0 {}
    assert_works(&database, &mut writer, "e2").await;
}

#[tokio::test]
async fn a_dropped_write_leaves_no_busy_connection_and_no_rows() {
    let database = TestDatabase::migrated().await;
    let pool = Database::new(&database.settings(), &Handle::current()).unwrap();
    let metrics =
        millrace_batches::write::WriterMetrics::register(&mut Default::default(), Default::default());
    let mut writer = Writer::new(pool.clone(), metrics);
    let holder = hold_author(&database).await;
    let blocked = one("e1");
    {
        let batches = [&blocked];
        let mut write = Box::pin(writer.write(&batches));
        until_blocked(&database, &mut write).await;
        assert_eq!(pool.pool_status().size, 1);
    }
    assert_eq!(
        pool.pool_status().size,
        0,
        "the busy connection is not in the pool"
    );
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_works(&database, &mut writer, "e1").await;
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_an_outage() {
    let database = TestDatabase::migrated().await;
    let client = database.client().await;
    let name: String = database.value("SELECT current_database()::text").await;
    client
        .batch_execute(&format!(
            "ALTER DATABASE {name} SET default_transaction_read_only = on"
        ))
        .await
        .unwrap();
    let pool = Database::new(&database.settings(), &Handle::current()).unwrap();
    let detail = outage(pool.ping().await.unwrap_err());
    assert!(detail.contains("read-only"), "{detail}");
    let mut writer = database.writer();
    let detail = outage(writer.write(&[&one("e1")]).await.unwrap_err());
    assert!(detail.contains("25006"), "{detail}");

    client
        .batch_execute(&format!(
            "SET default_transaction_read_only = off; ALTER DATABASE {name} RESET ALL"
        ))
        .await
        .unwrap();
    pool.ping().await.unwrap();
    assert_works(&database, &mut writer, "e1").await;
}

#[tokio::test]
async fn a_missing_schema_is_an_outage_that_says_what_to_do() {
    let database = TestDatabase::empty().await;
    let detail = outage(database.writer().write(&[&one("e1")]).await.unwrap_err());
    assert!(
        detail.contains("42P01") && detail.contains("millrace migrate"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_outage() {
    let database = TestDatabase::empty().await;
    let mut settings = database.settings();
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    settings.connect_timeout = Duration::from_millis(100);
    settings.url = format!("postgresql://postgres@{}/x", mute.local_addr().unwrap()).into();
    outage(
        database
            .writer_with(&settings)
            .write(&[&one("e1")])
            .await
            .unwrap_err(),
    );
    drop(mute);
    outage(
        database
            .writer_with(&settings)
            .write(&[&one("e1")])
            .await
            .unwrap_err(),
    );
}

/// As a pooler in transaction mode does, a trigger makes the server forget what was prepared.
#[tokio::test]
async fn behind_a_pooler_that_swaps_connections_statements_are_sent_unprepared() {
    let database = TestDatabase::migrated().await;
    let pool = Database::new(&database.settings(), &Handle::current()).unwrap();
    let metrics =
        millrace_batches::write::WriterMetrics::register(&mut Default::default(), Default::default());
    let mut writer = Writer::new(pool, metrics);
    assert_works(&database, &mut writer, "e1").await;
    let forget = "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS \
        $$ BEGIN DEALLOCATE ALL; RETURN NULL; END $$; \
        CREATE TRIGGER forget AFTER INSERT ON ingested_batches EXECUTE FUNCTION forget()";
    database.client().await.batch_execute(forget).await.unwrap();
    for id in ["e2", "e3", "e4"] {
        assert_works(&database, &mut writer, id).await;
    }
}
