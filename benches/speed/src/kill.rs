//! What a SIGKILL in the middle of a load leaves behind: rows that never came, rows that came twice.

use crate::{arena::Arena, contender::Contender, report::Kill, throughput::Load};
use anyhow::ensure;
use millrace_stack::wait_for;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(120);

/// Kills all processes when a third is stored, starts them again, and counts when the queue is empty.
pub(crate) async fn measure(arena: &Arena<'_>, contender: &Contender, load: &Load) -> anyhow::Result<Kill> {
    arena.upload(&load.batches).await?;
    arena.publish(&load.batches, &load.order).await?;
    let events = load.batches.len();
    let services = contender.spawn(&arena.tenant)?;
    wait_for("a third in the ledger", PATIENCE, async || {
        arena
            .events()
            .await
            .map(|stored| stored * 3 >= events)
            .unwrap_or(false)
    })
    .await?;
    for service in &services {
        service.kill().await?;
    }
    let stored_before = arena.events().await?;
    ensure!(
        stored_before < events,
        "{} had stored everything before the kill: use more items",
        contender.label
    );
    for service in &services {
        service.start_again()?;
    }
    arena
        .tenant
        .wait_until_empty(crate::arena::QUEUE, PATIENCE)
        .await?;
    let expected: usize = load
        .batches
        .iter()
        .map(|batch| batch.items + batch.comments)
        .sum();
    let present = arena.count("post_analytics").await? + arena.count("comments").await?;
    let kill = Kill {
        contender: contender.label.clone(),
        events,
        stored_before,
        lost_rows: expected as i64 - present,
        doubled_rows: arena.count(DOUBLED).await?,
    };
    for service in services {
        service.terminate().await?;
    }
    Ok(kill)
}

/// An event's rows and its row in the ledger are committed together. Not told by `xmin`: what is copied under a savepoint
/// has that of the savepoint, and both have the time of the one commit.
const DOUBLED: &str = "post_analytics p JOIN ingested_batches b \
    ON b.job_id = p.job_id AND b.batch_index = p.batch_index \
    WHERE pg_xact_commit_timestamp(b.xmin) <> pg_xact_commit_timestamp(p.xmin)";
