//! A database for each test, on one private Postgres for this test binary.

use millrace_access::tls::TlsFiles;
use millrace_postgres::{Database, PostgresSettings};
use millrace_products::write::{MIGRATIONS, Rules, Writer, WriterMetrics};
use millrace_stack::{Postgres, Selected, Selection};
use prometheus_client::registry::Registry;
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use tokio::{runtime::Handle, sync::OnceCell};
use tokio_postgres::{Client, types::FromSql};

/// A database of one test.
pub(crate) struct TestDatabase {
    server: &'static Postgres,
    name: String,
}

/// The server that all tests share.
async fn shared() -> &'static Postgres {
    static SERVERS: OnceCell<Selected> = OnceCell::const_new();
    const ONLY_POSTGRES: Selection = Selection {
        rabbitmq: false,
        postgres: true,
        objects: false,
    };
    let servers = SERVERS.get_or_try_init(|| Selected::start(ONLY_POSTGRES)).await;
    servers.unwrap().postgres.as_ref().unwrap()
}

// === impl TestDatabase ===

impl TestDatabase {
    pub(crate) async fn migrated() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = shared().await;
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        server.create_database(&name).await.unwrap();
        let database = Self { server, name };
        MIGRATIONS.migrate(&database.settings()).await.unwrap();
        database
    }

    pub(crate) fn server(&self) -> &'static Postgres {
        self.server
    }

    pub(crate) fn settings(&self) -> PostgresSettings {
        self.settings_at(self.server.port())
    }

    /// The same by way of another port.
    pub(crate) fn settings_at(&self, port: u16) -> PostgresSettings {
        let url = self.server.url(&self.name);
        PostgresSettings {
            url: url
                .replace(&format!(":{}/", self.server.port()), &format!(":{port}/"))
                .into(),
            tls: TlsFiles::default(),
            pool_size: 4,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            writers: 2,
            max_rows: 5_000,
            max_bytes: 64 << 20,
        }
    }

    pub(crate) fn database(&self) -> Database {
        Database::new(&self.settings(), &Handle::current()).unwrap()
    }

    pub(crate) fn writer(&self) -> Writer {
        self.writer_as(Rules::default(), &mut Registry::default())
    }

    pub(crate) fn writer_as(&self, rules: Rules, registry: &mut Registry) -> Writer {
        let metrics = WriterMetrics::register(registry);
        Writer::new(self.database(), rules, "test", metrics)
    }

    pub(crate) async fn client(&self) -> Client {
        self.server.connect(&self.name).await.unwrap()
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.client().await.batch_execute(sql).await.unwrap();
    }

    /// The only value of the only row.
    pub(crate) async fn value<V: for<'a> FromSql<'a>>(&self, sql: &str) -> V {
        self.client().await.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// The first column of each row, as text.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.client().await.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// All rows of all tables of a chunk, but for times of writing.
    pub(crate) async fn everything(&self) -> Vec<String> {
        const TABLES: [(&str, &str); 8] = [
            ("kafka_positions", "owner,updated_at"),
            ("product_events", ""),
            ("product_event_ids", "seen_at"),
            ("rejected_events", "created_at"),
            ("product_state", ""),
            ("product_stats", ""),
            ("archive_pending", ""),
            ("event_outbox", "outbox_id,created_at,next_at"),
        ];
        let mut all = Vec::new();
        for (table, without) in TABLES {
            // A payload may hold what no `jsonb` does.
            let row = match without {
                "" => "t::text".to_owned(),
                without => format!("(to_jsonb(t) - string_to_array('{without}', ','))::text"),
            };
            let sql = format!("SELECT '{table} ' || {row} FROM {table} AS t ORDER BY 1");
            all.extend(self.texts(&sql).await);
        }
        all
    }
}
