//! The actor around a room's work: it owns the mailbox for life and the work for as long as it behaves.
//!
//! The actor itself never dies, so every address stays valid and no message is lost with it. The work
//! is taken out for each batch and put back only if it ended well; a panic is caught, a run that hangs is
//! dropped, the supervisor is told, and the work is built anew when it says so.

use super::{
    Affected, Busy, Cause, Depth, Envelope, Fate, Fault, Load, Rebuild, Report, Verdict,
    job::{Job, Outlet},
    spans::RunSpans,
};
use crate::trace;
use actix::{
    Actor, ArbiterHandle, AsyncContext, Context, Handler, Recipient, WrapFuture, fut::ActorFutureExt,
};
use futures_util::{FutureExt, future::LocalBoxFuture};
use std::{collections::VecDeque, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tracing::{Instrument, warn};

/// Makes a room's work, on the first start and after every failure.
pub type Build<W> = Arc<dyn Fn() -> LocalBoxFuture<'static, Result<W, Fault>> + Send + Sync>;

/// How much one run of the work may take from the mailbox.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Messages.
    pub messages: usize,
    /// Their weight; a single heavier message is still taken, alone.
    pub load: Load,
}

/// A running actor as its neighbours see it.
pub type Member<T> = (Recipient<Envelope<T>>, Depth);

/// The mailbox, the work, and what is waiting for it.
pub(super) struct Worker<J: Job> {
    room: &'static str,
    name: Arc<str>,
    build: Build<J>,
    /// None while the work runs and while it is down.
    job: Option<J>,
    waiting: VecDeque<Envelope<J::In>>,
    /// So many messages at the head are run alone, to find the one that fails the others.
    suspects: usize,
    limits: Limits,
    /// A run that makes no progress for this long has crashed.
    deadline: Duration,
    outlet: Outlet<J::Out>,
    depth: Depth,
    busy: Busy,
    supervisor: Recipient<Report>,
    /// Whether the supervisor was told that the work works since it was built.
    proven: bool,
}

type Batch<J> = Vec<Envelope<<J as Job>::In>>;
type Ended<J> = Result<Result<Vec<<J as Job>::Out>, Fault>, Cause>;

// === impl Worker ===

