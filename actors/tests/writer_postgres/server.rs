//! A database for each test, on one private Postgres for this test binary.

use millrace_actors::writer::{
    PostgresSettings, WriterMetrics,
    postgres::{Database, Writer, migrate},
};
use millrace_stack::{Postgres, Selected, Selection};
use prometheus_client::registry::Registry;
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use tokio::{runtime::Handle, sync::OnceCell};
use tokio_postgres::{Client, Row};

/// A database of one test.
pub(crate) struct TestDatabase {
    server: &'static Postgres,
    name: String,
}

async fn server() -> &'static Postgres {
    static SERVERS: OnceCell<Selected> = OnceCell::const_new();
    let only_postgres = Selection {
        rabbitmq: false,
        postgres: true,
        objects: false,
    };
    let servers = SERVERS
        .get_or_try_init(|| Selected::start(only_postgres))
        .await
        .unwrap();
    servers.postgres.as_ref().unwrap()
}

// === impl TestDatabase ===

impl TestDatabase {
    pub(crate) async fn empty() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = server().await;
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        server.create_database(&name).await.unwrap();
        Self { server, name }
    }

    pub(crate) async fn migrated() -> Self {
        let database = Self::empty().await;
        migrate(&database.settings()).await.unwrap();
        database
    }

    pub(crate) fn settings(&self) -> PostgresSettings {
        PostgresSettings {
            url: self.server.url(&self.name).into(),
            pool_size: 8,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            writers: 4,
            max_rows: 5_000,
            max_bytes: 64 << 20,
        }
    }

    pub(crate) async fn client(&self) -> Client {
        self.server.connect(&self.name).await.unwrap()
    }

    pub(crate) fn writer(&self) -> Writer {
        self.writer_with(&self.settings())
    }

    pub(crate) fn writer_with(&self, settings: &PostgresSettings) -> Writer {
        let database = Database::new(settings, &Handle::current()).unwrap();
        Writer::new(database, WriterMetrics::register(&mut Registry::default()))
    }

    pub(crate) async fn rows(&self, sql: &str) -> Vec<Row> {
        self.client().await.query(sql, &[]).await.unwrap()
    }

    /// The only value of the only row.
    pub(crate) async fn value<V: for<'a> tokio_postgres::types::FromSql<'a>>(&self, sql: &str) -> V {
        self.client().await.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Every row of every table, down to the physical version of the row.
    pub(crate) async fn everything(&self) -> Vec<String> {
        let client = self.client().await;
        let mut all = Vec::new();
        for table in TABLES {
            let sql = format!("SELECT xmin::text || ctid::text || t::text FROM {table} t ORDER BY ctid");
            let rows = client.query(&sql, &[]).await.unwrap();
            all.extend(
                rows.iter()
                    .map(|row| format!("{table} {}", row.get::<_, &str>(0))),
            );
        }
        all
    }
}

pub(crate) const TABLES: [&str; 6] = [
    "ingested_batches",
    "post_analytics",
    "authors",
    "comments",
    "crawl_errors",
    "rejected_items",
];
