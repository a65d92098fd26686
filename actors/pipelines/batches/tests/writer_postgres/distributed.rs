//! What a distributed Postgres (Citus) asks of statements and keys. It refuses an upsert in whose `DO UPDATE` a function
//! is not IMMUTABLE, and a volatile function anywhere.

mod calls;
mod node;

use crate::server::TestDatabase;
use calls::{Call, Place, calls};
use millrace_batches::write::statements;
use std::{collections::BTreeSet, fs};
use tokio_postgres::Client;

/// The parsed form of a statement, as the server keeps it for a function that consists of it.
async fn parsed(client: &Client, sql: &str) -> String {
    let prepared = client.prepare(sql).await.unwrap();
    let types: Vec<String> = prepared
        .params()
        .iter()
        .map(|of| format!("{}.\"{}\"", of.schema(), of.name()))
        .collect();
    let function = format!(
        "CREATE OR REPLACE FUNCTION pg_temp.looked_at({}) RETURNS void BEGIN ATOMIC {sql}; END",
        types.join(", ")
    );
    client.batch_execute(&function).await.unwrap();
    let body = "SELECT prosqlbody::text FROM pg_proc WHERE proname = 'looked_at' AND pronargs = $1 ORDER BY oid DESC LIMIT 1";
    let arguments = i16::try_from(types.len()).unwrap();
    client.query_one(body, &[&arguments]).await.unwrap().get(0)
}

/// What Citus refuses of a statement: the functions, those of operators and casts included, with their volatility.
async fn refused(client: &Client, sql: &str) -> BTreeSet<String> {
    let mut refused = BTreeSet::new();
    for (place, call) in calls(&parsed(client, sql).await) {
        let (name, volatility): (String, String) = match call {
            Call::Function(oid) => {
                let sql = "SELECT oid::regprocedure::text, provolatile::text FROM pg_proc WHERE oid = $1";
                let row = client.query_one(sql, &[&oid]).await.unwrap();
                (row.get(0), row.get(1))
            }
            Call::Input(of) | Call::Output(of) => {
                let sql = if matches!(call, Call::Input(_)) {
                    "SELECT p.oid::regprocedure::text, provolatile::text FROM pg_type t JOIN pg_proc p ON p.oid = typinput WHERE t.oid = $1"
                } else {
                    "SELECT p.oid::regprocedure::text, provolatile::text FROM pg_type t JOIN pg_proc p ON p.oid = typoutput WHERE t.oid = $1"
                };
                let row = client.query_one(sql, &[&of]).await.unwrap();
                (row.get(0), row.get(1))
            }
            Call::Stable(what) => (what.to_owned(), "s".to_owned()),
        };
        let fits = match place {
            Place::OnConflict => volatility == "i",
            Place::Elsewhere => volatility != "v",
        };
        if !fits {
            refused.insert(format!("{name} {volatility}"));
        }
    }
    refused
}

#[tokio::test]
async fn no_upsert_uses_what_a_distributed_table_refuses() {
    let database = TestDatabase::migrated().await;
    let client = database.client().await;
    let statements = statements();
    assert_eq!(statements.len(), 6);
    for (table, sql) in statements {
        let none = BTreeSet::new();
        assert_eq!(refused(&client, &sql).await, none, "{table}: {sql}");
    }
}

/// The test above can see: calls, operators, casts and the words that are functions, wherever they stand.
#[tokio::test]
async fn what_is_not_immutable_is_seen_in_any_form() {
    let database = TestDatabase::migrated().await;
    let client = database.client().await;
    let insert = "INSERT INTO authors AS t (platform, author_key, crawled_at) VALUES ('p', 'a', $1) \
        ON CONFLICT (platform, author_key) DO UPDATE SET";
    for (rest, name) in [
        ("crawled_at = now()", "now() s"),
        ("crawled_at = CURRENT_TIMESTAMP", "SQLVALUEFUNCTION s"),
        (
            "crawled_at = (t.extra ->> 'a')::timestamptz",
            "timestamptz_in(cstring,oid,integer) s",
        ),
        (
            "bio = t.crawled_at::text",
            "timestamptz_out(timestamp with time zone) s",
        ),
        (
            "crawled_at = t.crawled_at + interval '1 day'",
            "timestamptz_pl_interval(timestamp with time zone,interval) s",
        ),
        (
            "extra = jsonb_build_object('a', t.crawled_at)",
            "jsonb_build_object(\"any\") s",
        ),
        (
            "bio = 'x' WHERE t.crawled_at > clock_timestamp()",
            "clock_timestamp() v",
        ),
        (
            "bio = CASE WHEN nullif(random(), 0) IS NULL THEN 'x' END",
            "random() v",
        ),
    ] {
        let found = refused(&client, &format!("{insert} {rest}")).await;
        assert!(found.contains(name), "{rest}: {found:?}");
    }
    let volatile = "INSERT INTO authors (platform, author_key, crawled_at) SELECT 'p', random()::text, $1";
    assert!(refused(&client, volatile).await.contains("random() v"));
    let stable = "INSERT INTO authors (platform, author_key, crawled_at) SELECT 'p', $1, now()";
    assert_eq!(
        refused(&client, stable).await,
        BTreeSet::new(),
        "taken outside of ON CONFLICT"
    );
}

/// `docs/scaling.md` distributes tables by columns; each unique index of such a table must have its column.
#[tokio::test]
async fn every_unique_index_has_the_column_that_the_document_distributes_by() {
    let database = TestDatabase::migrated().await;
    let client = database.client().await;
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/scaling.md");
    let text = fs::read_to_string(document).unwrap();
    let calls = text.split("create_distributed_table('").skip(1);
    let calls: Vec<(&str, &str)> = calls
        .map(|rest| {
            let mut words = rest.split('\'');
            (words.next().unwrap(), words.nth(1).unwrap())
        })
        .collect();
    assert_eq!(calls.len(), 4, "{calls:?}");
    for (table, column) in calls {
        let without = "SELECT count(*) FROM pg_index i \
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = $2::text::name \
            WHERE i.indrelid = $1::text::regclass AND i.indisunique AND NOT a.attnum = ANY (i.indkey)";
        let known = "SELECT count(*) FROM pg_attribute WHERE attrelid = $1::text::regclass AND attname = $2::text::name";
        let triggers =
            "SELECT count(*) FROM pg_trigger WHERE tgrelid = $1::text::regclass AND NOT tgisinternal";
        let count = async |sql: &str, values: &[&(dyn tokio_postgres::types::ToSql + Sync)]| {
            client.query_one(sql, values).await.unwrap().get::<_, i64>(0)
        };
        assert_eq!(count(known, &[&table, &column]).await, 1, "{table}.{column}");
        assert_eq!(count(without, &[&table, &column]).await, 0, "{table}.{column}");
        assert_eq!(
            count(triggers, &[&table]).await,
            0,
            "{table}: distributed tables take no triggers"
        );
    }
}
