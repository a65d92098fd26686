use crate::pipeline::{POLICY, Script, limits, start_sink};
use crate::testkit::{TestAcks, in_virtual_time, port_to, until};
use futures_util::FutureExt;
use millrace_engine::{
    Breaker, Build, Drain, Fault, Intake, Outcome, Port, Source, Stage, State, Supervision,
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

/// What the dependency of the stage does.
#[derive(Default)]
struct World {
    /// It neither answers nor works.
    down: AtomicBool,
    /// It answers and does not work.
    full: AtomicBool,
    /// It works, but not for this event.
    failing: Mutex<Option<u64>>,
    runs: AtomicUsize,
}

/// Panics at 13.
struct Needy(Arc<World>);

struct Pool {
    supervision: Supervision,
    breaker: Breaker,
    port: Port<u64>,
    acks: TestAcks,
    world: Arc<World>,
}

impl Stage for Needy {
    type In = u64;
    type Out = u64;

    async fn run(&mut self, number: &u64) -> Result<u64, Fault> {
        let Self(world) = self;
        world.runs.fetch_add(1, SeqCst);
        assert_ne!(*number, 13);
        let failing = *world.failing.lock().unwrap() == Some(*number);
        if failing || world.down.load(SeqCst) || world.full.load(SeqCst) {
            return Err(Fault::outage("network", "down"));
        }
        Ok(number * 2)
    }
}

// === impl Pool ===

impl Pool {
    fn start(world: World, workers: usize) -> Self {
        let world = Arc::new(world);
        let supervision = Supervision::start("test", POLICY, Drain::default());
        let sink = port_to(start_sink(
            &supervision,
            &Arc::new(Script::default()),
            limits(9, 99),
        ));
        let asked = world.clone();
        let build: Build<Needy> = Arc::new(move || {
            let world = asked.clone();
            async move {
                match world.down.load(SeqCst) {
                    true => Err(Fault::outage("network", "no answer")),
                    false => Ok(Needy(world)),
                }
            }
            .boxed_local()
        });
        let here = actix::Arbiter::current();
        let members =
            (0..workers).map(|n| supervision.stage(("needy", n), &here, sink.clone(), build.clone()));
        Self {
            port: Port::new(members),
            breaker: supervision.breaker(),
            supervision,
            acks: TestAcks::default(),
            world,
        }
    }

    async fn is_built(&self) {
        let actors = self.supervision.actors();
        until(|| {
            actors.entries().len() == 4 && actors.entries().values().all(|entry| entry.state == State::Up)
        })
        .await;
    }

    fn is_open(&self) -> bool {
        self.breaker.suspension().is_some()
    }
}

#[test]
fn it_opens_with_the_outage_and_closes_with_its_end() {
    in_virtual_time(|| async {
        let mut pool = Pool::start(World::default(), 3);
        pool.is_built().await;
        pool.world.down.store(true, SeqCst);
        pool.acks.post_all([1], &pool.port);
        until(|| pool.is_open()).await;
        let why = pool.breaker.suspension().unwrap();
        assert_eq!((why.dependency, why.detail.as_str()), ("network", "down"));
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert!(pool.is_open(), "two idle workers do not close it");
        pool.world.down.store(false, SeqCst);
        assert_eq!(pool.acks.outcomes(1).await[&1], Outcome::Done);
        until(|| !pool.is_open()).await;
    });
}

#[test]
fn one_failing_event_costs_one_short_pause_and_not_the_pipeline() {
    in_virtual_time(|| async {
        let mut pool = Pool::start(World::default(), 3);
        pool.is_built().await;
        *pool.world.failing.lock().unwrap() = Some(7);
        pool.acks.post_all([7], &pool.port);
        until(|| pool.is_open()).await;
        until(|| !pool.is_open()).await;
        let changes = pool.breaker.subscribe();
        let runs = pool.world.runs.load(SeqCst);
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert!(
            pool.world.runs.load(SeqCst) >= runs + 9,
            "it failed again and again"
        );
        assert!(!changes.has_changed().unwrap(), "and no source paused for it");
        pool.acks.post_all([1, 2], &pool.port);
        pool.acks.outcomes(2).await;
        *pool.world.failing.lock().unwrap() = None;
        pool.acks.outcomes(1).await;
        assert!(!changes.has_changed().unwrap());
    });
}

#[test]
fn a_dependency_that_answers_and_does_not_work_holds_the_pipeline() {
    in_virtual_time(|| async {
        let mut pool = Pool::start(World::default(), 2);
        pool.world.full.store(true, SeqCst);
        pool.acks.post_all([1, 2], &pool.port);
        until(|| pool.is_open()).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let changes = pool.breaker.subscribe();
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert!(pool.is_open());
        assert!(!changes.has_changed().unwrap(), "no rebuild closes it");
        pool.world.full.store(false, SeqCst);
        pool.acks.outcomes(2).await;
        until(|| !pool.is_open()).await;
    });
}

#[test]
fn the_failure_that_takes_the_last_worker_opens_it_whatever_came_before() {
    in_virtual_time(|| async {
        let mut pool = Pool::start(World::default(), 1);
        pool.world.full.store(true, SeqCst);
        pool.acks.post_all([13, 1], &pool.port);
        until(|| pool.is_open()).await;
        pool.world.full.store(false, SeqCst);
        pool.acks.outcomes(2).await;
        until(|| !pool.is_open()).await;
    });
}

#[test]
fn a_dependency_that_is_down_at_start_does_not_pause_the_pipeline_for_ever() {
    in_virtual_time(|| async {
        let world = World::default();
        world.down.store(true, SeqCst);
        let pool = Pool::start(world, 2);
        until(|| pool.is_open()).await;
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert!(pool.is_open());
        pool.world.down.store(false, SeqCst);
        until(|| !pool.is_open()).await;
        assert_eq!(pool.world.runs.load(SeqCst), 0, "no event was needed to see it");
    });
}

/// Loses its broker again and again.
struct Lost(Arc<AtomicUsize>);

impl Source for Lost {
    type Out = u64;

    async fn pull(&mut self, _: Intake<u64>) -> Result<(), Fault> {
        self.0.fetch_add(1, SeqCst);
        Err(Fault::outage("broker", "connection lost"))
    }
}

#[test]
fn a_source_that_lost_its_broker_opens_nothing() {
    in_virtual_time(|| async {
        let pool = Pool::start(World::default(), 1);
        let pulls = Arc::new(AtomicUsize::new(0));
        let counted = pulls.clone();
        let build: Build<Lost> = Arc::new(move || {
            let made = Lost(counted.clone());
            async move { Ok(made) }.boxed_local()
        });
        let changes = pool.breaker.subscribe();
        pool.supervision
            .source("lost", &actix::Arbiter::current(), pool.port.clone(), build);
        until(|| pulls.load(SeqCst) > 5).await;
        assert!(!changes.has_changed().unwrap());
    });
}
