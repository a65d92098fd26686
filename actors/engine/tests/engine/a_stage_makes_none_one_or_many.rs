use crate::pipeline::{POLICY, Script, limits, start_sink};
use crate::testkit::{TestAcks, id, in_virtual_time, port_to};
use futures_util::FutureExt;
use millrace_engine::{
    Build, Drain, Fault, Load, Messages, Outcome, Port, Sink, State, Supervision, Transform,
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering::SeqCst},
};

/// Makes of a number as many messages as its last digit says, each worth its tens.
struct Repeat;

impl Transform for Repeat {
    type In = u64;
    type Made = usize;
    type Out = u64;

    async fn run(&mut self, number: &u64) -> Result<usize, Fault> {
        Ok((number % 10) as usize)
    }

    fn finish(number: u64, times: usize) -> Messages<u64> {
        assert_ne!(number, 990, "ninety-nine, and none of it");
        match times {
            0 => Messages::None,
            1 => (number / 10).into(),
            _ => vec![number / 10; times].into(),
        }
    }
}

struct Repeating {
    supervision: Supervision,
    acks: TestAcks,
    port: Port<u64>,
    script: Arc<Script>,
}

// === impl Repeating ===

impl Repeating {
    fn start() -> Self {
        let supervision = Supervision::start("test", POLICY, Drain::default());
        let script = Arc::new(Script::default());
        let sink = port_to(start_sink(&supervision, &script, limits(9, 99)));
        let build: Build<Repeat> = Arc::new(|| async { Ok(Repeat) }.boxed_local());
        let stage = supervision.stage(("repeat", 0), &actix::Arbiter::current(), sink, build);
        Self {
            supervision,
            acks: TestAcks::default(),
            port: port_to(stage),
            script,
        }
    }
}

#[test]
fn each_delivery_is_settled_once_and_with_none_it_is_done() {
    in_virtual_time(|| async {
        let mut pipeline = Repeating::start();
        pipeline.acks.post_all([10, 21, 33, 42], &pipeline.port);
        let outcomes = pipeline.acks.outcomes(4).await;
        assert!(
            outcomes.values().all(|outcome| *outcome == Outcome::Done),
            "{outcomes:?}"
        );
        assert_eq!(pipeline.script.written(), [2, 3, 3, 3, 4, 4]);
        assert!(pipeline.acks.try_outcome().is_none());
    });
}

#[test]
fn a_message_that_fails_decides_for_the_delivery_and_not_for_its_neighbours() {
    in_virtual_time(|| async {
        let mut pipeline = Repeating::start();
        pipeline.acks.post_all([203, 52], &pipeline.port); // the sink refuses a 20
        let outcomes = pipeline.acks.outcomes(2).await;
        assert!(
            matches!(outcomes[&203], Outcome::DeadLetter { reason: "twenty", .. }),
            "{outcomes:?}"
        );
        assert_eq!(outcomes[&52], Outcome::Done);
        assert_eq!(pipeline.script.written(), [5, 5]);
        assert!(pipeline.acks.try_outcome().is_none());
    });
}

#[test]
fn a_panic_at_the_finish_costs_no_delivery() {
    in_virtual_time(|| async {
        let mut pipeline = Repeating::start();
        pipeline.acks.post_all([990, 11], &pipeline.port);
        let outcomes = pipeline.acks.outcomes(2).await;
        assert!(
            matches!(
                outcomes[&990],
                Outcome::Retry {
                    stage: "repeat",
                    cause: "panic",
                    charged: true,
                    ..
                }
            ),
            "{outcomes:?}"
        );
        assert_eq!(outcomes[&11], Outcome::Done);
        let entry = &pipeline.supervision.actors().entries()[&id("repeat", 0)];
        assert_eq!((entry.state, entry.restarts["panic"]), (State::Up, 1));
    });
}

/// Adds a word to a page, and fails with an outage at the first.
struct Enrich(Arc<AtomicBool>);

struct Shelf(Arc<Mutex<Vec<(usize, String)>>>);

struct Page {
    rows: Vec<u8>,
    word: String,
}

impl Transform for Enrich {
    type In = Page;
    type Made = String;
    type Out = Page;

    async fn run(&mut self, page: &Page) -> Result<String, Fault> {
        if !self.0.swap(true, SeqCst) {
            return Err(Fault::outage("dictionary", "down"));
        }
        Ok(format!("{} rows", page.rows.len()))
    }

    fn finish(page: Page, word: String) -> Messages<Page> {
        Page { word, ..page }.into()
    }
}

impl Sink for Shelf {
    type In = Page;

    fn load(_: &Page) -> Load {
        Load::default()
    }

    async fn write(&mut self, batch: &[&Page]) -> Result<(), Fault> {
        let place = |page: &&Page| (page.rows.as_ptr().addr(), page.word.clone());
        self.0.lock().unwrap().extend(batch.iter().map(place));
        Ok(())
    }
}

#[test]
fn a_stage_that_enriches_moves_what_came_in_and_a_failure_keeps_it() {
    in_virtual_time(|| async {
        let supervision = Supervision::start("test", POLICY, Drain::default());
        let here = actix::Arbiter::current();
        let stored = Arc::<Mutex<Vec<_>>>::default();
        let shelf = Arc::clone(&stored);
        let build: Build<Shelf> =
            Arc::new(move || std::future::ready(Ok(Shelf(shelf.clone()))).boxed_local());
        let sink = port_to(supervision.sink(("shelf", 0), &here, limits(9, 99), build));
        let met = Arc::<AtomicBool>::default();
        let build: Build<Enrich> =
            Arc::new(move || std::future::ready(Ok(Enrich(met.clone()))).boxed_local());
        let port = port_to(supervision.stage(("enrich", 0), &here, sink, build));
        let rows = vec![7; 1_000_000];
        let place = rows.as_ptr().addr();
        let mut acks = TestAcks::default();
        let page = Page {
            rows,
            word: String::new(),
        };
        port.post(acks.envelope(1, page));
        assert_eq!(acks.outcomes(1).await[&1], Outcome::Done);
        let entry = &supervision.actors().entries()[&id("enrich", 0)];
        assert_eq!(entry.restarts["outage"], 1);
        assert_eq!(*stored.lock().unwrap(), [(place, "1000000 rows".to_owned())]);
    });
}
