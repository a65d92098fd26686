//! The actor around a stage's work: it owns the mailbox for life and the work for as long as it behaves.
//!
//! The actor itself never ends, so every address stays valid and no message is lost with it. The work
//! is taken out for each batch and put back only if it ended well; a panic is caught, a run that hangs is
//! dropped, the supervisor is told, and the work is built anew when it says so.

use super::{
    ActorId, Affected, Cause, Depth, Drain, Envelope, Fate, Fault, Load, Member, Outcome, Rebuild, Report,
    Watchdog,
    backlog::Backlog,
    job::{Job, Outlet},
    pool::Pool,
    spans::RunSpans,
};
use crate::trace;
use actix::{
    Actor, ArbiterHandle, AsyncContext, Context, Handler, Recipient, SpawnHandle, WrapFuture,
    fut::ActorFutureExt,
};
use futures_util::{FutureExt, future::LocalBoxFuture};
use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::time::Instant;
use tracing::{Instrument, warn};

/// Makes a stage's work, on the first start and after every failure.
pub type Build<W> = Arc<dyn Fn() -> LocalBoxFuture<'static, Result<W, Fault>> + Send + Sync>;

/// How much one run of the work may take from the mailbox.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Messages.
    pub messages: usize,
    /// Their weight; a single heavier message is still taken, alone.
    pub load: Load,
}

/// A message may meet so many outages of a dependency that others do not meet; one more is charged to it.
const OUTAGES_FOR_NOTHING: u32 = 5;

/// The mailbox, the work, and what is waiting for it.
pub(crate) struct Worker<J: Job> {
    id: ActorId,
    build: Build<J>,
    /// None while the work runs and while it is down.
    job: Option<J>,
    waiting: Backlog<J::In>,
    limits: Limits,
    /// A run that makes no progress for this long has crashed.
    deadline: Duration,
    outlet: Outlet<J::Out>,
    depth: Depth,
    pool: Arc<OnceLock<Pool<J::In>>>,
    /// A batch that waits for others waits no longer than until the order.
    drain: Drain,
    /// Until when a batch waits for others, and what will wake us then.
    lingering: Option<(Instant, SpawnHandle)>,
    watchdog: Watchdog,
    supervisor: Recipient<Report>,
    /// Whether the supervisor was told that the work works since it was built.
    proven: bool,
}

type Batch<J> = Vec<Envelope<<J as Job>::In>>;
type Ended<J> = Result<Result<Vec<<J as Job>::Made>, Fault>, Cause>;

// === impl Worker ===

impl<J: Job> Worker<J> {
    pub(crate) fn start(
        id: ActorId,
        build: Build<J>,
        (limits, deadline, drain): (Limits, Duration, Drain),
        outlet: Outlet<J::Out>,
        supervisor: Recipient<Report>,
        arbiter: &ArbiterHandle,
    ) -> Member<J::In> {
        let depth = Depth::default();
        let pool = Arc::new(OnceLock::new());
        let (mine, shared) = (depth.clone(), pool.clone());
        let mailbox = Self::start_in_arbiter(arbiter, move |_| Self {
            id,
            build,
            job: None,
            waiting: Backlog::default(),
            limits,
            deadline,
            outlet,
            depth: mine,
            pool: shared,
            drain,
            lingering: None,
            watchdog: Watchdog::default(),
            supervisor,
            proven: false,
        });
        Member::new(mailbox.recipient(), depth, pool)
    }

    fn build(&mut self, ctx: &mut Context<Self>) {
        let building = AssertUnwindSafe((self.build)()).catch_unwind();
        ctx.spawn(building.into_actor(self).map(|built, actor, ctx| match built {
            Ok(Ok(job)) => {
                actor.proven = false;
                actor.supervisor.do_send(Report::Built {
                    child: actor.id,
                    idle: actor.waiting.is_empty(),
                });
                actor.resume(job, ctx);
            }
            Ok(Err(fault)) => actor.fail(Cause::from_fault(fault), Vec::new()),
            Err(panic) => actor.fail(Cause::from_panic(panic), Vec::new()),
        }));
    }

    fn resume(&mut self, job: J, ctx: &mut Context<Self>) {
        self.job = Some(job);
        self.work(ctx);
    }

