//! The actor around a source.

use super::{ActorId, Breaker, Build, Cause, Depth, Drain, Intake, Port, Rebuild, Report, Source, Watchdog};
use actix::{
    Actor, ArbiterHandle, AsyncContext, Context, Handler, Recipient, WrapFuture, fut::ActorFutureExt,
};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

/// Builds a source, lets it pull, and reports how that ended.
pub(crate) struct Head<S: Source> {
    id: ActorId,
    build: Build<S>,
    out: Port<S::Out>,
    drain: Drain,
    breaker: Breaker,
    supervisor: Recipient<Report>,
}

// === impl Head ===

impl<S: Source> Head<S> {
    pub(crate) fn start(
        id: ActorId,
        build: Build<S>,
        out: Port<S::Out>,
        (drain, breaker): (Drain, Breaker),
        supervisor: Recipient<Report>,
        arbiter: &ArbiterHandle,
    ) {
        Self::start_in_arbiter(arbiter, move |_| Self {
            id,
            build,
            out,
            drain,
            breaker,
            supervisor,
        });
    }

    fn pull(&mut self, ctx: &mut Context<Self>) {
        if self.drain.is_ordered() {
            return self.supervisor.do_send(Report::Drained { child: self.id });
        }
        let intake = Intake {
            out: self.out.clone(),
            drain: self.drain.clone(),
            breaker: self.breaker.clone(),
            child: self.id,
            supervisor: self.supervisor.clone(),
        };
        let build = self.build.clone();
        let (child, supervisor) = (self.id, self.supervisor.clone());
        let pulling = async move {
            let mut source = build().await?;
            supervisor.do_send(Report::Built { child, idle: false });
            source.pull(intake).await
        };
        let pulling = AssertUnwindSafe(pulling).catch_unwind();
        ctx.spawn(pulling.into_actor(self).map(|ended, actor, _| {
            let child = actor.id;
            let failed = |child, cause| Report::Failed {
                child,
                cause,
                affected: Vec::new(),
            };
            actor.supervisor.do_send(match ended {
                Ok(_) if actor.drain.is_ordered() => Report::Drained { child },
                Ok(Ok(())) => failed(child, Cause::Broken("the source ended on its own".to_owned())),
                Ok(Err(fault)) => failed(child, Cause::from_fault(fault)),
                Err(panic) => failed(child, Cause::from_panic(panic)),
            });
        }));
    }
}

impl<S: Source> Actor for Head<S> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.supervisor.do_send(Report::Joined {
            child: self.id,
            control: ctx.address().recipient(),
            depth: Depth::default(),
            watchdog: Watchdog::default(),
            source: true,
        });
        self.pull(ctx);
    }
}

impl<S: Source> Handler<Rebuild> for Head<S> {
    type Result = ();

    fn handle(&mut self, _: Rebuild, ctx: &mut Self::Context) {
        self.pull(ctx);
    }
}