impl<J: Job> Worker<J> {
    pub(super) fn start(
        (room, index): (&'static str, usize),
        build: Build<J>,
        (limits, deadline): (Limits, Duration),
        outlet: Outlet<J::Out>,
        supervisor: Recipient<Report>,
        arbiter: &ArbiterHandle,
    ) -> Member<J::In> {
        let depth = Depth::default();
        let mine = depth.clone();
        let mailbox = Self::start_in_arbiter(arbiter, move |_| Self {
            room,
            name: format!("{room}-{index}").into(),
            build,
            job: None,
            waiting: VecDeque::new(),
            suspects: 0,
            limits,
            deadline,
            outlet,
            depth: mine,
            busy: Busy::default(),
            supervisor,
            proven: false,
        });
        (mailbox.recipient(), depth)
    }

    fn build(&mut self, ctx: &mut Context<Self>) {
        let building = AssertUnwindSafe((self.build)()).catch_unwind();
        ctx.spawn(building.into_actor(self).map(|built, actor, ctx| match built {
            Ok(Ok(job)) => {
                actor.proven = false;
                actor.supervisor.do_send(Report::Built {
                    child: actor.name.clone(),
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
        let batch = self.take_batch();
        let (verb, kind) = J::SPAN;
        let spans = RunSpans::begin(verb, kind, &self.name, &batch);
        let span = spans.work.clone();
        let (busy, deadline) = (self.busy.clone(), self.deadline);
        let run = async move {
            let bodies: Vec<_> = batch.iter().map(|mail| &mail.body).collect();
            let events = batch.iter().map(|mail| (mail.subject.clone(), mail.span.clone()));
            let work = busy.run(events.collect(), deadline, job.perform(&bodies));
            let work = trace::on_event(spans.only.clone(), work);
            let ended = match AssertUnwindSafe(work).catch_unwind().await {
                Ok(Some(ended)) => Ok(ended),
                Ok(None) => Err(Cause::Hung(deadline)),
                Err(panic) => Err(Cause::from_panic(panic)),
            };
            busy.rest();
            spans.end(&ended);
            (job, batch, ended)
        };
        ctx.spawn(
            run.instrument(span)
                .into_actor(self)
                .map(|(job, batch, ended), actor, ctx| actor.conclude(job, batch, ended, ctx)),
        );
    }

    fn take_batch(&mut self) -> Batch<J> {
        let most = if self.suspects > 0 {
            1
        } else {
            self.limits.messages
        };
        let mut batch = Vec::new();
        let mut load = Load::default();
        while batch.len() < most
            && let Some(next) = self.waiting.front()
        {
            load += J::load(&next.body);
            if !batch.is_empty() && load.exceeds(self.limits.load) {
                break;
            }
            batch.extend(self.waiting.pop_front());
        }
        batch
    }

    /// The table of outcomes: what becomes of the events and of the work.
    fn conclude(&mut self, job: J, batch: Batch<J>, ended: Ended<J>, ctx: &mut Context<Self>) {
        match ended {
            Ok(Ok(outputs)) => {
                self.depth.sub(batch.len());
                self.acquit(batch.len());
                self.outlet.pass(batch, outputs);
                self.prove();
                self.resume(job, ctx);
            }
            Ok(Err(fault @ Fault::Outage { .. })) => {
                let affected = self.hold(batch);
                self.fail(Cause::from_fault(fault), affected);
            }
            Ok(Err(fault)) if batch.len() > 1 => {
                warn!(actor = %self.name, events = batch.len(), error = %fault, "a write was refused; trying its events one by one");
                self.suspects = batch.len();
                self.hold(batch);
                self.resume(job, ctx);
            }
            Ok(Err(fault)) => {
                self.part(batch, &Verdict::of(fault, self.room));
                self.prove();
                self.resume(job, ctx);
            }
            Err(cause) if batch.len() > 1 => {
                self.suspects = batch.len();
                let affected = self.hold(batch);
                self.fail(cause, affected);
            }
            Err(cause) => {
                let affected = affected(&batch, Fate::Retried);
                self.part(
                    batch,
                    &Verdict::Retry {
                        room: self.room,
                        cause: cause.label(),
                        detail: cause.to_string(),
                        charged: true,
                    },
                );
                self.fail(cause, affected);
            }
        }
    }

    /// Puts a batch back at the head of the line, in order.
    fn hold(&mut self, batch: Batch<J>) -> Vec<Affected> {
        let held = affected(&batch, Fate::Held);
        for mail in batch.into_iter().rev() {
            self.waiting.push_front(mail);
        }
        held
    }

    /// Settles events that go no further.
    fn part(&mut self, batch: Batch<J>, verdict: &Verdict) {
        self.depth.sub(batch.len());
        self.acquit(batch.len());
        for mail in batch {
            mail.settle(verdict.clone());
        }
    }

    fn acquit(&mut self, messages: usize) {
        self.suspects = self.suspects.saturating_sub(messages);
    }

    fn prove(&mut self) {
        if !self.proven {
            self.proven = true;
            self.supervisor.do_send(Report::Works {
                child: self.name.clone(),
            });
        }
    }

    fn fail(&mut self, cause: Cause, affected: Vec<Affected>) {
        self.supervisor.do_send(Report::Failed {
            child: self.name.clone(),
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
            child: self.name.clone(),
            control: ctx.address().recipient(),
            depth: self.depth.clone(),
            busy: self.busy.clone(),
            source: false,
        });
        self.build(ctx);
    }
}

impl<J: Job> Handler<Envelope<J::In>> for Worker<J> {
    type Result = ();

    fn handle(&mut self, mail: Envelope<J::In>, ctx: &mut Self::Context) {
        self.waiting.push_back(mail);
        self.work(ctx);
    }
}

impl<J: Job> Handler<Rebuild> for Worker<J> {
    type Result = ();

    fn handle(&mut self, _: Rebuild, ctx: &mut Self::Context) {
        self.build(ctx);
    }
}
