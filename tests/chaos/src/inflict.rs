//! Does what a fault says, and mends it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use millrace_stack::{Order, Service, wait_for};
use serde_json::json;
use tokio::sync::MutexGuard;
use tokio::time::{Instant, sleep};

use crate::fault::{Fault, Kind, Target};
use crate::figures::Termination;
use crate::world::{PASSWORD, PATIENCE, USER, World};

const BETWEEN_CUTS: Duration = Duration::from_secs(1);
/// Time in which what is under way to the broker has arrived.
const UNDER_WAY: Duration = Duration::from_millis(300);
/// A quorum queue that is younger than this does not survive a SIGKILL of the broker.
const JUST_STARTED: Duration = Duration::from_secs(5);

/// Longer than the work on an event that is alone takes.
const LONGEST_ALONE: Duration = Duration::from_secs(20);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// A fault that was.
#[derive(Debug, Clone)]
pub(crate) struct Played {
    pub(crate) fault: Fault,
    /// When it began, since the start of the run.
    pub(crate) from: Duration,
    /// When it was mended: a server that was down answers again.
    pub(crate) to: Duration,
    /// Of an orderly stop of the product.
    pub(crate) termination: Option<Termination>,
}

/// Does it now.
pub(crate) async fn inflict(world: &World<'_>, fault: Fault, started: Instant) -> anyhow::Result<Played> {
    let mut hands = None;
    if !fault.is_on_the_way() {
        hands = Some(world.hands(fault.target)?.lock().await);
    }
    let from = started.elapsed();
    let mut termination = None;
    match (fault.kind, fault.target) {
        (Kind::Cut, to) => world.way(to)?.0.cut(),
        (Kind::Flap, to) => flap(world, to, fault.duration()).await?,
        (Kind::Refuse, to) => on_the_way(world, to, Order::Refuse, fault.duration()).await?,
        (Kind::BlackHole, to) => on_the_way(world, to, Order::BlackHole, fault.duration()).await?,
        (Kind::Trickle(rate), to) => on_the_way(world, to, Order::Trickle(rate), fault.duration()).await?,
        (Kind::Latency(ms), to) => {
            let order = Order::Latency(Duration::from_millis(ms.into()));
            on_the_way(world, to, order, fault.duration()).await?;
        }
        (Kind::Stop, Target::Millrace(index)) => {
            termination = Some(terminate(world, index).await?);
            sleep(fault.duration()).await;
            start(world, fault.target).await?;
        }
        (Kind::Kill | Kind::Stop, target) => {
            take_down(world, target, fault.kind).await?;
            sleep(fault.duration()).await;
            start(world, target).await?;
        }
        (Kind::Pause, target) => {
            pause(world, target)?;
            sleep(fault.duration()).await;
            resume(world, target)?;
        }
        (Kind::CloseConnections, _) => drop(world.tenant.close_connections().await?),
        (Kind::DeleteRetryQueue, _) => delete_retry_queue(world, fault.duration()).await?,
        (Kind::RotatePassword, _) => rotate_password(world, fault.duration()).await?,
        (Kind::TerminateBackends, _) => {
            let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
            sql(world, others).await?;
        }
        (Kind::ReadOnly, _) => read_only(world, fault.duration()).await?,
        (Kind::LockTable, _) => {
            let table = "BEGIN; LOCK TABLE post_analytics IN ACCESS EXCLUSIVE MODE";
            hold_lock(world, table, fault.duration()).await?;
        }
        (Kind::LockRows, _) => {
            let rows = "BEGIN; SELECT FROM authors ORDER BY random() LIMIT 3 FOR UPDATE";
            hold_lock(world, rows, fault.duration()).await?;
        }
        (Kind::StrayPages, to) => on_the_way(world, to, Order::Stray, fault.duration()).await?,
        (Kind::FullDeadLetters, _) => full_dead_letters(world, fault.duration()).await?,
        (Kind::UndecodableMessages, _) => undecodable_messages(world).await?,
    }
    let played = Played {
        fault,
        from,
        to: started.elapsed(),
        termination,
    };
    if fault.kind == Kind::DeleteRetryQueue {
        sleep(JUST_STARTED).await;
    }
    drop::<Option<MutexGuard<'_, ()>>>(hands);
    Ok(played)
}

