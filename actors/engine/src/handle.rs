//! The way to start actors, to order the drain and to learn of the end.

use super::{
    ActorId, ActorRegistry, Breaker, Build, Drain, Exit, Limits, Load, Member, Port, RestartPolicy, Sink,
    Source, Transform,
    head::Head,
    job::{Outlet, SinkJob, StageJob},
    supervisor::Supervisor,
    worker::Worker,
};
use actix::{Actor, Addr, ArbiterHandle};
use futures_util::FutureExt;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// The running supervisor of a pipeline.
pub struct Supervision {
    pipeline: &'static str,
    taken: Mutex<BTreeSet<ActorId>>,
    addr: Addr<Supervisor>,
    drain: Drain,
    breaker: Breaker,
    actors: ActorRegistry,
    deadline: Duration,
    exit: watch::Receiver<Option<Exit>>,
}

// === impl Supervision ===

impl Supervision {
    /// Starts the supervisor of a pipeline, without children, on the current arbiter.
    pub fn start(pipeline: &'static str, policy: RestartPolicy, drain: Drain) -> Self {
        let (actors, breaker) = (ActorRegistry::default(), Breaker::default());
        let (exit_tx, exit) = watch::channel(None);
        let supervisor = Supervisor::new(policy, actors.clone(), drain.clone(), breaker.clone(), exit_tx);
        Self {
            pipeline,
            taken: Mutex::default(),
            addr: supervisor.start(),
            drain,
            breaker,
            actors,
            deadline: policy.deadline,
            exit,
        }
    }

    /// Starts the end of a pipeline: an actor by its stage and its number there.
    ///
    /// # Panics
    /// When there is such an actor already.
    pub fn sink<S>(
        &self,
        (stage, index): (&'static str, usize),
        arbiter: &ArbiterHandle,
        limits: Limits,
        build: Build<S>,
    ) -> Member<S::In>
    where
        S: Sink + Unpin,
        S::In: Unpin,
    {
        let build: Build<SinkJob<S>> = Arc::new(move || build().map(|made| made.map(SinkJob)).boxed_local());
        Worker::start(
            self.enlist(stage, Some(index)),
            build,
            (limits, self.deadline, self.drain.clone()),
            Outlet::End,
            self.addr.clone().recipient(),
            arbiter,
        )
    }

    /// Starts a middle of a pipeline that posts to `next`: an actor by its stage and its number there.
    ///
    /// # Panics
    /// When there is such an actor already.
    pub fn stage<S>(
        &self,
        (stage, index): (&'static str, usize),
        arbiter: &ArbiterHandle,
        next: Port<S::Out>,
        build: Build<S>,
    ) -> Member<S::In>
    where
        S: Transform + Unpin,
        S::In: Unpin,
    {
        let build: Build<StageJob<S>> =
            Arc::new(move || build().map(|made| made.map(StageJob)).boxed_local());
        let one = Limits {
            messages: 1,
            load: Load::default(),
        };
        Worker::start(
            self.enlist(stage, Some(index)),
            build,
            (one, self.deadline, self.drain.clone()),
            Outlet::Next(next),
            self.addr.clone().recipient(),
            arbiter,
        )
    }

    /// Starts the beginning of a pipeline, last of all: from here on deliveries flow.
    ///
    /// # Panics
    /// When there is such an actor already.
    pub fn source<S: Source>(
        &self,
        stage: &'static str,
        arbiter: &ArbiterHandle,
        next: Port<S::Out>,
        build: Build<S>,
    ) {
        Head::start(
            self.enlist(stage, None),
            build,
            next,
            (self.drain.clone(), self.breaker.clone()),
            self.addr.clone().recipient(),
            arbiter,
        );
    }

    /// Who is there and how they are.
    pub fn actors(&self) -> ActorRegistry {
        self.actors.clone()
    }

    /// Whether new deliveries may be taken.
    pub fn breaker(&self) -> Breaker {
        self.breaker.clone()
    }

    /// Waits for the end of the pipeline.
    pub async fn ended(&self) -> Exit {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or(Exit::Drained),
            // The supervisor itself is gone: its arbiter has ended.
            Err(_) => Exit::GaveUp(self.id("supervisor", None)),
        }
    }

    /// The place of a new actor. Two in one place would get each other's orders, so that is a mistake of the wiring.
    fn enlist(&self, stage: &'static str, index: Option<usize>) -> ActorId {
        let id = self.id(stage, index);
        // A panic below comes after the set was changed, so a poisoned lock does no harm.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(taken.insert(id), "two actors are called {id}");
        id
    }

    fn id(&self, stage: &'static str, index: Option<usize>) -> ActorId {
        ActorId {
            pipeline: self.pipeline,
            stage,
            index,
        }
    }
}
