//! A database for each test, on one private Postgres for this test binary.

use millrace_access::tls::TlsFiles;
use millrace_batches::{
    recent::Recent,
    write::{MIGRATIONS, Writer, WriterMetrics},
};
use millrace_postgres::{Database, PostgresSettings};
use millrace_stack::{Postgres, Selected, Selection};
use prometheus_client::registry::Registry;
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use tokio::{runtime::Handle, sync::OnceCell};
use tokio_postgres::{Client, Row};

/// A database of one test.
pub(crate) struct TestDatabase<'s> {
    server: &'s Postgres,
    name: String,
}

/// The server that all tests share.
async fn shared() -> &'static Selected {
    static SERVERS: OnceCell<Selected> = OnceCell::const_new();
    SERVERS
        .get_or_try_init(|| Selected::start(ONLY_POSTGRES))
        .await
        .unwrap()
}

/// A server for a test that hurts it.
pub(crate) async fn private() -> Selected {
    Selected::start(ONLY_POSTGRES).await.unwrap()
}

const ONLY_POSTGRES: Selection = Selection {
    rabbitmq: false,
    postgres: true,
    objects: false,
};

// === impl TestDatabase ===

impl TestDatabase<'static> {
    pub(crate) async fn empty() -> Self {
        Self::empty_on(shared().await).await
    }

    pub(crate) async fn migrated() -> Self {
        Self::migrated_on(shared().await).await
    }

    /// One that holds text in this encoding.
    pub(crate) async fn encoded(encoding: &str) -> Self {
        let database = Self::unmade_on(shared().await).await;
        let name = &database.name;
        let sql = format!("CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0");
        let first = database.server.connect("postgres").await.unwrap();
        first.batch_execute(&sql).await.unwrap();
        database
    }

    /// Gives a setting another default, for sessions that begin from now on.
    pub(crate) async fn set_default(&self, setting: &str) {
        let sql = format!("ALTER DATABASE {} SET {setting}", self.name);
        self.server
            .connect("postgres")
            .await
            .unwrap()
            .batch_execute(&sql)
            .await
            .unwrap();
    }
}

impl<'s> TestDatabase<'s> {
    async fn unmade_on(servers: &'s Selected) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = servers.postgres.as_ref().unwrap();
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Self { server, name }
    }

    pub(crate) async fn empty_on(servers: &'s Selected) -> Self {
        let database = Self::unmade_on(servers).await;
        database.server.create_database(&database.name).await.unwrap();
        database
    }

    pub(crate) async fn migrated_on(servers: &'s Selected) -> Self {
        let database = Self::empty_on(servers).await;
        MIGRATIONS.migrate(&database.settings()).await.unwrap();
        database
    }

    pub(crate) fn server(&self) -> &'s Postgres {
        self.server
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn settings(&self) -> PostgresSettings {
        PostgresSettings {
            url: self.server.url(&self.name).into(),
            tls: TlsFiles::default(),
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
        Writer::new(
            database,
            WriterMetrics::register(&mut Registry::default(), Recent::default()),
        )
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
