//! The whole of it: start, break, repair, count.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use futures_util::future::{join_all, try_join_all};
use millrace_stack::Stack;
use tokio::time::{Instant, sleep_until};

use crate::fault::Fault;
use crate::figures::{Figures, Termination};
use crate::findings::Findings;
use crate::inflict::{Played, inflict, mend_all};
use crate::load::Load;
use crate::reporter::Reporter;
use crate::schedule::Schedule;
use crate::settled::{Business, Settled, wait_until_drained};
use crate::timeline::Timeline;
use crate::world::World;

/// The ladder that `RETRY_INITIAL_DELAY` and `RETRY_MAX_DELAY` make: 0.5, 1 and 2 s.
const RETRY_QUEUES: usize = 3;

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The same seed plans the same faults and makes the same events.
    pub seed: u64,
    /// How long faults are played.
    pub length: Duration,
    /// Where to keep the logs; none: those of a run that is not green go into a new temporary folder.
    pub logs: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    pub(crate) plan: Plan,
    pub(crate) replicas: usize,
    pub(crate) played: Vec<Fault>,
    pub(crate) messages: usize,
    pub(crate) items: usize,
    pub(crate) busy_percent: usize,
    pub(crate) findings: Findings,
    pub(crate) charged: usize,
    pub(crate) drained: bool,
    pub(crate) drain_seconds: f64,
    pub(crate) figures: Figures,
    pub(crate) terminations: Vec<Termination>,
    pub(crate) gave_up: Vec<Option<i32>>,
    pub(crate) base_memory_kib: u64,
    pub(crate) peak_memory_kib: u64,
}

/// The faults, and the end of the work.
struct Work {
    played: Vec<Played>,
    busy_percent: usize,
    /// Whether, and how long it took.
    drained: (bool, Duration),
}

// === impl Plan ===

impl Plan {
    /// Its faults.
    pub fn schedule(&self) -> Schedule {
        Schedule::new(self.seed, self.length)
    }
}

/// Plays the plan on private servers and checks everything afterwards.
///
/// # Errors
/// The servers or the checks themselves fail; what the product does wrong is in the outcome.
pub async fn run(plan: &Plan) -> anyhow::Result<Outcome> {
    println!(
        "seed {}: starting RabbitMQ, Postgres, object storage and millrace …",
        plan.seed
    );
    let stack = Stack::start().await?;
    let played = perform(plan, &stack).await;
    let is_green = played.as_ref().is_ok_and(|outcome| outcome.summary().green);
    if !is_green || plan.logs.is_some() {
        let kept = keep_logs(plan, stack.directory())?;
        println!("the logs are kept in {}", kept.display());
    }
    played
}

async fn perform(plan: &Plan, stack: &Stack) -> anyhow::Result<Outcome> {
    let schedule = plan.schedule();
    let world = World::start(stack, &schedule).await?;
    let base = world
        .replicas
        .iter()
        .filter_map(|replica| replica.service.memory_kib("VmRSS"));
    let base_memory_kib = base.max().unwrap_or_default();

    let load = Load::new(plan.seed, plan.length, &world);
    let reporter = Reporter::new(load.messages());
    reporter.now(&format!("uploading objects of {} items", load.items()));
    load.upload(&world).await?;
    load.warm_up(&world).await?;
    world.wait_until_registered(RETRY_QUEUES).await?;
    reporter.now(&format!(
        "{} faults for {} replica(s)",
        schedule.faults.len(),
        schedule.replicas
    ));

    let started = Instant::now();
    let timelines: Vec<Timeline> = world.replicas.iter().map(|_| Timeline::default()).collect();
    let watching = join_all(
        timelines
            .iter()
            .zip(&world.replicas)
            .map(|(timeline, replica)| timeline.watch(replica, started)),
    );
    let keeping = try_join_all(world.replicas.iter().map(|replica| replica.keep()));
    let working = work(plan, &world, &load, &schedule, &reporter, started);
    let Work {
        played,
        busy_percent,
        drained,
    } = tokio::select! {
        worked = working => worked?,
        kept = keeping => return Err(kept.err().context("the task that keeps the replicas running ended")?),
        _ = watching => anyhow::bail!("the task that watches the replicas ended"),
    };

    let mut terminations: Vec<_> = played.iter().filter_map(|one| one.termination).collect();
    for replica in &world.replicas {
        terminations.push(last_termination(replica).await?);
    }
    reporter.now("comparing every row");
    let settled = Settled::read(&world, drained).await?;
    let findings = Findings::of(&world.expected(load.expected()), &settled);
    Ok(Outcome {
        plan: plan.clone(),
        replicas: schedule.replicas,
        messages: load.messages(),
        items: load.items(),
        busy_percent,
        findings,
        charged: settled.charged,
        drained: settled.drained,
        drain_seconds: settled.took.as_secs_f64(),
        figures: Figures::of(&played, &timelines),
        played: played.iter().map(|one| one.fault).collect(),
        terminations,
        gave_up: world
            .replicas
            .iter()
            .flat_map(|replica| replica.gave_up())
            .collect(),
        base_memory_kib,
        peak_memory_kib: timelines
            .iter()
            .map(Timeline::peak_memory_kib)
            .max()
            .unwrap_or_default(),
    })
}

/// Publishes and plays, mends, and waits for the end of the work.
async fn work(
    plan: &Plan,
    world: &World<'_>,
    load: &Load,
    schedule: &Schedule,
    reporter: &Reporter,
    started: Instant,
) -> anyhow::Result<Work> {
    let playing = try_join_all(schedule.faults.iter().map(|&fault| async move {
        sleep_until(started + fault.at()).await;
        reporter.say(&fault.to_string());
        inflict(world, fault, started)
            .await
            .with_context(|| format!("this fault could not be played or mended: {fault}"))
    }));
    let publishing = async {
        load.publish(world, plan.length, || reporter.published()).await;
        anyhow::Ok(())
    };
    let business = Business::default();
    let played = tokio::select! {
        worked = async { tokio::try_join!(playing, publishing) } => worked?.0,
        () = business.watch(world) => anyhow::bail!("the task that watches the queues ended"),
    };
    reporter.now("faults are over; waiting for the rest of the work");
    mend_all(world).await?;
    let drained = wait_until_drained(world).await?;
    Ok(Work {
        played,
        busy_percent: business.percent(),
        drained,
    })
}

/// Every run ends with one, without any fault around it.
async fn last_termination(replica: &crate::replica::Replica) -> anyhow::Result<Termination> {
    let ordered = Instant::now();
    Ok(Termination {
        ran: replica.service.pid().is_some(),
        exit_code: replica.service.terminate().await?,
        seconds: ordered.elapsed().as_secs_f64(),
    })
}

fn keep_logs(plan: &Plan, from: &Path) -> anyhow::Result<PathBuf> {
    let to = plan.logs.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("millrace-chaos-{}-{}", plan.seed, std::process::id()))
    });
    std::fs::create_dir_all(&to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in std::fs::read_dir(from)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log")
            && let Some(name) = path.file_name()
        {
            std::fs::copy(&path, to.join(name)).with_context(|| format!("cannot keep {}", path.display()))?;
        }
    }
    Ok(to)
}
