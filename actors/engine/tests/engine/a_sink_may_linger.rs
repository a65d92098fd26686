use crate::pipeline::{POLICY, limits};
use crate::testkit::{TestAcks, id, in_virtual_time, port_to};
use futures_util::FutureExt;
use millrace_engine::{Build, Drain, Fault, Limits, Load, Outcome, Port, Sink, State, Supervision};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::time::Instant;

/// Longer than a run may take without progress.
const LINGER: Duration = Duration::from_secs(120);
const SECOND: Duration = Duration::from_secs(1);

/// What was written, and how long after the start.
#[derive(Default)]
struct Shelf {
    files: Mutex<Vec<(Duration, Vec<u64>)>>,
    outages: AtomicUsize,
}

/// Writes files of what gathers within two minutes; hangs at a 7. A number weighs as many bytes.
struct Archive(Arc<Shelf>, Instant);

impl Sink for Archive {
    type In = u64;

    const LINGER: Duration = LINGER;

    fn load(number: &u64) -> Load {
        Load {
            rows: 1,
            bytes: usize::try_from(*number).unwrap(),
        }
    }

    async fn write(&mut self, batch: &[&u64]) -> Result<(), Fault> {
        let Self(shelf, start) = self;
        if batch.contains(&&7) {
            std::future::pending::<()>().await;
        }
        let outage = shelf
            .outages
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        if outage.is_ok() {
            return Err(Fault::outage("archive", "down"));
        }
        let file = batch.iter().map(|number| **number).collect();
        shelf.files.lock().unwrap().push((start.elapsed(), file));
        Ok(())
    }
}

struct Lingering {
    supervision: Supervision,
    drain: Drain,
    acks: TestAcks,
    port: Port<u64>,
    shelf: Arc<Shelf>,
    start: Instant,
}

// === impl Lingering ===

impl Lingering {
    fn start(limits: Limits) -> Self {
        let drain = Drain::default();
        let supervision = Supervision::start("test", POLICY, drain.clone());
        let (shelf, start) = (Arc::<Shelf>::default(), Instant::now());
        let made = shelf.clone();
        let build: Build<Archive> =
            Arc::new(move || std::future::ready(Ok(Archive(made.clone(), start))).boxed_local());
        let sink = supervision.sink(("archive", 0), &actix::Arbiter::current(), limits, build);
        Self {
            supervision,
            drain,
            acks: TestAcks::default(),
            port: port_to(sink),
            shelf,
            start,
        }
    }

    async fn all_done(&mut self, count: usize) {
        let outcomes = self.acks.outcomes(count).await;
        assert!(
            outcomes.values().all(|outcome| *outcome == Outcome::Done),
            "{outcomes:?}"
        );
    }

    /// The files, each with the second in which it was written.
    fn files(&self) -> Vec<(u64, Vec<u64>)> {
        let files = self.shelf.files.lock().unwrap();
        let one = |(at, file): &(Duration, Vec<u64>)| (at.as_secs(), file.clone());
        files.iter().map(one).collect()
    }
}

#[test]
fn it_gathers_since_its_first_message_and_that_is_not_hanging() {
    in_virtual_time(|| async {
        let mut sink = Lingering::start(limits(9, 99));
        tokio::time::sleep(SECOND * 10).await;
        sink.acks.post_all([1], &sink.port);
        tokio::time::sleep(SECOND * 100).await;
        sink.acks.post_all([2, 3], &sink.port);
        sink.all_done(3).await;
        sink.acks.post_all([4], &sink.port);
        sink.all_done(1).await;
        assert_eq!(sink.files(), [(130, vec![1, 2, 3]), (250, vec![4])]);
        let entry = &sink.supervision.actors().entries()[&id("archive", 0)];
        assert!(entry.restarts.is_empty() && entry.state == State::Up, "{entry:?}");
    });
}

#[test]
fn a_batch_at_its_limit_is_closed_at_once() {
    let bytes = |bytes| Limits {
        messages: 9,
        load: Load { rows: 99, bytes },
    };
    for limits in [limits(3, 99), limits(9, 3), bytes(6), bytes(9)] {
        in_virtual_time(|| async {
            let mut sink = Lingering::start(limits);
            sink.acks.post_all([1, 2, 3], &sink.port);
            if limits.load.bytes == 9 {
                sink.acks.post_all([4], &sink.port); // it does not fit, so the three wait no longer
            }
            sink.all_done(3).await;
            assert_eq!(sink.files(), [(0, vec![1, 2, 3])]);
        });
    }
}

#[test]
fn what_did_not_fit_waits_for_others_of_its_own() {
    in_virtual_time(|| async {
        let mut sink = Lingering::start(limits(3, 99));
        tokio::time::sleep(SECOND).await;
        sink.acks.post_all(1..6, &sink.port);
        sink.all_done(5).await;
        assert_eq!(sink.files(), [(1, vec![1, 2, 3]), (121, vec![4, 5])]);
    });
}

#[test]
fn a_drain_closes_it_at_once() {
    in_virtual_time(|| async {
        let mut sink = Lingering::start(limits(9, 99));
        sink.acks.post_all([1, 2], &sink.port);
        tokio::time::sleep(SECOND * 5).await;
        sink.drain.order();
        sink.all_done(2).await;
        sink.acks.post_all([3], &sink.port);
        sink.all_done(1).await;
        assert_eq!(sink.files(), [(5, vec![1, 2]), (5, vec![3])]);
    });
}

#[test]
fn the_deadline_counts_from_the_close() {
    in_virtual_time(|| async {
        let mut sink = Lingering::start(limits(9, 99));
        sink.acks.post_all([7], &sink.port);
        let outcomes = sink.acks.outcomes(1).await;
        assert!(matches!(outcomes[&7], Outcome::Retry { cause: "hung", .. }));
        assert_eq!(
            sink.start.elapsed().as_secs(),
            (LINGER + POLICY.deadline).as_secs()
        );
    });
}

#[test]
fn a_batch_that_failed_waits_for_no_others() {
    in_virtual_time(|| async {
        let mut sink = Lingering::start(limits(9, 99));
        sink.shelf.outages.store(1, SeqCst);
        sink.acks.post_all([1, 2], &sink.port);
        sink.all_done(2).await;
        assert!(sink.start.elapsed() < LINGER + POLICY.first_delay * 2);
    });
}

#[test]
fn what_failed_before_neither_waits_nor_closes_it() {
    in_virtual_time(|| async {
        let mut sink = Lingering::start(limits(9, 99));
        sink.acks.post_all([1], &sink.port);
        tokio::time::sleep(SECOND * 3).await;
        sink.port.post(sink.acks.envelope(20, 20).retried(true));
        sink.acks.post_all([2], &sink.port);
        sink.all_done(3).await;
        assert_eq!(sink.files(), [(3, vec![20]), (120, vec![1, 2])]);
    });
}