    /// Runs the work on what has gathered, unless it is running or down.
    fn work(&mut self, ctx: &mut Context<Self>) {
        if self.waiting.is_empty() {
            return;
        }
        let Some(mut job) = self.job.take() else { return };
        let wait = self.lingers();
        if let Some(until) = wait
            && !self.waiting.has_retried()
        {
            self.job = Some(job);
            return self.wake_at(until, ctx);
        }
        let batch = self.waiting.take(self.limits, J::load, wait.is_some());
        let (verb, kind) = J::SPAN;
        let spans = RunSpans::begin(verb, kind, self.id, &batch);
        let span = spans.work.clone();
        let (watchdog, deadline) = (self.watchdog.clone(), self.deadline);
        let run = async move {
            let bodies: Vec<_> = batch.iter().map(|mail| &mail.body).collect();
            let events = batch.iter().map(|mail| (mail.subject.clone(), mail.span.clone()));
            let work = watchdog.run(events.collect(), deadline, job.perform(&bodies));
            let work = trace::on_event(spans.only.clone(), work);
            let ended = match AssertUnwindSafe(work).catch_unwind().await {
                Ok(Some(ended)) => Ok(ended),
                Ok(None) => Err(Cause::Hung(deadline)),
                Err(panic) => Err(Cause::from_panic(panic)),
            };
            watchdog.rest();
            spans.end(&ended);
            (job, batch, ended)
        };
        ctx.spawn(
            run.instrument(span)
                .into_actor(self)
                .map(|(job, batch, ended), actor, ctx| actor.conclude(job, batch, ended, ctx)),
        );
    }

    /// Until when what has gathered waits for others.
    fn lingers(&mut self) -> Option<Instant> {
        if self.drain.is_ordered() {
            return None;
        }
        self.waiting.lingers(J::LINGER, self.limits, J::load)
    }

