//! The schema is the one that dashboards and scripts were promised.

use crate::server::TestDatabase;
use std::fmt::Write as _;

/// Every column with its type, every key, index and view, as the database sees them.
#[tokio::test]
async fn the_schema_is_the_contract() {
    let database = TestDatabase::migrated().await;
    let mut text = String::new();
    let columns = "SELECT table_name::text, column_name::text, \
        CASE data_type WHEN 'ARRAY' THEN ltrim(udt_name, '_') || '[]' ELSE data_type END, is_nullable = 'NO' \
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'millrace_schema_history' \
        ORDER BY table_name, ordinal_position";
    for row in database.rows(columns).await {
        let required = if row.get(3) { " not null" } else { "" };
        writeln!(
            text,
            "{}.{} {}{required}",
            row.get::<_, &str>(0),
            row.get::<_, &str>(1),
            row.get::<_, &str>(2)
        )
        .unwrap();
    }
    let indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'millrace_schema_history' \
        ORDER BY indexname";
    for row in database.rows(indexes).await {
        writeln!(text, "{}", row.get::<_, &str>(0)).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[tokio::test]
async fn times_are_timestamptz_counters_bigint_text_text() {
    let database = TestDatabase::migrated().await;
    let types = "SELECT DISTINCT udt_name::text FROM information_schema.columns \
        WHERE table_schema = 'public' AND table_name <> 'millrace_schema_history' ORDER BY 1";
    let types = database.rows(types).await;
    let types = types
        .iter()
        .map(|row| row.get::<_, String>(0))
        .collect::<Vec<_>>();
    assert_eq!(
        types,
        ["_text", "bool", "float8", "int8", "jsonb", "text", "timestamptz"]
    );
}
