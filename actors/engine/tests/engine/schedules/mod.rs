//! Thousands of drawn schedules against the real engine in virtual time: whatever befalls the stages,
//! the broker and the operator, every event is stored or dead-lettered for a reason. Decision record 3 says why so.

mod broker;
mod plan;
mod stages;

use crate::testkit::in_virtual_time;
use broker::Broker;
use futures_util::FutureExt;
use millrace_engine::{Build, Drain, Exit, Fault, Limits, Load, Port, RestartPolicy, Supervision};
use plan::{Plan, PlannedEvent, STAGES, plans};
use proptest::prelude::*;
use stages::{Gate, Station, Vault};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

/// What outlives a pipeline: the plan, how far it has come, and the broker.
struct World {
    plan: Plan,
    /// What is still in store.
    troubles: Mutex<Vec<PlannedEvent>>,
    dead_builds: [AtomicUsize; STAGES],
    deliveries: AtomicUsize,
    broker: Broker,
}

// === impl World ===

impl World {
    fn new(plan: Plan) -> Arc<Self> {
        Arc::new(Self {
            troubles: Mutex::new(plan.events.clone()),
            dead_builds: plan.dead_builds.map(AtomicUsize::new),
            deliveries: AtomicUsize::default(),
            broker: Broker::new(&plan),
            plan,
        })
    }

    fn drops_this_one(&self) -> bool {
        self.plan.dropped.contains(&self.deliveries.fetch_add(1, SeqCst))
    }

    /// Builds `made` for a stage when its dependency answers.
    fn build<W: 'static>(self: &Arc<Self>, stage: usize, made: fn(Arc<Self>) -> W) -> Build<W> {
        let world = self.clone();
        Arc::new(move || {
            let world = world.clone();
            async move {
                let left = &world.dead_builds[stage];
                match left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
                    Ok(_) => Err(Fault::outage("world", "no answer")),
                    Err(_) => Ok(made(world)),
                }
            }
            .boxed_local()
        })
    }

    fn start(self: &Arc<Self>, drain: &Drain) -> Supervision {
        let policy = RestartPolicy {
            intensity: self.plan.intensity,
            window: Duration::from_secs(600),
            ..RestartPolicy::default()
        };
        let supervision = Supervision::start("test", policy, drain.clone());
        let here = actix::Arbiter::current();
        let limits = Limits {
            messages: self.plan.batch,
            load: Load {
                rows: usize::MAX,
                bytes: usize::MAX,
            },
        };
        let vault = |n| supervision.sink(("vault", n), &here, limits, self.build(2, Vault));
        let vaults = Port::new((0..self.plan.workers[2]).map(vault));
        let second = |n| {
            let build = self.build(1, |world| Station(world, 1));
            supervision.stage(("second", n), &here, vaults.clone(), build)
        };
        let seconds = Port::new((0..self.plan.workers[1]).map(second));
        let first = |n| {
            let build = self.build(0, |world| Station(world, 0));
            supervision.stage(("first", n), &here, seconds.clone(), build)
        };
        let firsts = Port::new((0..self.plan.workers[0]).map(first));
        let world = self.clone();
        let gate: Build<Gate> = Arc::new(move || std::future::ready(Ok(Gate(world.clone()))).boxed_local());
        supervision.source("gate", &here, firsts, gate);
        supervision
    }

    /// One life of the process: until all is done, an operator stops it, or it gives up.
    async fn live(self: &Arc<Self>, drained_after: Option<u64>) {
        let drain = Drain::default();
        let supervision = self.start(&drain);
        let stopped = async {
            match drained_after {
                Some(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = supervision.ended() => {}
            () = self.broker.done() => self.breaker_closes(&supervision).await,
            () = stopped => {}
        }
        drain.order();
        if supervision.ended().await == Exit::Drained && drain.gave_up() {
            self.broker.violate("gave up, and says it has drained".to_owned());
        }
        if !self.broker.is_done() {
            self.broker.lose(); // what a process leaves behind when it ends
        }
    }

    /// With nothing left to do the pipeline must not stay paused, or it would never do anything again.
    async fn breaker_closes(&self, supervision: &Supervision) {
        let mut breaker = supervision.breaker().subscribe();
        let hour = Duration::from_secs(60 * 60);
        let closes = tokio::time::timeout(hour, breaker.wait_for(Option::is_none));
        tokio::select! {
            biased;
            closed = closes => if closed.is_err() {
                self.broker.violate("the breaker stays open".to_owned());
            },
            _ = supervision.ended() => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_event_is_stored_or_dead_lettered_for_a_reason(plan in plans()) {
        let world = World::new(plan);
        in_virtual_time(|| async {
            let mut drains = world.plan.drains_ms.iter();
            while !world.broker.is_done() {
                world.live(drains.next().copied()).await;
            }
        });
        let violations = world.broker.outcome(&world.plan);
        prop_assert!(violations.is_empty(), "{violations:#?}");
    }
}
