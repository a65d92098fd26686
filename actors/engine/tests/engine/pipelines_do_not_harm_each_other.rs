use crate::pipeline::{POLICY, Pipeline};
use crate::testkit::{TestAcks, in_virtual_time, port_to, until};
use futures_util::FutureExt;
use millrace_engine::{
    ActorId, Build, ByteBudget, DeliveryHandle, Envelope, Exit, Fault, Intake, Outcome, Port, Reservation,
    Source, Stage,
};
use std::{
    sync::{Arc, Mutex, atomic::Ordering::SeqCst},
    time::Duration,
};
use tokio::sync::mpsc::unbounded_channel;
use tracing::Span;

/// Keeps so many bytes of the budget as the number says.
struct Keep {
    budget: Arc<ByteBudget>,
    kept: Arc<Mutex<Vec<Reservation>>>,
}

impl Stage for Keep {
    type In = u64;
    type Out = u64;

    async fn run(&mut self, number: &u64) -> Result<u64, Fault> {
        let share = self.budget.reserve(*number).await;
        self.kept.lock().unwrap().push(share);
        Ok(*number)
    }
}

/// A stage in front of a pipeline that takes its bytes from a shared budget.
fn keep(pipeline: &Pipeline, budget: &Arc<ByteBudget>) -> (Port<u64>, Arc<Mutex<Vec<Reservation>>>) {
    let kept = Arc::<Mutex<Vec<_>>>::default();
    let (budget, shares) = (budget.clone(), kept.clone());
    let build: Build<Keep> = Arc::new(move || {
        let (budget, kept) = (budget.clone(), shares.clone());
        std::future::ready(Ok(Keep { budget, kept })).boxed_local()
    });
    let here = actix::Arbiter::current();
    let stage = pipeline
        .supervision
        .stage(("keep", 0), &here, pipeline.port.clone(), build);
    (port_to(stage), kept)
}

/// Sends a number every second while its breaker is closed and no drain is ordered.
struct Ticker;

impl Source for Ticker {
    type Out = u64;

    async fn pull(&mut self, intake: Intake<u64>) -> Result<(), Fault> {
        let (acks, mut settled) = unbounded_channel();
        let (mut ticks, mut open) = (tokio::time::interval(Duration::from_secs(1)), 0);
        intake.consuming();
        loop {
            tokio::select! {
                () = intake.drain.ordered(), if open == 0 => return Ok(()),
                Some(_) = settled.recv() => open -= 1,
                _ = ticks.tick(), if !intake.drain.is_ordered() && intake.breaker.suspension().is_none() => {
                    open += 1;
                    let handle = DeliveryHandle::new(1, acks.clone());
                    intake.out.post(Envelope::new(100, "tick", Span::none(), handle));
                }
            }
        }
    }
}

fn tick(pipeline: &Pipeline) {
    let build: Build<Ticker> = Arc::new(|| std::future::ready(Ok(Ticker)).boxed_local());
    let here = actix::Arbiter::current();
    pipeline
        .supervision
        .source("ticker", &here, pipeline.port.clone(), build);
}

#[test]
fn an_outage_opens_the_breaker_of_its_own_pipeline_only() {
    in_virtual_time(|| async {
        let (mut failing, mut well) = (Pipeline::start_as("failing"), Pipeline::start_as("well"));
        failing.script.sink_outages.store(usize::MAX, SeqCst);
        failing.acks.post_all([1], &failing.port);
        let (its, the_others) = (failing.supervision.breaker(), well.supervision.breaker());
        until(|| its.suspension().is_some()).await;
        for number in [2, 3, 5] {
            well.acks.post_all([number], &well.port);
            assert_eq!(well.acks.outcomes(1).await[&number], Outcome::Done);
            assert!(its.suspension().is_some() && the_others.suspension().is_none());
        }
        assert!(failing.acks.try_outcome().is_none(), "held");
        failing.script.sink_outages.store(0, SeqCst);
        assert_eq!(failing.acks.outcomes(1).await[&1], Outcome::Done);
        assert!(its.suspension().is_none());
    });
}

#[test]
fn both_take_their_bytes_from_one_budget() {
    in_virtual_time(|| async {
        let budget = ByteBudget::new(100);
        let (one, other) = (Pipeline::start_as("one"), Pipeline::start_as("other"));
        let ((first, kept), (second, _kept)) = (keep(&one, &budget), keep(&other, &budget));
        let mut acks = TestAcks::default();
        acks.post_all([50], &first);
        acks.outcomes(1).await;
        acks.post_all([60], &second);
        tokio::time::sleep(POLICY.deadline * 3).await;
        assert!(acks.try_outcome().is_none(), "it waits for the other's bytes");
        assert_eq!(budget.used(), 50);
        kept.lock().unwrap().clear();
        assert_eq!(acks.outcomes(1).await[&60], Outcome::Done);
        assert_eq!(budget.used(), 60);
        let entries = other.supervision.actors().entries();
        assert!(entries.values().all(|entry| entry.restarts.is_empty()));
    });
}

#[test]
fn one_that_gives_up_is_told_apart_and_the_other_goes_on_until_it_is_drained() {
    in_virtual_time(|| async {
        let (mut failing, well) = (Pipeline::start_as("failing"), Pipeline::start_as("well"));
        tick(&well);
        for _ in 0..=POLICY.intensity {
            failing.port.post(failing.acks.envelope(13, 13)); // the stage panics at it
            failing.acks.outcomes(1).await;
        }
        let failed = ActorId {
            pipeline: "failing",
            stage: "double",
            index: Some(0),
        };
        assert_eq!(failing.supervision.ended().await, Exit::GaveUp(failed));
        assert!(failing.drain.gave_up() && !well.drain.is_ordered());
        let written = well.script.written().len();
        until(|| well.script.written().len() > written + 10).await;
        // The program ends when one of its pipelines cannot go on: it drains the others.
        well.drain.order();
        assert_eq!(well.supervision.ended().await, Exit::Drained);
        assert!(!well.drain.gave_up());
    });
}
