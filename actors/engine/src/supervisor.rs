//! The actor above the actors: it decides when a failed one is rebuilt and when deliveries pause, says
//! what happened to which actor, and ends the program when there is no more point in trying.

use super::{
    ActorId, ActorRegistry, Affected, Breaker, Cause, Drain, Report, RestartPolicy, State,
    announce::announce, child::Child, circuits::Circuits, lifecycle::Decision, report::Rebuild,
};
use actix::{Actor, AsyncContext, Context, Handler};
use std::collections::HashMap;
use tokio::{sync::watch, time::Instant};
use tracing::{debug, info};

/// Why the pipeline ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every source has drained after an order to do so.
    Drained,
    /// This actor cannot go on: it failed too often, or its thread is blocked or gone.
    GaveUp(ActorId),
}

pub(crate) struct Supervisor {
    policy: RestartPolicy,
    children: HashMap<ActorId, Child>,
    actors: ActorRegistry,
    drain: Drain,
    circuits: Circuits,
    gave_up: Option<ActorId>,
    exit: watch::Sender<Option<Exit>>,
}

// === impl Supervisor ===

impl Supervisor {
    pub(crate) fn new(
        policy: RestartPolicy,
        actors: ActorRegistry,
        drain: Drain,
        breaker: Breaker,
        exit: watch::Sender<Option<Exit>>,
    ) -> Self {
        Self {
            policy,
            children: HashMap::new(),
            actors,
            drain,
            circuits: Circuits::new(breaker),
            gave_up: None,
            exit,
        }
    }

    /// A worker is built when its dependency answers: the first build is no news, a later one is.
    fn built(&mut self, child: ActorId, idle: bool) {
        debug!(pipeline = child.pipeline, actor = %child, "actor built");
        self.actors.set(child, State::Up);
        if !self.children.get(&child).is_some_and(|entry| entry.failing) {
            return;
        }
        if idle {
            // No event waits that could prove it, and with an open breaker none may ever come.
            self.works(child);
        } else if !self.all_fail(child.stage) {
            self.circuits.close(child);
        }
    }

    fn works(&mut self, child: ActorId) {
        self.actors.set(child, State::Up);
        let Some(entry) = self.children.get_mut(&child) else {
            return;
        };
        entry.life.works(Instant::now());
        if std::mem::take(&mut entry.failing) {
            info!(pipeline = child.pipeline, actor = %child, "actor works again");
        }
        self.circuits.close(child);
    }

    fn failed(&mut self, child: ActorId, cause: &Cause, affected: &[Affected], ctx: &mut Context<Self>) {
        let Some(entry) = self.children.get_mut(&child) else {
            return;
        };
        let now = Instant::now();
        let decision = match cause {
            Cause::Outage { .. } => entry.life.outage(now),
            Cause::Panic(_) | Cause::Hung(_) | Cause::Broken(_) => entry.life.crash(now),
        };
        let first = !std::mem::replace(&mut entry.failing, true);
        let control = entry.control.clone();
        let restarts = self.actors.fail(child, cause);
        announce(child, cause, affected, restarts, decision, first);
        self.suspend(child, cause, first);
        match decision {
            Decision::Restart { after } => {
                ctx.run_later(after, move |_, _| control.do_send(Rebuild));
            }
            Decision::GiveUp => self.give_up(child),
        }
    }

    /// Opens the breaker for an outage that is news, or that has taken the last worker of its stage.
    ///
    /// One failing event may look like an outage to the worker that holds it, again and again. It must not
    /// hold the pipeline for as long as it fails: so only the start of a worker's streak opens, and the
    /// worker's rebuild, which asks the dependency, closes. That costs one short pause. In a true outage
    /// no rebuild succeeds, or, where a question is answered and work is not (a full disk), every worker
    /// of the stage comes to fail, and then only work that is done closes.
    fn suspend(&mut self, child: ActorId, cause: &Cause, first: bool) {
        let Cause::Outage { dependency, detail } = cause else {
            return;
        };
        // A source that lost its broker has no deliveries to pause.
        let is_worker = self.children.get(&child).is_some_and(|entry| !entry.is_source());
        if is_worker && (first || self.all_fail(child.stage)) {
            self.circuits.open(child, dependency, detail);
        }
    }

    fn all_fail(&self, stage: &str) -> bool {
        let mut workers = self.children.iter().filter(|(id, _)| id.stage == stage);
        workers.all(|(_, entry)| entry.failing)
    }

    /// Drains what can be drained; the process ends when that is done. What runs the process
    /// (Kubernetes) is the supervisor above this one.
    fn give_up(&mut self, child: ActorId) {
        self.actors.set(child, State::GaveUp);
        self.gave_up.get_or_insert(child);
        if let Some(entry) = self.children.get_mut(&child) {
            entry.given_up = true;
            if entry.is_source() {
                entry.drained = Some(true); // a source that gave up will not drain
            }
        }
        self.drain.give_up();
        self.end_when_drained();
    }

    fn drained(&mut self, child: ActorId) {
        if let Some(entry) = self.children.get_mut(&child) {
            entry.drained = Some(true);
        }
        self.actors.set(child, State::Drained);
        info!(pipeline = child.pipeline, actor = %child, "source drained");
        self.end_when_drained();
    }

    fn end_when_drained(&mut self) {
        if self.children.values().all(|child| child.drained != Some(false)) {
            let end = self.gave_up.map_or(Exit::Drained, Exit::GaveUp);
            self.exit.send_replace(Some(end));
        }
    }

    /// Looks at the workers from outside, because one whose thread is blocked or gone tells nothing.
    fn look_around(&mut self) {
        let deadline = self.policy.deadline;
        let lost: Vec<_> = self
            .children
            .iter_mut()
            .filter_map(|(id, entry)| Some((*id, entry.lost(deadline)?)))
            .collect();
        for (child, (cause, affected)) in lost {
            let restarts = self.actors.fail(child, &cause);
            announce(child, &cause, &affected, restarts, Decision::GiveUp, true);
            self.give_up(child);
        }
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(self.policy.deadline / 4, |supervisor, _| supervisor.look_around());
    }
}

impl Handler<Report> for Supervisor {
    type Result = ();

    fn handle(&mut self, report: Report, ctx: &mut Self::Context) {
        match report {
            Report::Joined {
                child,
                control,
                depth,
                watchdog,
                source,
            } => {
                self.actors.join(child, depth);
                let entry = Child::new(control, watchdog, source, self.policy);
                self.children.insert(child, entry);
            }
            Report::Built { child, idle } => self.built(child, idle),
            Report::Works { child } => self.works(child),
            Report::Failed {
                child,
                cause,
                affected,
            } => self.failed(child, &cause, &affected, ctx),
            Report::Drained { child } => self.drained(child),
        }
    }
}
