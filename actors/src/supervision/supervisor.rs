//! The actor above the actors: it decides when a failed one is rebuilt, says what happened to whom,
//! and ends the program when there is no more point in trying.

use super::{
    Affected, Breaker, Build, Cause, Drain, Limits, Member, Port, Rebuild, Report, RestartPolicy, Roster,
    Sink, Source, Stage, State,
    head::Head,
    job::{Outlet, SinkJob, StageJob},
    lifecycle::{Decision, Lifecycle},
    worker::Worker,
};
use actix::{Actor, Addr, ArbiterHandle, AsyncContext, Context, Handler, Recipient};
use futures_util::FutureExt;
use std::{collections::HashMap, sync::Arc};
use tokio::{sync::watch, time::Instant};
use tracing::{debug, error, info, warn};

/// Why the line ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every source has drained after an order to do so.
    Drained,
    /// This actor failed too often.
    GaveUp(Arc<str>),
}

/// A running supervisor: the way to start actors, to order the drain and to learn of the end.
pub struct Supervision {
    addr: Addr<Supervisor>,
    drain: Drain,
    breaker: Breaker,
    roster: Roster,
    exit: watch::Receiver<Option<Exit>>,
}

struct Supervisor {
    policy: RestartPolicy,
    children: HashMap<Arc<str>, Child>,
    roster: Roster,
    drain: Drain,
    gave_up: Option<Arc<str>>,
    exit: watch::Sender<Option<Exit>>,
}

struct Child {
    control: Recipient<Rebuild>,
    life: Lifecycle,
    /// None for a worker; whether it has drained for a source.
    drained: Option<bool>,
    /// A failure was reported and no work was done since.
    failing: bool,
}

// === impl Supervision ===

impl Supervision {
    /// Starts a supervisor without children on the current arbiter.
    pub fn start(policy: RestartPolicy, drain: Drain) -> Self {
        let roster = Roster::default();
        let (exit_tx, exit) = watch::channel(None);
        let supervisor = Supervisor {
            policy,
            children: HashMap::new(),
            roster: roster.clone(),
            drain: drain.clone(),
            gave_up: None,
            exit: exit_tx,
        };
        Self {
            addr: supervisor.start(),
            drain,
            breaker: Breaker::default(),
            roster,
            exit,
        }
    }

    /// Starts the end of a line; `name` is the room and the actor's number in it.
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
            limits,
            Outlet::End,
            self.addr.clone().recipient(),
            arbiter,
        )
    }

    /// Starts a middle of a line that posts to `next`; `name` is the room and the actor's number in it.
    pub fn stage<S>(
        &self,
        name: (&'static str, usize),
        arbiter: &ArbiterHandle,
        next: Port<S::Out>,
        build: Build<S>,
    ) -> Member<S::In>
    where
        S: Stage + Unpin,
        S::In: Unpin,
    {
        let build: Build<StageJob<S>> =
            Arc::new(move || build().map(|made| made.map(StageJob)).boxed_local());
        let one = Limits {
            messages: 1,
            load: super::Load::default(),
        };
        Worker::start(
            name,
            build,
            one,
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
    pub fn roster(&self) -> Roster {
        self.roster.clone()
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

// === impl Supervisor ===

impl Supervisor {
    fn failed(&mut self, child: &Arc<str>, cause: &Cause, affected: &[Affected], ctx: &mut Context<Self>) {
        let Some(entry) = self.children.get_mut(child) else {
            return;
        };
        let now = Instant::now();
        let decision = match cause {
            Cause::Outage { .. } => entry.life.outage(now),
            Cause::Panic(_) | Cause::Broken(_) => entry.life.crash(now),
        };
        let first = !std::mem::replace(&mut entry.failing, true);
        let restarts = self.roster.fail(child, cause);
        say(child, cause, affected, restarts, decision, first);
        match decision {
            Decision::Restart { after } => {
                let control = entry.control.clone();
                ctx.run_later(after, move |_, _| control.do_send(Rebuild));
            }
            Decision::GiveUp => self.give_up(child),
        }
    }

    /// Drains what can be drained; the process ends when that is done. Whoever runs the process
    /// (Kubernetes) is the supervisor above this one.
    fn give_up(&mut self, child: &Arc<str>) {
        self.roster.set(child, State::GaveUp);
        self.gave_up.get_or_insert_with(|| child.clone());
        if let Some(entry) = self.children.get_mut(child)
            && let Some(drained) = entry.drained.as_mut()
        {
            *drained = true; // a source that gave up will not drain
        }
        self.drain.give_up();
        self.end_when_drained();
    }

    fn drained(&mut self, child: &Arc<str>) {
        if let Some(entry) = self.children.get_mut(child) {
            entry.drained = Some(true);
        }
        self.roster.set(child, State::Drained);
        info!(actor = %child, "source drained");
        self.end_when_drained();
    }

    fn end_when_drained(&mut self) {
        if self.children.values().all(|child| child.drained != Some(false)) {
            let end = self.gave_up.clone().map_or(Exit::Drained, Exit::GaveUp);
            self.exit.send_replace(Some(end));
        }
    }

    fn works(&mut self, child: &Arc<str>) {
        self.roster.set(child, State::Up);
        let Some(entry) = self.children.get_mut(child) else {
            return;
        };
        entry.life.works(Instant::now());
        if std::mem::take(&mut entry.failing) {
            info!(actor = %child, "actor works again");
        }
    }
}

/// One line for each event that a failed actor held, and one where it held none. Of an outage that
/// goes on, only the first failure is news.
fn say(child: &str, cause: &Cause, affected: &[Affected], restarts: u64, decision: Decision, first: bool) {
    let kind = cause.label();
    let Decision::Restart { after } = decision else {
        return error!(actor = child, cause = kind, error = %cause, restarts, "actor failed too often; giving up and draining");
    };
    let delay_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
    if !first && matches!(cause, Cause::Outage { .. }) {
        return debug!(actor = child, cause = kind, error = %cause, restarts, delay_ms, "actor still fails");
    }
    if affected.is_empty() {
        warn!(actor = child, cause = kind, error = %cause, restarts, delay_ms, "actor failed; restarting");
    }
    for Affected { subject, span, fate } in affected {
        let _entered = span.enter();
        warn!(
            actor = child, event_id = %subject, fate = fate.as_str(), cause = kind, error = %cause, restarts, delay_ms,
            "actor failed while it held this event; restarting"
        );
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;
}

impl Handler<Report> for Supervisor {
    type Result = ();

    fn handle(&mut self, report: Report, ctx: &mut Self::Context) {
        match report {
            Report::Joined {
                child,
                control,
                depth,
                source,
            } => {
                self.roster.join(child.clone(), depth);
                let entry = Child {
                    control,
                    life: Lifecycle::new(self.policy),
                    drained: source.then_some(false),
                    failing: false,
                };
                self.children.insert(child, entry);
            }
            Report::Built { child } => {
                self.roster.set(&child, State::Up);
                debug!(actor = %child, "actor built");
            }
            Report::Works { child } => self.works(&child),
            Report::Failed {
                child,
                cause,
                affected,
            } => self.failed(&child, &cause, &affected, ctx),
            Report::Drained { child } => self.drained(&child),
        }
    }
}