    fn wake_at(&mut self, until: Instant, ctx: &mut Context<Self>) {
        if self.lingering.is_some_and(|(earlier, _)| earlier == until) {
            return;
        }
        let drain = self.drain.clone();
        let waiting = async move {
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = drain.ordered() => {}
            }
        };
        let waking = waiting.into_actor(self).map(|(), actor, ctx| {
            actor.lingering = None;
            actor.work(ctx);
        });
        let handle = ctx.spawn(waking);
        if let Some((_, earlier)) = self.lingering.replace((until, handle)) {
            ctx.cancel_future(earlier);
        }
    }

    /// The table of outcomes: what becomes of the events and of the work.
    fn conclude(&mut self, job: J, batch: Batch<J>, ended: Ended<J>, ctx: &mut Context<Self>) {
        match ended {
            Ok(Ok(made)) => {
                self.let_go(&batch, false);
                if let Some(pool) = self.pool.get() {
                    pool.note_passed(batch.len());
                }
                if self.pass_on(batch, made) {
                    self.prove();
                    self.resume(job, ctx);
                }
            }
            Ok(Err(fault @ Fault::Outage { .. })) => self.suffer(batch, fault),
            Ok(Err(fault)) if batch.len() > 1 => {
                warn!(pipeline = self.id.pipeline, actor = %self.id, events = batch.len(), error = %fault, "a write was refused; trying its events one by one");
                match fault {
                    // A refusal is quick, so the search for it is.
                    Fault::Poison { .. } => self.waiting.search(batch),
                    _ => self.set_aside(batch),
                }
                self.resume(job, ctx);
            }
            Ok(Err(fault)) => {
                self.part(batch, &Outcome::of(fault, self.id.stage));
                self.prove();
                self.resume(job, ctx);
            }
            Err(cause) if batch.len() > 1 => {
                let affected = affected(&batch, Fate::Held);
                self.set_aside(batch);
                self.fail(cause, affected);
            }
            Err(cause) => {
                let affected = affected(&batch, Fate::Retried);
                self.part(batch, &Outcome::of_crash(&cause, self.id.stage));
                self.fail(cause, affected);
            }
        }
    }

    /// Sends what was made of a batch on its way; false where the work has failed at it.
    fn pass_on(&mut self, batch: Batch<J>, made: Vec<J::Made>) -> bool {
        let (mut lost, mut crash) = (Vec::new(), None);
        for (mail, made) in batch.into_iter().zip(made) {
            if let Some((mail, cause)) = self.outlet.pass::<J>(mail, made) {
                lost.extend(affected(std::slice::from_ref(&mail), Fate::Retried));
                mail.settle(Outcome::of_crash(&cause, self.id.stage));
                crash = Some(cause);
            }
        }
        let Some(cause) = crash else { return true };
        self.fail(cause, lost);
        false
    }

    /// An outage: the events stay, first in line. But one that meets outages again and again which no other
    /// meets is charged for them, or it would hold its worker for ever.
    fn suffer(&mut self, mut batch: Batch<J>, fault: Fault) {
        let passed = self.pool.get().map_or(0, Pool::passed);
        for mail in &mut batch {
            if mail.outages.count == 0 {
                mail.outages.passed_before = passed;
            }
            mail.outages.count += 1;
        }
        let others_pass = |mail: &Envelope<J::In>| mail.outages.passed_before < passed;
        if let [mail] = &*batch
            && mail.outages.count > OUTAGES_FOR_NOTHING
            && others_pass(mail)
        {
            let outcome = Outcome::Retry {
                stage: self.id.stage,
                cause: fault.kind(),
                detail: fault.to_string(),
                charged: true,
            };
            let affected = affected(&batch, Fate::Retried);
            self.part(batch, &outcome);
            return self.fail(Cause::from_fault(fault), affected);
        }
        let affected = affected(&batch, Fate::Held);
        let again = batch.iter().any(|mail| mail.outages.count > 1);
        if again && batch.iter().all(others_pass) {
            self.set_aside(batch);
        } else if again {
            self.retry_here(batch);
        } else {
            self.waiting.put_back(batch);
        }
        self.fail(Cause::from_fault(fault), affected);
    }

    /// Hands events that failed to the one member of the stage that works on such, so that no more than one is
    /// tied up by them.
    fn set_aside(&mut self, batch: Batch<J>) {
        let Some(lane) = self.pool.get().and_then(Pool::lane).cloned() else {
            return self.retry_here(batch);
        };
        self.let_go(&batch, true);
        for mail in batch {
            lane.post(mail.retried(true));
        }
    }

    /// The same where there is no other, or no use in it.
    fn retry_here(&mut self, batch: Batch<J>) {
        self.let_go(&batch, true);
        let retried = |mail: Envelope<J::In>| {
            self.depth.enter(true);
            mail.retried(true)
        };
        let batch = batch.into_iter().map(retried).collect();
        self.waiting.put_back(batch);
    }

    /// Settles events that go no further.
    fn part(&mut self, batch: Batch<J>, outcome: &Outcome) {
        self.let_go(&batch, true);
        for mail in batch {
            mail.settle(outcome.clone());
        }
    }

    fn let_go(&mut self, batch: &[Envelope<J::In>], failed: bool) {
        for mail in batch {
            self.depth.leave(mail.retried);
        }
        self.waiting.gone(batch, failed);
    }

    fn prove(&mut self) {
        if !self.proven {
            self.proven = true;
            self.supervisor.do_send(Report::Works { child: self.id });
        }
    }

    fn fail(&mut self, cause: Cause, affected: Vec<Affected>) {
        self.supervisor.do_send(Report::Failed {
            child: self.id,
            cause,
            affected,
        });
    }
}

fn affected<T>(batch: &[Envelope<T>], fate: Fate) -> Vec<Affected> {
    let one = |mail: &Envelope<T>| Affected {
        subject: mail.subject.clone(),
        span: mail.span.clone(),
        fate,
    };
    batch.iter().map(one).collect()
}

impl<J: Job> Actor for Worker<J> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.supervisor.do_send(Report::Joined {
            child: self.id,
            control: ctx.address().recipient(),
            depth: self.depth.clone(),
            watchdog: self.watchdog.clone(),
            source: false,
        });
        self.build(ctx);
    }
}

impl<J: Job> Handler<Envelope<J::In>> for Worker<J> {
    type Result = ();

    fn handle(&mut self, mail: Envelope<J::In>, ctx: &mut Self::Context) {
        self.waiting.push(mail);
        self.work(ctx);
    }
}

impl<J: Job> Handler<Rebuild> for Worker<J> {
    type Result = ();

    fn handle(&mut self, _: Rebuild, ctx: &mut Self::Context) {
        self.build(ctx);
    }
}
