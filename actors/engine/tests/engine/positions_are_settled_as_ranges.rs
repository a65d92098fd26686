use crate::pipeline::Pipeline;
use crate::testkit::in_virtual_time;
use futures_util::FutureExt;
use millrace_engine::{
    Build, DeliveryHandle, Envelope, Exit, Fault, Intake, Outcome, Position, Positions, Settlement, Source,
};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tracing::Span;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The next message of a partition, behind a gap.
    Take(u8, u64),
    /// A handle says: done, a dead letter, or it is dropped.
    Settle(prop::sample::Index, u8),
    /// What was not done is safe elsewhere, or is tried again.
    Resolve(prop::sample::Index, bool),
    Lose(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_u8, 0..3_u64).prop_map(|(partition, gap)| Step::Take(partition, gap)),
        4 => (any::<prop::sample::Index>(), 0..4_u8).prop_map(|(which, how)| Step::Settle(which, how)),
        2 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(which, safe)| Step::Resolve(which, safe)),
        1 => (0..3_u8).prop_map(Step::Lose),
    ];
    prop::collection::vec(step, 1..80)
}

/// What a handle is for: a partition, a position in it, and how often the partition was lost before.
type Place = (u8, u64, usize);

/// The same with nothing but a list of what is open.
#[derive(Default)]
struct Model {
    losses: BTreeMap<u8, usize>,
    ends: BTreeMap<u8, u64>,
    open: BTreeSet<(u8, u64)>,
}

struct Bench {
    positions: Positions<u8>,
    settled: UnboundedReceiver<Settlement>,
    model: Model,
    handles: Vec<(Place, DeliveryHandle)>,
    unresolved: Vec<(Place, Position<u8>)>,
}

// === impl Model ===

impl Model {
    fn place(&self, partition: u8, position: u64) -> Place {
        let losses = self.losses.get(&partition).copied();
        (partition, position, losses.unwrap_or_default())
    }

    fn is_ours(&self, (partition, position, losses): Place) -> bool {
        self.place(partition, position).2 == losses
    }

    fn committable(&self, partition: u8) -> Option<u64> {
        let mut open = self.open.iter().filter(|(other, _)| *other == partition);
        let lowest = open.next().map(|(_, position)| *position);
        lowest.or(self.ends.get(&partition).copied())
    }
}

// === impl Bench ===

impl Bench {
    fn new() -> Self {
        let (acks, settled) = unbounded_channel();
        Self {
            positions: Positions::new(acks),
            settled,
            model: Model::default(),
            handles: Vec::new(),
            unresolved: Vec::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Take(partition, gap) => {
                let position = self.model.ends.get(&partition).copied().unwrap_or_default() + gap;
                self.model.ends.insert(partition, position + 1);
                self.model.open.insert((partition, position));
                let handle = self.positions.take(partition, position);
                self.handles.push((self.model.place(partition, position), handle));
            }
            Step::Settle(which, how) if !self.handles.is_empty() => {
                let (place, handle) = self.handles.swap_remove(which.index(self.handles.len()));
                self.settle(place, handle, how);
            }
            Step::Resolve(which, safe) if !self.unresolved.is_empty() => {
                let (place, position) = self.unresolved.swap_remove(which.index(self.unresolved.len()));
                self.resolve(place, &position, safe);
            }
            Step::Lose(partition) => {
                *self.model.losses.entry(partition).or_default() += 1;
                self.model.ends.remove(&partition);
                self.model.open.retain(|(other, _)| *other != partition);
                self.positions.lose(&partition);
            }
            Step::Settle(..) | Step::Resolve(..) => {}
        }
    }

    fn settle(&mut self, place: Place, handle: DeliveryHandle, how: u8) {
        match how {
            0 | 1 => handle.settle(Outcome::Done),
            2 => handle.settle(Outcome::DeadLetter {
                reason: "bad",
                detail: String::new(),
            }),
            _ => drop(handle),
        }
        let heard = self.positions.hear(self.settled.try_recv().unwrap());
        assert_eq!(heard.is_some(), self.model.is_ours(place), "{place:?}");
        let Some((position, outcome)) = heard else { return };
        assert_eq!((position.partition, position.position), (place.0, place.1));
        if outcome == Outcome::Done {
            self.model.open.remove(&(place.0, place.1));
        } else {
            self.unresolved.push((place, position));
        }
    }