async fn on_the_way(world: &World<'_>, to: Target, order: Order, time: Duration) -> anyhow::Result<()> {
    let (proxy, usual) = world.way(to)?;
    proxy.order(order);
    if matches!(order, Order::Refuse | Order::Stray) {
        proxy.cut();
    }
    sleep(time).await;
    proxy.order(usual);
    Ok(())
}

async fn flap(world: &World<'_>, to: Target, time: Duration) -> anyhow::Result<()> {
    let (proxy, _) = world.way(to)?;
    let end = Instant::now() + time;
    while Instant::now() < end {
        proxy.cut();
        sleep(BETWEEN_CUTS).await;
    }
    Ok(())
}

async fn take_down(world: &World<'_>, target: Target, how: Kind) -> anyhow::Result<()> {
    let stack = world.stack();
    match (target, how) {
        (Target::Rabbitmq, Kind::Kill) => stack.rabbitmq.kill().await,
        (Target::Rabbitmq, _) => stack.rabbitmq.stop().await,
        (Target::Postgres, Kind::Kill) => stack.postgres.kill().await,
        (Target::Postgres, _) => stack.postgres.stop().await,
        (Target::Objects, Kind::Kill) => stack.objects.kill().await,
        (Target::Objects, _) => stack.objects.stop().await,
        (Target::Millrace(index), _) => {
            let service = &world.replica(index)?.service;
            wait_until_nothing_is_alone(service).await;
            service.kill().await
        }
    }
}

/// An event that was at hand at two deaths goes alone, and a third death dead-letters it: rightly, for nothing else can have
/// killed the process. Here something else does, so it waits for a moment without such an event. On a busy machine one
/// takes seconds, and three kills met the same one.
async fn wait_until_nothing_is_alone(service: &Service) {
    let end = Instant::now() + LONGEST_ALONE;
    while Instant::now() < end
        && let Ok(metrics) = service.metrics().await
        && metrics.sum("analytics_suspects", &[]).unwrap_or_default() > 0.0
    {
        sleep(BETWEEN_LOOKS).await;
    }
}

async fn start(world: &World<'_>, target: Target) -> anyhow::Result<()> {
    let stack = world.stack();
    match target {
        Target::Rabbitmq => stack.rabbitmq.start().await,
        Target::Postgres => stack.postgres.start().await,
        Target::Objects => stack.objects.start().await,
        Target::Millrace(index) => world.replica(index)?.service.start_again(),
    }
}

fn pause(world: &World<'_>, target: Target) -> anyhow::Result<()> {
    let stack = world.stack();
    match target {
        Target::Rabbitmq => stack.rabbitmq.pause(),
        Target::Postgres => stack.postgres.pause(),
        Target::Objects => stack.objects.pause(),
        Target::Millrace(index) => world.replica(index)?.service.pause(),
    }
}

fn resume(world: &World<'_>, target: Target) -> anyhow::Result<()> {
    let stack = world.stack();
    match target {
        Target::Rabbitmq => stack.rabbitmq.resume(),
        Target::Postgres => stack.postgres.resume(),
        Target::Objects => stack.objects.resume(),
        Target::Millrace(index) => world.replica(index)?.service.resume(),
    }
}

/// SIGTERM. One that does not end in time is killed, and has no exit code.
async fn terminate(world: &World<'_>, index: usize) -> anyhow::Result<Termination> {
    let service = &world.replica(index)?.service;
    // Before it answers it may not even hear signals, and there is nothing to finish.
    let answers = wait_for("the product to answer", PATIENCE, async || {
        service.get("/livez").await
    });
    let ran = answers.await.is_ok();
    let ordered = Instant::now();
    let exit_code = match service.terminate().await {
        Ok(code) => code,
        Err(_) => {
            service.kill().await?;
            None
        }
    };
    Ok(Termination {
        ran,
        exit_code,
        seconds: ordered.elapsed().as_secs_f64(),
    })
}

