use crate::pipeline::{POLICY, Script, build_double, limits, start_sink, start_sink_named};
use crate::testkit::{TestAcks, in_virtual_time, port_to};
use futures_util::FutureExt;
use millrace_engine::{Build, Drain, Fault, Load, Messages, Outcome, Port, Sink, Supervision};
use std::{
    sync::{Arc, Mutex, atomic::Ordering::SeqCst},
    time::Duration,
};

/// Keeps letters.
struct Archive(Arc<Mutex<Vec<String>>>);

impl Sink for Archive {
    type In = String;

    fn load(_: &String) -> Load {
        Load { rows: 1, bytes: 1 }
    }

    async fn write(&mut self, batch: &[&String]) -> Result<(), Fault> {
        self.0
            .lock()
            .unwrap()
            .extend(batch.iter().map(|text| (*text).clone()));
        Ok(())
    }
}

/// Two lists that get the same numbers, behind a stage that doubles them.
struct Twins {
    acks: TestAcks,
    port: Port<u64>,
    scripts: [Arc<Script>; 2],
    _supervision: Supervision,
}

// === impl Twins ===

impl Twins {
    fn start() -> Self {
        let supervision = Supervision::start("test", POLICY, Drain::default());
        let scripts: [Arc<Script>; 2] = Default::default();
        let sink = |stage, script| {
            let sink = start_sink_named((stage, 0), &supervision, script, limits(100, 1_000));
            port_to(sink)
        };
        let both = Port::to_each([sink("left", &scripts[0]), sink("right", &scripts[1])]);
        let here = actix::Arbiter::current();
        let stage = supervision.stage(("double", 0), &here, both, build_double(&scripts[0]));
        Self {
            acks: TestAcks::default(),
            port: port_to(stage),
            scripts,
            _supervision: supervision,
        }
    }
}

#[test]
fn each_gets_every_message_and_the_delivery_is_done_when_both_are() {
    in_virtual_time(|| async {
        let mut twins = Twins::start();
        *twins.scripts[1].write_takes.lock().unwrap() = Duration::from_secs(10);
        twins.acks.post_all([1, 2, 3], &twins.port);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(twins.scripts[0].written(), [2, 4, 6]);
        assert!(twins.acks.try_outcome().is_none(), "the slower one has it yet");
        let outcomes = twins.acks.outcomes(3).await;
        assert!(
            outcomes.values().all(|outcome| *outcome == Outcome::Done),
            "{outcomes:?}"
        );
        assert_eq!(twins.scripts[1].written(), [2, 4, 6]);
        assert!(twins.acks.try_outcome().is_none());
    });
}

#[test]
fn an_outage_of_one_holds_the_delivery_and_not_the_other_sink() {
    in_virtual_time(|| async {
        let mut twins = Twins::start();
        twins.scripts[1].sink_outages.store(3, SeqCst);
        twins.acks.post_all([1, 2], &twins.port);
        let outcomes = twins.acks.outcomes(2).await;
        assert!(
            outcomes.values().all(|outcome| *outcome == Outcome::Done),
            "{outcomes:?}"
        );
        for script in &twins.scripts {
            assert_eq!(script.written(), [2, 4], "once each");
        }
    });
}

/// Numbers go to a list, and their names to an archive; there is no list for 0 and no name for 1.
fn number_and_name(number: u64) -> (Messages<u64>, Messages<String>) {
    assert_ne!(number, 13, "thirteen");
    let listed = (number > 0).then_some(number);
    let named = (number != 1).then(|| format!("number {number}"));
    (listed.into(), named.into())
}

#[test]
fn each_gets_its_own_part_and_the_worst_outcome_counts() {
    in_virtual_time(|| async {
        let supervision = Supervision::start("test", POLICY, Drain::default());
        let script = Arc::new(Script::default());
        let list = port_to(start_sink(&supervision, &script, limits(100, 1_000)));
        let letters = Arc::<Mutex<Vec<_>>>::default();
        let kept = letters.clone();
        let build: Build<Archive> =
            Arc::new(move || std::future::ready(Ok(Archive(kept.clone()))).boxed_local());
        let here = actix::Arbiter::current();
        let archive = port_to(supervision.sink(("archive", 0), &here, limits(100, 1_000), build));
        let port = Port::to_both(list, archive, number_and_name);
        let mut acks = TestAcks::default();
        acks.post_all([0, 1, 2, 13, 20], &port); // the list refuses a 20
        let outcomes = acks.outcomes(5).await;
        assert!([0, 1, 2].iter().all(|number| outcomes[number] == Outcome::Done));
        assert!(matches!(
            outcomes[&20],
            Outcome::DeadLetter { reason: "twenty", .. }
        ));
        assert!(
            matches!(&outcomes[&13], Outcome::Retry { cause: "panic", detail, charged: true, .. } if detail.contains("thirteen")),
            "{outcomes:?}"
        );
        assert_eq!(script.written(), [1, 2]);
        assert_eq!(*letters.lock().unwrap(), ["number 0", "number 2", "number 20"]);
        assert!(acks.try_outcome().is_none());
    });
}
