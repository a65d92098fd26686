//! How fast a full queue is emptied, and what that costs.

use crate::{
    arena::Arena, batch::Batch, contender::Contender, cpu::Cpu, progress::Progress, report::Figures,
};
use anyhow::Context;
use millrace_stack::Service;

const TABLES: [&str; 4] = ["post_analytics", "authors", "comments", "ingested_batches"];

/// A load: what is stored before, and what is measured, in which order.
pub(crate) struct Load {
    pub(crate) before: Vec<Batch>,
    pub(crate) batches: Vec<Batch>,
    pub(crate) order: Vec<usize>,
    /// The rows are those of `before`, and change.
    pub(crate) updates: bool,
}

// === impl Load ===

impl Load {
    pub(crate) fn items(&self) -> usize {
        self.batches.iter().map(|batch| batch.items).sum()
    }
}

/// Puts all events into the queue before a consumer that is ready and frozen, lets it go, and waits for the last row.
pub(crate) async fn measure(
    arena: &Arena<'_>,
    contender: &Contender,
    load: &Load,
    progress: &Progress,
) -> anyhow::Result<(Figures, Vec<Service>)> {
    arena.upload(&load.before).await?;
    arena.upload(&load.batches).await?;
    let services = arena.start(contender, &load.before).await?;
    for service in &services {
        service.pause()?;
    }
    // Earlier loads may be there too.
    let before = arena.events().await?;
    arena.publish(&load.batches, &load.order).await?;
    arena.database.batch_execute("CHECKPOINT").await?;
    let rows_before = if load.updates {
        load.before.len() as i64
    } else {
        rows(arena).await?
    };

    let look = || cpu(arena, &services);
    let (wal, began, cpu) = (wal(arena).await?, arena.now().await?, look()?);
    for service in &services {
        service.resume()?;
    }
    let stored = |events: usize| progress.set(events.saturating_sub(before), load.batches.len());
    arena.stored(before + load.batches.len(), stored).await?;
    let (cpu, wal_end) = (look()? - cpu, self::wal(arena).await?);

    let seconds = last_commit(arena).await? - began;
    // All rows were written again where they are updates, but for the ledger's.
    let written = rows(arena).await? - rows_before;
    let items = load.items() as f64;
    let figures = Figures {
        items: load.items(),
        json_bytes_per_item: load.batches.iter().map(|batch| batch.unpacked).sum::<usize>() as f64 / items,
        seconds,
        items_per_second: items / seconds,
        rows_per_second: written as f64 / seconds,
        cpu_us_per_item: cpu.millrace * 1e6 / items,
        postgres_us_per_item: cpu.postgres * 1e6 / items,
        wal_bytes_per_item: (wal_end - wal) / items,
        peak_mib: peak_mib(&services),
    };
    Ok((figures, services))
}

fn cpu(arena: &Arena<'_>, services: &[Service]) -> anyhow::Result<Cpu> {
    let stack = arena.tenant.stack();
    let pids: Option<Vec<u32>> = services.iter().map(Service::pid).collect();
    Ok(Cpu::now(
        &pids.context("a consumer has ended")?,
        stack.postgres.pid().context("Postgres has ended")?,
        stack.rabbitmq.pid().context("RabbitMQ has ended")?,
    ))
}

/// The resident peak of all processes together.
pub(crate) fn peak_mib(services: &[Service]) -> f64 {
    let peaks = services.iter().filter_map(|service| service.memory_kib("VmHWM"));
    peaks.sum::<u64>() as f64 / 1_024.0
}

/// Bytes of the log since ever.
pub(crate) async fn wal(arena: &Arena<'_>) -> anyhow::Result<f64> {
    arena
        .value("SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8")
        .await
}

async fn last_commit(arena: &Arena<'_>) -> anyhow::Result<f64> {
    arena
        .value("SELECT extract(epoch FROM max(pg_xact_commit_timestamp(xmin)))::float8 FROM ingested_batches")
        .await
}

async fn rows(arena: &Arena<'_>) -> anyhow::Result<i64> {
    let mut rows = 0;
    for table in TABLES {
        rows += arena.count(table).await?;
    }
    Ok(rows)
}