/// Nothing may be about to put something in: what is deleted with its queue is lost, and not by our fault. So the
/// product is frozen meanwhile. The queue is made again as it was, in case the product does not need it soon.
async fn delete_retry_queue(world: &World<'_>, time: Duration) -> anyhow::Result<()> {
    let mut hands = Vec::new();
    for replica in &world.replicas {
        hands.push(replica.hands.lock().await);
        replica.service.pause()?;
    }
    sleep(UNDER_WAY).await;
    let queues = world.retry_queues().await;
    let empty = queues
        .as_ref()
        .ok()
        .and_then(|queues| queues.iter().find(|queue| queue.messages == 0));
    if let Some(queue) = empty {
        world.tenant.delete_queue(&queue.name).await?;
    }
    for replica in &world.replicas {
        replica.service.resume()?;
    }
    drop(hands);
    sleep(time).await;
    if let Some(queue) = empty {
        let arguments = serde_json::Value::Object(queue.arguments.clone());
        // Refused when the product has made it again in its own way, which is as good.
        let _ = world.tenant.declare_queue(&queue.name, arguments).await;
    }
    queues.map(drop)
}

/// Open connections keep their rights, so they are closed: the next ones have the wrong password.
async fn rotate_password(world: &World<'_>, time: Duration) -> anyhow::Result<()> {
    let management = world.stack().rabbitmq.management();
    management.put_user(USER, "another-password").await?;
    world.tenant.close_connections().await?;
    sleep(time).await;
    management.put_user(USER, PASSWORD).await
}

async fn read_only(world: &World<'_>, time: Duration) -> anyhow::Result<()> {
    alter_system(world, "SET default_transaction_read_only = on").await?;
    sleep(time).await;
    alter_system(world, "RESET default_transaction_read_only").await
}

async fn alter_system(world: &World<'_>, what: &str) -> anyhow::Result<()> {
    // Two statements in one message would be one transaction, which ALTER SYSTEM refuses.
    sql(world, &format!("ALTER SYSTEM {what}")).await?;
    sql(world, "SELECT pg_reload_conf()").await
}

async fn hold_lock(world: &World<'_>, lock: &str, time: Duration) -> anyhow::Result<()> {
    let database = world.tenant.connect_postgres().await?;
    let locked = database.batch_execute(lock).await;
    locked.with_context(|| format!("cannot run {lock:?}"))?;
    sleep(time).await;
    database
        .batch_execute("ROLLBACK")
        .await
        .context("cannot release a lock")
}

/// What is in it stays; more is refused.
async fn full_dead_letters(world: &World<'_>, time: Duration) -> anyhow::Result<()> {
    let management = world.stack().rabbitmq.management();
    let (vhost, name) = (world.tenant.vhost(), "full");
    // A classic queue takes the new length in before the new way to overflow, and would drop what is in it.
    for length in [1_000_000, 1] {
        let full = json!({"max-length": length, "overflow": "reject-publish"});
        management
            .set_policy(vhost, name, Some((r"\.dlq$", full)))
            .await?;
    }
    sleep(time).await;
    management.set_policy(vhost, name, None).await
}

/// An `app_id` in Latin-1 on something that is no event. What the broker was asked for may have happened even where it
/// did not answer, so it is noted first.
async fn undecodable_messages(world: &World<'_>) -> anyhow::Result<()> {
    const APP_ID: &[u8] = b"\0\x08\x04caf\xe9";
    let mut producer = world.tenant.raw_publisher().await?;
    world.undecodable.store(true, Ordering::Relaxed);
    for _ in 0..5 {
        producer
            .publish("smap.events", b"data.collected", APP_ID, b"no event at all")
            .await?;
    }
    Ok(())
}

async fn sql(world: &World<'_>, statement: &str) -> anyhow::Result<()> {
    let database = world.tenant.connect_postgres().await?;
    database
        .batch_execute(statement)
        .await
        .with_context(|| format!("cannot run {statement:?}"))
}

/// Sees to it that everything is up at the end, whatever was done to it.
pub(crate) async fn mend_all(world: &World<'_>) -> anyhow::Result<()> {
    for target in [Target::Rabbitmq, Target::Postgres, Target::Objects] {
        let (proxy, _) = world.way(target)?;
        // Also the far store comes near: what is left is done sooner.
        proxy.order(Order::Pass);
    }
    for replica in &world.replicas {
        let ready = wait_for("every replica to be ready", PATIENCE * 2, async || {
            let (status, body) = replica.service.get("/readyz").await?;
            anyhow::ensure!(status == 200, "{body}");
            Ok(())
        });
        ready.await?;
    }
    Ok(())
}
