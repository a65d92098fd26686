//! What a server, a database or a role has for defaults changes nothing of what is stored.

use crate::{fixtures::*, server::TestDatabase, writes::*};
use millrace_batches::{
    domain::{Items, Json},
    messages::ParsedBatch,
    write::MIGRATIONS,
};
use millrace_engine::Sink;
use millrace_postgres::Database;
use tokio::runtime::Handle;

const DEFAULTS: [&str; 20] = [
    "client_encoding = 'LATIN1'",
    "client_encoding = 'SQL_ASCII'",
    "standard_conforming_strings = off",
    "backslash_quote = off",
    "array_nulls = off",
    "transform_null_equals = on",
    "DateStyle = 'SQL, DMY'",
    "IntervalStyle = 'sql_standard'",
    "TimeZone = 'Asia/Kathmandu'",
    "bytea_output = 'escape'",
    "extra_float_digits = -15",
    "quote_all_identifiers = on",
    "synchronous_commit = off",
    "lock_timeout = '1ms'",
    "idle_in_transaction_session_timeout = '1s'",
    "default_transaction_isolation = 'serializable'",
    "default_transaction_deferrable = on",
    "plan_cache_mode = 'force_generic_plan'",
    "row_security = off",
    "check_function_bodies = off",
];

/// Crawls of one thing out of order, with text, numbers and times that a setting might bend.
fn batches() -> [ParsedBatch; 2] {
    let json = |text: &str| Some(Json::from_clean(text.to_owned()));
    let mut later = one_of_each("v1");
    let post = &mut later.posts[0];
    post.content_text = Some("Xe điện \\ 'đẹp' 🚗 \\\\n".to_owned());
    post.hashtags = Some(["null", "a\\b", "đ", "\"q\""].map(str::to_owned).to_vec());
    post.media_duration = Some(0.1 + 0.2);
    post.published_at = Some("2026-01-02T03:04:05.123456Z".parse().unwrap());
    post.extra = json(r#"{"a":"\u0111\\n","b":[0.30000000000000004]}"#);
    post.crawled_at = at(100);
    let mut earlier = one_of_each("v1");
    earlier.posts[0].url = Some("https://example.com/'a'".to_owned());
    earlier.errors = Items::default().errors;
    [batch(event("later"), later), batch(event("earlier"), earlier)]
}

/// All rows as text, seen with the usual defaults.
async fn rows(database: &TestDatabase<'_>) -> Vec<String> {
    let client = database.client().await;
    let usual = "SET client_encoding = 'UTF8'; SET DateStyle = 'ISO'; SET TimeZone = 'UTC'; SET extra_float_digits = 1; \
        SET quote_all_identifiers = off";
    client.batch_execute(usual).await.unwrap();
    let mut all = Vec::new();
    for table in crate::server::TABLES {
        let sql = format!(
            "SELECT (to_jsonb(t) - '{{committed_at,first_seen_at,updated_at}}'::text[])::text FROM {table} t ORDER BY 1"
        );
        let rows = client.query(&sql, &[]).await.unwrap();
        all.extend(rows.iter().map(|row| row.get::<_, String>(0)));
    }
    all
}

async fn stored_with(default: Option<&str>) -> Vec<String> {
    let database = TestDatabase::empty().await;
    if let Some(default) = default {
        database.set_default(default).await;
    }
    let settings = database.settings();
    MIGRATIONS.migrate(&settings).await.unwrap();
    assert_eq!(MIGRATIONS.pending(&settings).await.unwrap(), []);
    Database::new(&settings, &Handle::current())
        .unwrap()
        .ping()
        .await
        .unwrap();
    let mut writer = database.writer();
    for batch in &batches() {
        writer.write(&[batch]).await.unwrap();
    }
    rows(&database).await
}

#[tokio::test]
async fn no_default_of_the_server_changes_what_is_stored() {
    let usual = stored_with(None).await;
    assert!(usual.iter().any(|row| row.contains("điện")), "{usual:?}");
    for default in DEFAULTS {
        assert_eq!(stored_with(Some(default)).await, usual, "{default}");
    }
}

#[tokio::test]
async fn a_search_path_that_leads_nowhere_is_told_and_waited_for() {
    let database = TestDatabase::empty().await;
    for nowhere in ["search_path = ''", "search_path = 'not_there'"] {
        database.set_default(nowhere).await;
        let words = MIGRATIONS
            .migrate(&database.settings())
            .await
            .unwrap_err()
            .to_string();
        assert!(words.contains("no schema has been selected"), "{words}");
        let detail = outage(database.writer().write(&[&one("e1")]).await.unwrap_err());
        assert!(detail.contains("42P01"), "{detail}");
    }
    database.set_default("search_path = public").await;
    MIGRATIONS.migrate(&database.settings()).await.unwrap();
    assert_works(&database, &mut database.writer(), "e1").await;
}
