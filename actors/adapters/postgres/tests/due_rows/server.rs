//! A database for each test with a table of things to do, on one private Postgres for this test binary.

use millrace_access::tls::TlsFiles;
use millrace_engine::{Backoff, Claim, DueRow, DueStore, Fault};
use millrace_postgres::{Database, DueRowsOf, DueTable, Fate, PostgresSettings};
use millrace_stack::{Postgres, Selected, Selection};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use tokio::{runtime::Handle, sync::OnceCell};
use tokio_postgres::Client;
use tracing::Span;

/// Longer than any test.
pub(crate) const LONG: Duration = Duration::from_secs(3_600);

const HOUR_OR_MORE: Backoff = Backoff::doubling(Duration::from_secs(3_600), Duration::from_secs(4 * 3_600));

const MADE: &str = "CREATE TABLE jobs (id bigint PRIMARY KEY, what text NOT NULL DEFAULT 'x', \
    state text NOT NULL DEFAULT 'open', why text, due_at timestamptz DEFAULT now() - interval '1 minute', \
    leased_until timestamptz, owner text, epoch bigint NOT NULL DEFAULT 0, attempts int NOT NULL DEFAULT 0); \
    CREATE TABLE failures (id bigint PRIMARY KEY, attempts int, reason text, detail text)";

/// Rows stay when they are done.
pub(crate) static KEPT: DueTable<i64, String> = DueTable {
    name: "jobs",
    key: &["id"],
    due_at: "due_at",
    leased_until: "leased_until",
    epoch: "epoch",
    owner: Some("owner"),
    attempts: "attempts",
    open: Some("state = 'open'"),
    reads: &["what"],
    read: |_, row| row.try_get(0),
    subject: |id| format!("job {id}"),
    span: |_, _| Span::none(),
    done: Fate::Set("state = 'done', due_at = NULL"),
    put_aside: Fate::Set("state = 'failed', due_at = NULL, why = settled.reason || ': ' || settled.detail"),
    attempts_allowed: None,
    backoff: HOUR_OR_MORE,
};

/// Rows go when they are done, and are given up at the third failure.
pub(crate) static DELETED: DueTable<i64, String> = DueTable {
    name: "jobs",
    key: &["id"],
    due_at: "due_at",
    leased_until: "leased_until",
    epoch: "epoch",
    owner: None,
    attempts: "attempts",
    open: None,
    reads: &["what"],
    read: |_, row| row.try_get(0),
    subject: |id| format!("job {id}"),
    span: |_, _| Span::none(),
    done: Fate::Delete,
    put_aside: Fate::MoveTo {
        table: "failures",
        columns: &[
            ("attempts", "t.attempts + 1"),
            ("reason", "settled.reason"),
            ("detail", "settled.detail"),
        ],
    },
    attempts_allowed: Some(3),
    backoff: HOUR_OR_MORE,
};

/// A database of one test.
pub(crate) struct TestDatabase<'s> {
    pub(crate) server: &'s Postgres,
    pub(crate) name: String,
}

const ONLY_POSTGRES: Selection = Selection {
    rabbitmq: false,
    postgres: true,
    objects: false,
};

/// A server for a test that hurts it.
pub(crate) async fn private() -> Selected {
    Selected::start(ONLY_POSTGRES).await.unwrap()
}

// === impl TestDatabase ===

impl TestDatabase<'static> {
    /// With so many rows that are due.
    pub(crate) async fn with(rows: i64) -> Self {
        static SERVERS: OnceCell<Selected> = OnceCell::const_new();
        let servers = SERVERS.get_or_init(private).await;
        Self::on(servers, rows).await
    }
}

impl<'s> TestDatabase<'s> {
    pub(crate) async fn on(servers: &'s Selected, rows: i64) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = servers.postgres.as_ref().unwrap();
        let name = format!("due_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        server.create_database(&name).await.unwrap();
        let database = Self { server, name };
        database.execute(MADE).await;
        let fill = format!("INSERT INTO jobs (id) SELECT generate_series(1, {rows})");
        database.execute(&fill).await;
        database
    }

    pub(crate) async fn client(&self) -> Client {
        self.server.connect(&self.name).await.unwrap()
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.client().await.batch_execute(sql).await.unwrap();
    }

    /// The lease of every row ends, as if its time had passed.
    pub(crate) async fn end_leases(&self) {
        self.execute("UPDATE jobs SET leased_until = now() WHERE leased_until IS NOT NULL")
            .await;
    }

    pub(crate) async fn value<V: for<'a> tokio_postgres::types::FromSql<'a>>(&self, sql: &str) -> V {
        self.client().await.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Every row of a table as it stands, down to its physical version.
    pub(crate) async fn rows(&self, table: &str) -> Vec<String> {
        let sql = format!("SELECT t.xmin::text || ' ' || t::text FROM {table} t ORDER BY id");
        let rows = self.client().await.query(&sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    pub(crate) fn settings(&self) -> PostgresSettings {
        self.settings_at(&self.server.url(&self.name))
    }

    pub(crate) fn settings_at(&self, url: &str) -> PostgresSettings {
        PostgresSettings {
            url: url.to_owned().into(),
            tls: TlsFiles::default(),
            pool_size: 4,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            writers: 4,
            max_rows: 5_000,
            max_bytes: 64 << 20,
        }
    }

    /// A process's part in the work: a pool of its own.
    pub(crate) fn claimer<K: millrace_postgres::DueKey, T: Send>(
        &self,
        table: &'static DueTable<K, T>,
    ) -> DueRowsOf<K, T> {
        claimer(&self.settings(), table)
    }
}

pub(crate) fn claimer<K: millrace_postgres::DueKey, T: Send>(
    settings: &PostgresSettings,
    table: &'static DueTable<K, T>,
) -> DueRowsOf<K, T> {
    DueRowsOf::new(
        Database::new(settings, &Handle::current()).unwrap(),
        table,
        "pod-1",
    )
}

/// The claims of rows by their order.
pub(crate) fn by_key<T>(mut rows: Vec<DueRow<i64, T>>) -> Vec<Claim<i64>> {
    rows.sort_by_key(|row| row.claim.key);
    rows.into_iter().map(|row| row.claim).collect()
}

/// Claims for as long as a test lasts.
pub(crate) async fn claim(
    claimer: &mut impl DueStore<Key = i64, Row = String>,
    most: usize,
) -> Vec<Claim<i64>> {
    by_key(claimer.claim(most, LONG).await.unwrap())
}

pub(crate) fn outage(fault: Fault) -> String {
    match fault {
        Fault::Outage {
            dependency: "database",
            detail,
        } => detail,
        other => panic!("expected an outage, found {other:?}"),
    }
}
