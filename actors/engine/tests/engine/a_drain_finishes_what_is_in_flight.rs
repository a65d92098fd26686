use crate::pipeline::{POLICY, Pipeline, build_double};
use crate::testkit::{id, in_virtual_time, port_to, source_id};
use futures_util::FutureExt;
use millrace_engine::{
    Build, DeliveryHandle, Drain, Envelope, Exit, Fault, Intake, Outcome, Settlement, Source, Supervision,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::sync::mpsc::unbounded_channel;
use tracing::Span;

/// Sends a number every second until the drain, then waits for all outcomes.
struct Ticker {
    done: Arc<AtomicUsize>,
    lost_connections: Arc<AtomicUsize>,
}

impl Source for Ticker {
    type Out = u64;

    async fn pull(&mut self, intake: Intake<u64>) -> Result<(), Fault> {
        let (acks, mut settled) = unbounded_channel::<Settlement>();
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.tick().await; // the first is at once
        let mut sent = 0;
        let mut open = 0;
        intake.consuming();
        loop {
            tokio::select! {
                () = intake.drain.ordered(), if open == 0 => return Ok(()),
                Some(settlement) = settled.recv() => {
                    assert_eq!(settlement.outcome, Outcome::Done);
                    open -= 1;
                    self.done.fetch_add(1, SeqCst);
                }
                _ = ticks.tick(), if !intake.drain.is_ordered() => {
                    if self.lost_connections.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
                        return Err(Fault::outage("broker", "connection lost"));
                    }
                    sent += 1;
                    open += 1;
                    let handle = DeliveryHandle::new(sent, acks.clone());
                    intake.out.post(Envelope::new(100 + sent, "tick", Span::none(), handle));
                }
            }
        }
    }
}

fn ticker(done: &Arc<AtomicUsize>, lost_connections: usize) -> Build<Ticker> {
    let (done, lost_connections) = (done.clone(), Arc::new(AtomicUsize::new(lost_connections)));
    Arc::new(move || {
        let made = Ticker {
            done: done.clone(),
            lost_connections: lost_connections.clone(),
        };
        async move { Ok(made) }.boxed_local()
    })
}

#[test]
fn no_delivery_is_open_when_the_pipeline_ends() {
    in_virtual_time(|| async {
        let pipeline = Pipeline::start();
        *pipeline.script.write_takes.lock().unwrap() = Duration::from_secs(10);
        let done = Arc::new(AtomicUsize::new(0));
        pipeline.supervision.source(
            "ticker",
            &actix::Arbiter::current(),
            pipeline.port.clone(),
            ticker(&done, 0),
        );
        tokio::time::sleep(Duration::from_millis(25_500)).await;
        pipeline.drain.order();
        assert_eq!(pipeline.supervision.ended().await, Exit::Drained);
        let settled = done.load(SeqCst);
        assert!(settled >= 25, "{settled}");
        assert_eq!(
            pipeline.script.written().len(),
            settled,
            "written, settled and nothing else"
        );
    });
}

#[test]
fn a_source_that_loses_its_broker_comes_back_by_itself() {
    in_virtual_time(|| async {
        let pipeline = Pipeline::start();
        let done = Arc::new(AtomicUsize::new(0));
        pipeline.supervision.source(
            "ticker",
            &actix::Arbiter::current(),
            pipeline.port.clone(),
            ticker(&done, 20),
        );
        while done.load(SeqCst) < 3 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(
            pipeline.supervision.actors().entries()[&source_id("ticker")].restarts["outage"],
            20
        );
        pipeline.drain.order();
        assert_eq!(pipeline.supervision.ended().await, Exit::Drained);
    });
}

#[test]
fn a_drain_before_the_source_is_up_ends_the_pipeline() {
    in_virtual_time(|| async {
        let drain = Drain::default();
        let supervision = Supervision::start("test", POLICY, drain.clone());
        let pipeline = Pipeline::start();
        let done = Arc::new(AtomicUsize::new(0));
        drain.order();
        supervision.source(
            "ticker",
            &actix::Arbiter::current(),
            pipeline.port.clone(),
            ticker(&done, 0),
        );
        assert_eq!(supervision.ended().await, Exit::Drained);
    });
}

#[test]
fn what_can_be_drained_is_drained_when_an_actor_gives_up() {
    in_virtual_time(|| async {
        let mut pipeline = Pipeline::start();
        *pipeline.script.write_takes.lock().unwrap() = Duration::from_secs(10);
        let (here, done) = (actix::Arbiter::current(), Arc::new(AtomicUsize::new(0)));
        let supervision = &pipeline.supervision;
        supervision.source("ticker", &here, pipeline.port.clone(), ticker(&done, 0));
        let build = build_double(&pipeline.script);
        let crashing = port_to(supervision.stage(("crashing", 0), &here, pipeline.port.clone(), build));
        for _ in 0..=POLICY.intensity {
            crashing.post(pipeline.acks.envelope(13, 13));
            pipeline.acks.outcomes(1).await;
        }
        assert_eq!(
            pipeline.supervision.ended().await,
            Exit::GaveUp(id("crashing", 0))
        );
        assert!(pipeline.drain.gave_up(), "no operator ordered it");
        let settled = done.load(SeqCst);
        assert!(settled > 0);
        assert_eq!(
            pipeline.script.written().len(),
            settled,
            "what was in flight arrived"
        );
    });
}
