//! How long an event takes from its publication to its commit, at a fixed rate that waits for nobody.

use crate::{
    arena::Arena,
    contender::{self, Contender},
    report::{Latency, percentile},
    shape::Case,
    throughput::Load,
};
use anyhow::Context;
use futures_util::future::try_join_all;
use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::{Instant, sleep_until};

/// Connections that publish: one waits for the broker's confirmation of each event.
const PUBLISHERS: usize = 8;
/// Of the time, so much at the beginning is not counted.
const WARM_UP: f64 = 0.1;

/// Publishes the load's events at so many items a second. The first event is there before the process.
pub(crate) async fn measure(
    arena: &Arena<'_>,
    contender: &Contender,
    (case, percent, items_per_second): (Case, usize, f64),
    load: &Load,
) -> anyhow::Result<Latency> {
    arena.upload(&load.before).await?;
    arena.upload(&load.batches).await?;
    let (first, rest) = load.order.split_first().context("a load without events")?;
    let (services, first_row_ms) = first_row(arena, contender, load, *first).await?;
    let events_per_second = items_per_second / load.batches[0].items as f64;
    let due = publish(arena, load, rest, events_per_second).await?;
    arena
        .stored(load.before.len() + load.batches.len(), |_| ())
        .await?;

    let committed = committed(arena).await?;
    let warm = (due.len() as f64 * WARM_UP) as usize;
    let mut taken: Vec<f64> = due
        .iter()
        .skip(warm)
        .filter_map(|(event, due)| Some((committed.get(*event)? - due) * 1e3))
        .collect();
    taken.sort_by(f64::total_cmp);
    for service in services {
        service.terminate().await?;
    }
    Ok(Latency {
        case,
        contender: contender.label.clone(),
        percent,
        items_per_second,
        events: taken.len(),
        p50_ms: percentile(&taken, 50.0),
        p99_ms: percentile(&taken, 99.0),
        first_row_ms,
    })
}

/// From the start of the process to its first commit, with an event in the queue.
async fn first_row(
    arena: &Arena<'_>,
    contender: &Contender,
    load: &Load,
    first: usize,
) -> anyhow::Result<(Vec<millrace_stack::Service>, f64)> {
    if !load.before.is_empty() {
        let services = arena.start(contender, &load.before).await?;
        for service in services {
            service.terminate().await?;
        }
    }
    arena.publish(&load.batches, &[first]).await?;
    let began = arena.now().await?;
    let services = contender.spawn(&arena.tenant)?;
    arena.stored(load.before.len() + 1, |_| ()).await?;
    let event = &load.batches[first].event_id;
    let committed = committed(arena).await?;
    let committed = committed.get(event).context("the first event is not stored")?;
    contender::ready(&services).await?;
    Ok((services, (committed - began) * 1e3))
}

/// Events and when each was due, in their order; of a redelivery only the first delivery.
async fn publish<'l>(
    arena: &Arena<'_>,
    load: &'l Load,
    order: &[usize],
    events_per_second: f64,
) -> anyhow::Result<Vec<(&'l str, f64)>> {
    let (start, clock) = (Instant::now(), unix());
    let due = |place: usize| place as f64 / events_per_second;
    let publisher = async |number: usize| {
        let mut publisher = arena.tenant.raw_publisher().await?;
        for place in (number..order.len()).step_by(PUBLISHERS) {
            sleep_until(start + Duration::from_secs_f64(due(place))).await;
            arena
                .announce(&mut publisher, &load.batches[order[place]])
                .await?;
        }
        anyhow::Ok(())
    };
    try_join_all((0..PUBLISHERS).map(publisher)).await?;
    let mut firsts = HashMap::new();
    for (place, position) in order.iter().enumerate() {
        firsts.entry(*position).or_insert(place);
    }
    let mut firsts: Vec<_> = firsts.into_iter().collect();
    firsts.sort_by_key(|(_, place)| *place);
    let event = |position: usize| load.batches[position].event_id.as_str();
    Ok(firsts
        .into_iter()
        .map(|(position, place)| (event(position), clock + due(place)))
        .collect())
}

fn unix() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

/// When each event was committed; the ledger's own column is written earlier, in the middle of the transaction.
async fn committed(arena: &Arena<'_>) -> anyhow::Result<HashMap<String, f64>> {
    let sql =
        "SELECT event_id, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 FROM ingested_batches";
    let rows = arena.database.query(sql, &[]).await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}
