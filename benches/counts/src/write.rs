//! Rows to statements: what a write costs this process, its rows merged, encoded and sent to a real Postgres.

use crate::load::{batches, event, parsed};
use anyhow::Context;
use millrace_access::tls::TlsFiles;
use millrace_batches::{
    messages::{ObjectInfo, ParsedBatch},
    recent::Recent,
    write::{MIGRATIONS, Writer, WriterMetrics},
};
use millrace_corpus::Platform;
use millrace_engine::{ByteBudget, Sink};
use millrace_postgres::{Database, PostgresSettings};
use prometheus_client::registry::Registry;
use std::{sync::Arc, time::Duration};
use tokio::runtime::Handle;

const BATCHES_A_WRITE: usize = 4;
/// All batches are made, however few are written.
const MOST_WRITES: usize = 9;

/// Writes new batches into a new database so many times.
pub(crate) fn run(times: usize) -> anyhow::Result<()> {
    let batches = all()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut writer = writer(&database().await?).await?;
        for batches in batches.chunks(BATCHES_A_WRITE).take(times) {
            let batches: Vec<_> = batches.iter().collect();
            writer.write(&batches).await.ok().context("a write is refused")?;
        }
        Ok(())
    })
}

fn all() -> anyhow::Result<Vec<ParsedBatch>> {
    let platform = Platform::Tiktok;
    let made = batches(platform, MOST_WRITES * BATCHES_A_WRITE);
    anyhow::ensure!(
        made.len() == MOST_WRITES * BATCHES_A_WRITE,
        "the corpus has too few whole batches"
    );
    let batch = |(number, batch)| {
        let id = format!("evt-{number}");
        let parsed = parsed(platform, batch, &id)?;
        Ok(ParsedBatch {
            object: ObjectInfo {
                path: format!("crawl-results/{id}.json.zst"),
                etag: None,
                claims_zstd: true,
            },
            event: Arc::new(event(platform, &id)),
            bytes: parsed.json_bytes,
            items: parsed.items,
            reservation: ByteBudget::new(1)
                .try_reserve(0)
                .context("an empty budget takes nothing")?,
        })
    };
    made.iter().enumerate().map(batch).collect()
}

/// The address of a database of our own on the server of `DATABASE_URL`.
async fn database() -> anyhow::Result<String> {
    let server = std::env::var("DATABASE_URL").context("DATABASE_URL names no server")?;
    let (client, connection) = tokio_postgres::connect(&server, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let name = format!("counts_{}", std::process::id());
    client
        .batch_execute(&format!("CREATE DATABASE {name} STRATEGY wal_log"))
        .await?;
    let (address, _) = server
        .rsplit_once('/')
        .context("DATABASE_URL without a database")?;
    Ok(format!("{address}/{name}"))
}

async fn writer(url: &str) -> anyhow::Result<Writer> {
    let settings = PostgresSettings {
        url: url.to_owned().into(),
        tls: TlsFiles::default(),
        pool_size: 2,
        connect_timeout: Duration::from_secs(60),
        statement_timeout: Duration::from_secs(300),
        writers: 1,
        max_rows: 5_000,
        max_bytes: 64 << 20,
    };
    MIGRATIONS.migrate(&settings).await?;
    let database = Database::new(&settings, &Handle::current())?;
    let metrics = WriterMetrics::register(&mut Registry::default(), Recent::default());
    Ok(Writer::new(database, metrics))
}
