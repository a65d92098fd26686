//! The way to start actors, to order the drain and to learn of the end.

use super::{
    ActorRegistry, Breaker, Build, Drain, Exit, Limits, Load, Member, Port, RestartPolicy, Sink, Source,
    Transform,
    head::Head,
    job::{Outlet, SinkJob, StageJob},
    supervisor::Supervisor,
    worker::Worker,
};
use actix::{Actor, Addr, ArbiterHandle};
use futures_util::FutureExt;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// A running supervisor.
pub struct Supervision {
    addr: Addr<Supervisor>,
    drain: Drain,
    breaker: Breaker,
    actors: ActorRegistry,
    deadline: Duration,
    exit: watch::Receiver<Option<Exit>>,
}

// === impl Supervision ===

impl Supervision {
    /// Starts a supervisor without children on the current arbiter.
    pub fn start(policy: RestartPolicy, drain: Drain) -> Self {
        let (actors, breaker) = (ActorRegistry::default(), Breaker::default());
        let (exit_tx, exit) = watch::channel(None);
        let supervisor = Supervisor::new(policy, actors.clone(), drain.clone(), breaker.clone(), exit_tx);
        Self {
            addr: supervisor.start(),
            drain,
            breaker,
            actors,
            deadline: policy.deadline,
            exit,
        }
    }

    /// Starts the end of a line; `name` is the stage and the actor's number in it.
    pub fn sink<S>(
        &self,
        name: (&'static str, usize),
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
            name,
            build,
            (limits, self.deadline),
            Outlet::End,
            self.addr.clone().recipient(),
            arbiter,
        )
    }

    /// Starts a middle of a line that posts to `next`; `name` is the stage and the actor's number in it.
    pub fn stage<S>(
        &self,
        name: (&'static str, usize),
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
            name,
            build,
            (one, self.deadline),
            Outlet::Next(next),
            self.addr.clone().recipient(),
            arbiter,
        )
    }

    /// Starts the beginning of a line, last of all: from here on deliveries flow.
    pub fn source<S: Source>(
        &self,
        name: impl Into<String>,
        arbiter: &ArbiterHandle,
        next: Port<S::Out>,
        build: Build<S>,
    ) {
        Head::start(
            name.into(),
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

    /// Waits for the end of the line.
    pub async fn ended(&self) -> Exit {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or(Exit::Drained),
            // The supervisor itself is gone: its arbiter died under it.
            Err(_) => Exit::GaveUp("supervisor".into()),
        }
    }
}