    fn resolve(&mut self, place: Place, position: &Position<u8>, safe: bool) {
        let ours = self.model.is_ours(place);
        if !safe {
            let handle = self.positions.again(position);
            assert_eq!(handle.is_some(), ours);
            self.handles.extend(handle.map(|handle| (place, handle)));
            return;
        }
        self.positions.close(position);
        if ours {
            self.model.open.remove(&(place.0, place.1));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_may_be_committed_is_the_lowest_that_is_not_settled(steps in steps()) {
        let mut bench = Bench::new();
        for step in steps {
            bench.step(step);
            for partition in 0..3 {
                let expected = bench.model.committable(partition);
                prop_assert_eq!(bench.positions.committable(&partition), expected, "after {:?}", step);
            }
            prop_assert_eq!(bench.positions.in_flight(), bench.model.open.len());
        }
    }
}

#[test]
fn a_position_that_is_taken_again_is_settled_by_its_newest_handle() {
    let (acks, mut settled) = unbounded_channel();
    let mut positions = Positions::new(acks);
    let (old, new) = (positions.take("p", 5), positions.take("p", 5));
    old.settle(Outcome::Done);
    assert_eq!(positions.hear(settled.try_recv().unwrap()), None);
    assert_eq!(positions.committable(&"p"), Some(5));
    new.settle(Outcome::Done);
    assert!(positions.hear(settled.try_recv().unwrap()).is_some());
    assert_eq!(positions.committable(&"p"), Some(6));
}

/// What a broker keeps of one partition: the messages, what was committed, and what is safe elsewhere.
#[derive(Default)]
struct Log {
    messages: Vec<u64>,
    commits: Mutex<Vec<u64>>,
    elsewhere: Mutex<Vec<u64>>,
}

/// Reads the log from the last commit on, and loses its partition once, in the middle.
struct Reader(Arc<Log>);

impl Source for Reader {
    type Out = u64;

    async fn pull(&mut self, intake: Intake<u64>) -> Result<(), Fault> {
        let Self(log) = self;
        let (acks, mut settled) = unbounded_channel();
        let mut positions = Positions::new(acks);
        let post = |position: usize, handle| {
            let number = log.messages[position];
            intake
                .out
                .post(Envelope::new(number, "message", Span::none(), handle));
        };
        for round in 0..2 {
            let from = log.commits.lock().unwrap().last().copied().unwrap_or_default() as usize;
            for position in from..log.messages.len() {
                post(position, positions.take(0, position as u64));
            }
            while positions.in_flight() > 0 {
                let settlement = settled.recv().await.unwrap();
                let Some((position, outcome)) = positions.hear(settlement) else {
                    continue;
                };
                if outcome != Outcome::Done {
                    log.elsewhere.lock().unwrap().push(position.position);
                    positions.close(&position);
                }
                log.commits.lock().unwrap().extend(positions.committable(&0));
                if round == 0 && log.commits.lock().unwrap().last() >= Some(&5) {
                    positions.lose(&0);
                }
            }
        }
        intake.drain.ordered().await;
        Ok(())
    }
}

#[test]
fn a_source_commits_what_is_settled_and_goes_on_from_there_after_a_loss() {
    in_virtual_time(|| async {
        let pipeline = Pipeline::start();
        *pipeline.script.write_takes.lock().unwrap() = Duration::from_secs(1);
        let log = Arc::new(Log {
            messages: vec![1, 2, 4, 3, 6, 5, 7, 9, 15, 17, 19], // the stage refuses 4 and is in trouble at 6
            ..Log::default()
        });
        let read = log.clone();
        let build: Build<Reader> =
            Arc::new(move || std::future::ready(Ok(Reader(read.clone()))).boxed_local());
        let here = actix::Arbiter::current();
        pipeline
            .supervision
            .source("reader", &here, pipeline.port.clone(), build);
        while log.commits.lock().unwrap().last() != Some(&11) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        pipeline.drain.order();
        assert_eq!(pipeline.supervision.ended().await, Exit::Drained);
        let commits = log.commits.lock().unwrap().clone();
        assert!(commits.is_sorted(), "{commits:?}");
        let elsewhere: BTreeSet<_> = log.elsewhere.lock().unwrap().iter().copied().collect();
        assert_eq!(elsewhere, BTreeSet::from([2, 4]));
        let written: BTreeSet<_> = pipeline.script.written().into_iter().collect();
        assert_eq!(written, BTreeSet::from([2, 4, 6, 10, 14, 18, 30, 34, 38]));
    });
}
