use crate::pipeline::{POLICY, Pipeline, Script, limits, start_sink};
use crate::testkit::{TestAcks, id, in_virtual_time, port_to, until};
use futures_util::FutureExt;
use millrace_engine::{
    Build, ByteBudget, Drain, Exit, Fault, Outcome, Reservation, Stage, State, Supervision,
};
use std::{
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};
use tokio::time::Instant;

/// Waits for ever at 0; at any other number takes so many bytes of the budget and keeps them.
struct Stuck {
    budget: Arc<ByteBudget>,
    kept: Arc<Mutex<Vec<Reservation>>>,
}

impl Stage for Stuck {
    type In = u64;
    type Out = u64;

    async fn run(&mut self, number: &u64) -> Result<u64, Fault> {
        if *number == 0 {
            std::future::pending::<()>().await;
        }
        let share = self.budget.reserve(*number).await;
        self.kept.lock().unwrap().push(share);
        // Just short of the deadline, which began anew when the bytes were there.
        tokio::time::sleep(POLICY.deadline - Duration::from_secs(1)).await;
        Ok(*number)
    }
}

struct Hanging {
    supervision: Supervision,
    acks: TestAcks,
    port: millrace_engine::Port<u64>,
    kept: Arc<Mutex<Vec<Reservation>>>,
}

fn hanging() -> Hanging {
    let supervision = Supervision::start("test", POLICY, Drain::default());
    let sink = port_to(start_sink(
        &supervision,
        &Arc::new(Script::default()),
        limits(9, 99),
    ));
    let (budget, kept) = (ByteBudget::new(100), Arc::new(Mutex::new(Vec::new())));
    let shares = kept.clone();
    let build: Build<Stuck> = Arc::new(move || {
        let (budget, kept) = (budget.clone(), shares.clone());
        async move { Ok(Stuck { budget, kept }) }.boxed_local()
    });
    let stage = supervision.stage(("stuck", 0), &actix::Arbiter::current(), sink, build);
    Hanging {
        supervision,
        acks: TestAcks::default(),
        port: port_to(stage),
        kept,
    }
}

#[test]
fn its_event_is_retried_and_charged_and_the_work_is_rebuilt() {
    in_virtual_time(|| async {
        let mut hanging = hanging();
        let start = Instant::now();
        hanging.acks.post_all([0, 1], &hanging.port);
        let outcomes = hanging.acks.outcomes(2).await;
        assert!(
            matches!(
                &outcomes[&0],
                Outcome::Retry {
                    stage: "stuck",
                    cause: "hung",
                    charged: true,
                    ..
                }
            ),
            "{outcomes:?}"
        );
        assert_eq!(outcomes[&1], Outcome::Done, "its neighbour arrives");
        assert!(start.elapsed() >= POLICY.deadline);
        let entry = &hanging.supervision.actors().entries()[&id("stuck", 0)];
        assert_eq!((entry.state, entry.restarts["hung"]), (State::Up, 1));
    });
}

#[test]
fn waiting_for_memory_is_not_hanging() {
    in_virtual_time(|| async {
        let mut hanging = hanging();
        hanging.acks.post_all([60, 70], &hanging.port);
        assert_eq!(hanging.acks.outcomes(1).await[&60], Outcome::Done);
        tokio::time::sleep(POLICY.deadline * 100).await;
        assert!(
            hanging.acks.try_outcome().is_none(),
            "the second waits for the first one's bytes"
        );
        hanging.kept.lock().unwrap().clear();
        assert_eq!(hanging.acks.outcomes(1).await[&70], Outcome::Done);
        let entry = &hanging.supervision.actors().entries()[&id("stuck", 0)];
        assert!(entry.restarts.is_empty(), "{entry:?}");
    });
}

#[test]
fn a_write_of_many_that_hangs_is_tried_event_by_event() {
    in_virtual_time(|| async {
        let mut pipeline = Pipeline::start();
        *pipeline.script.write_takes.lock().unwrap() = Duration::from_secs(1);
        pipeline.acks.post_all([1, 2, 12, 3], &pipeline.port); // 12 becomes the 24 that the sink hangs at
        let outcomes = pipeline.acks.outcomes(4).await;
        assert!(matches!(
            outcomes[&12],
            Outcome::Retry {
                cause: "hung",
                charged: true,
                ..
            }
        ));
        assert_eq!(pipeline.script.written(), [2, 4, 6]);
    });
}

/// Blocks its thread until the test ends.
struct Blocked {
    entered: Sender<()>,
    release: Arc<Mutex<Receiver<()>>>,
}

impl Stage for Blocked {
    type In = u64;
    type Out = u64;

    async fn run(&mut self, number: &u64) -> Result<u64, Fault> {
        self.entered.send(()).unwrap();
        let _ = self.release.lock().unwrap().recv();
        Ok(*number)
    }
}

/// A pipeline whose stage has a thread of its own, blocked while the sender lives.
fn blocked(supervision: &Supervision, acks: &TestAcks, thread: &actix::Arbiter) -> Sender<()> {
    let sink = port_to(start_sink(
        supervision,
        &Arc::new(Script::default()),
        limits(9, 99),
    ));
    let (entered, is_in) = channel();
    let (hold, release) = channel();
    let (release, entered) = (Arc::new(Mutex::new(release)), Mutex::new(entered));
    let build: Build<Blocked> = Arc::new(move || {
        let (entered, release) = (entered.lock().unwrap().clone(), release.clone());
        async move { Ok(Blocked { entered, release }) }.boxed_local()
    });
    let port = port_to(supervision.stage(("blocked", 0), &thread.handle(), sink, build));
    acks.post_all([1], &port);
    is_in.recv().unwrap(); // in real time: the other thread has no part in ours
    hold
}

#[test]
fn a_blocked_thread_is_seen_from_outside_and_ends_the_pipeline() {
    in_virtual_time(|| async {
        let drain = Drain::default();
        let supervision = Supervision::start("test", POLICY, drain.clone());
        let (mut acks, thread) = (TestAcks::default(), actix::Arbiter::new());
        let hold = blocked(&supervision, &acks, &thread);
        assert_eq!(supervision.ended().await, Exit::GaveUp(id("blocked", 0)));
        assert!(drain.gave_up());
        let entry = &supervision.actors().entries()[&id("blocked", 0)];
        assert_eq!((entry.state, entry.restarts["hung"]), (State::GaveUp, 1));
        assert!(
            acks.try_outcome().is_none(),
            "its event stays unsettled, so the broker has it"
        );
        drop(hold);
        thread.stop();
        thread.join().unwrap();
    });
}

#[test]
fn a_thread_that_ended_is_seen_and_ends_the_pipeline() {
    in_virtual_time(|| async {
        let supervision = Supervision::start("test", POLICY, Drain::default());
        let (mut acks, thread) = (TestAcks::default(), actix::Arbiter::new());
        let hold = blocked(&supervision, &acks, &thread);
        thread.stop();
        drop(hold);
        thread.join().unwrap();
        until(|| supervision.actors().entries().contains_key(&id("blocked", 0))).await;
        assert_eq!(supervision.ended().await, Exit::GaveUp(id("blocked", 0)));
        // Done, where the work was faster than the end of its thread; else given back.
        acks.outcomes(1).await;
    });
}

#[test]
fn an_operators_drain_is_told_from_giving_up() {
    let (ordered, broken) = (Drain::default(), Drain::default());
    ordered.order();
    broken.give_up();
    assert!(ordered.is_ordered() && !ordered.gave_up());
    assert!(broken.is_ordered() && broken.gave_up());
}
