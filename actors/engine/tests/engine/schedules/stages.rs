//! Two stages and a sink that do what the plan says, and the source that stands before the broker.

use super::{
    World,
    broker::{Parcel, poison_of, retry_of},
    plan::Trouble,
};
use millrace_engine::{DeliveryHandle, Envelope, Fault, Intake, Load, Sink, Source, Stage};
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc::unbounded_channel, time::Instant};
use tracing::Span;

/// How long a drain may take before the source leaves.
const GRACE: Duration = Duration::from_secs(25);

/// A stage; which one it is.
pub(crate) struct Station(pub(crate) Arc<World>, pub(crate) usize);

/// The sink.
pub(crate) struct Vault(pub(crate) Arc<World>);

/// The source.
pub(crate) struct Gate(pub(crate) Arc<World>);

impl Stage for Station {
    type In = Parcel;
    type Out = Parcel;

    async fn run(&mut self, parcel: &Parcel) -> Result<Parcel, Fault> {
        let Self(world, stage) = self;
        world.befalls(*stage, &[parcel]).await?;
        Ok(*parcel)
    }
}

impl Sink for Vault {
    type In = Parcel;

    fn load(_: &Parcel) -> Load {
        Load { rows: 1, bytes: 1 }
    }

    async fn write(&mut self, batch: &[&Parcel]) -> Result<(), Fault> {
        self.0.befalls(2, batch).await?;
        for parcel in batch {
            self.0.broker.store(**parcel);
        }
        Ok(())
    }
}

impl World {
    /// The first event of the batch with something in store for it decides. An outage hits all; the rest
    /// an event meets for good when it is alone, since among others the engine looks for the cause.
    async fn befalls(&self, stage: usize, batch: &[&Parcel]) -> Result<(), Fault> {
        tokio::time::sleep(Duration::from_millis(self.plan.pace_ms[stage])).await;
        let alone = batch.len() == 1;
        if !alone && batch.iter().any(|parcel| self.broker.failed_before(**parcel)) {
            self.broker.violate(format!("{batch:?} holds what failed before"));
        }
        for parcel in batch {
            let Some(trouble) = self.next_trouble(stage, parcel.event, alone) else {
                if self.plan.events[parcel.event].poison != Some(stage) {
                    continue;
                }
                if alone {
                    self.broker.meets(**parcel, poison_of(stage));
                }
                return Err(Fault::poison(poison_of(stage), ""));
            };
            let meets = |cause, charged| {
                if alone {
                    self.broker.meets(**parcel, retry_of(cause, charged));
                }
            };
            match trouble {
                Trouble::Outage => return Err(Fault::outage("world", "down")),
                Trouble::Transient => {
                    meets("trouble", true);
                    return Err(Fault::transient("trouble", ""));
                }
                Trouble::Deferred => {
                    meets("early", false);
                    return Err(Fault::deferred("early", ""));
                }
                Trouble::Panic => {
                    meets("panic", true);
                    // A panic that prints nothing: there are thousands.
                    std::panic::resume_unwind(Box::new("planned"));
                }
                Trouble::Hang => {
                    meets("hung", true);
                    std::future::pending().await
                }
            }
        }
        Ok(())
    }

    fn next_trouble(&self, stage: usize, event: usize, alone: bool) -> Option<Trouble> {
        let mut troubles = self.troubles.lock().unwrap();
        let ahead = &mut troubles[event].troubles[stage];
        let next = *ahead.last()?;
        if alone || next == Trouble::Outage {
            ahead.pop();
        }
        Some(next)
    }
}

impl Source for Gate {
    type Out = Parcel;

    async fn pull(&mut self, intake: Intake<Parcel>) -> Result<(), Fault> {
        let Self(world) = self;
        let broker = &world.broker;
        let epoch = broker.open();
        let lasts = world.plan.sessions_ms.get(epoch - 1);
        let cut = lasts.map(|ms| Instant::now() + Duration::from_millis(*ms));
        let (acks, mut settled) = unbounded_channel();
        let mut breaker = intake.breaker.subscribe();
        let mut leave_at = None;
        intake.consuming();
        loop {
            if leave_at.is_some() && broker.in_flight() == 0 {
                return Ok(());
            }
            let taking = leave_at.is_none() && breaker.borrow_and_update().is_none();
            while taking && let Some(parcel) = broker.deliver(world.plan.prefetch) {
                let handle = DeliveryHandle::new(parcel.tag, acks.clone());
                let mail = Envelope::new(parcel, format!("event-{}", parcel.event), Span::none(), handle)
                    .retried(broker.failed_before(parcel));
                if world.drops_this_one() {
                    broker.meets(parcel, retry_of("dropped", true));
                    drop(mail);
                } else {
                    intake.out.post(mail);
                }
            }
            let due = broker
                .next_due()
                .filter(|_| taking && broker.in_flight() < world.plan.prefetch);
            tokio::select! {
                biased;
                () = at(cut) => {
                    broker.lose();
                    return Err(Fault::outage("broker", "connection lost"));
                }
                Some(settlement) = settled.recv() => broker.settle(epoch, settlement),
                _ = breaker.changed() => {}
                () = at(due) => {}
                () = intake.drain.ordered(), if leave_at.is_none() => leave_at = Some(Instant::now() + GRACE),
                () = at(leave_at) => {
                    broker.lose();
                    return Ok(());
                }
            }
        }
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
