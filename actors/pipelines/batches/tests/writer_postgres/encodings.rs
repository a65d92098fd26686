//! A database that cannot hold all text is told before anything is written to it.

use crate::{
    server::TestDatabase,
    writes::{charged, one, outage, refuse_posts},
};
use millrace_batches::write::MIGRATIONS;
use millrace_engine::Sink;
use millrace_postgres::Database;
use tokio::runtime::Handle;

#[tokio::test]
async fn an_encoding_that_cannot_hold_all_text_is_named_by_check_migrate_and_start() {
    for encoding in ["SQL_ASCII", "LATIN1", "WIN1258", "EUC_JP"] {
        let database = TestDatabase::encoded(encoding).await;
        let settings = database.settings();
        let pool = Database::new(&settings, &Handle::current()).unwrap();
        let told = [
            outage(pool.ping().await.unwrap_err()),
            MIGRATIONS.migrate(&settings).await.unwrap_err().to_string(),
            MIGRATIONS.pending(&settings).await.unwrap_err().to_string(),
            MIGRATIONS.migrate_over(&pool).await.unwrap_err().to_string(),
        ];
        for words in told {
            assert!(
                words.contains(&format!("server_encoding is {encoding}, UTF8 is needed")),
                "{words}"
            );
        }
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
        assert_eq!(database.value::<i64>(tables).await, 0, "nothing was made there");
    }
}

#[tokio::test]
async fn what_is_not_supported_for_one_value_costs_that_event() {
    let database = TestDatabase::migrated().await;
    let mut writer = database.writer();
    refuse_posts(&database, "0A000", 1).await;
    let detail = charged(writer.write(&[&one("e1")]).await.unwrap_err(), "write_failed");
    assert!(detail.contains("0A000"), "{detail}");
    writer.write(&[&one("e2")]).await.unwrap();
}
