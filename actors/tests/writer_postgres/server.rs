//! A private Postgres for this test binary, until the shared test stack can give one.

use millrace_actors::writer::{
    PostgresSettings, WriterMetrics,
    postgres::{Database, Writer, migrate},
};
use prometheus_client::registry::Registry;
use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::runtime::Handle;
use tokio_postgres::{Client, NoTls, Row};

/// One server; it ends when its standard input closes, which is when this process ends.
struct Server {
    port: u16,
    /// Its standard input stays open in here.
    _process: Child,
}

/// A database of one test.
pub(crate) struct TestDatabase {
    url: String,
}

const SCRIPT: &str = r#"
set -e
dir=$(mktemp -d /tmp/millrace-postgres-XXXXXX)
initdb -D "$dir" -A trust -U postgres --no-sync >"$dir.log" 2>&1
postgres -D "$dir" -p "$PORT" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c fsync=off -c max_connections=200 >>"$dir.log" 2>&1 </dev/null &
server=$!
read -r _ || true
kill -INT $server
wait $server || true
rm -rf "$dir" "$dir.log"
"#;

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        // Postgres refuses to run as root.
        let am_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        let mut command = if am_root {
            let mut command = Command::new("setpriv");
            command.args([
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
                "sh",
                "-c",
                SCRIPT,
            ]);
            command
        } else {
            let mut command = Command::new("sh");
            command.args(["-c", SCRIPT]);
            command
        };
        let path = format!("{}:{}", binaries().display(), std::env::var("PATH").unwrap());
        let process = command
            .env("PATH", path)
            .env("PORT", port.to_string())
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/tmp")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Server {
            port,
            _process: process,
        }
    })
}

fn binaries() -> PathBuf {
    let mut versions = std::fs::read_dir("/usr/lib/postgresql")
        .expect("Postgres is installed as Debian does")
        .map(|entry| entry.unwrap().path().join("bin"))
        .collect::<Vec<_>>();
    versions.sort();
    versions.pop().unwrap()
}

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

// === impl TestDatabase ===

impl TestDatabase {
    pub(crate) async fn empty() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let root = format!("postgresql://postgres@127.0.0.1:{}", server().port);
        let admin = loop {
            match connect(&format!("{root}/postgres")).await {
                Ok(client) => break client,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        admin
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await
            .unwrap();
        Self {
            url: format!("{root}/{name}"),
        }
    }

    pub(crate) async fn migrated() -> Self {
        let database = Self::empty().await;
        migrate(&database.settings()).await.unwrap();
        database
    }

    pub(crate) fn settings(&self) -> PostgresSettings {
        PostgresSettings {
            url: self.url.clone().into(),
            pool_size: 8,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            writers: 4,
            max_rows: 5_000,
            max_bytes: 64 << 20,
        }
    }

    pub(crate) async fn client(&self) -> Client {
        connect(&self.url).await.unwrap()
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
