//! A small pipeline to test with: numbers go through a stage that doubles them into a sink that lists them.

use crate::testkit::{TestAcks, port_to};
use futures_util::FutureExt;
use millrace_engine::{
    Build, Drain, Fault, Limits, Load, Member, Port, RestartPolicy, Sink, Stage, Supervision,
};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
};
use std::time::Duration;

pub(crate) const POLICY: RestartPolicy = RestartPolicy {
    first_delay: Duration::from_secs(1),
    max_delay: Duration::from_secs(60),
    intensity: 3,
    window: Duration::from_secs(600),
    steady_after: Duration::from_secs(5),
    deadline: Duration::from_secs(60),
};

/// What the test tells the pipeline to do, and what the pipeline did.
#[derive(Default)]
pub(crate) struct Script {
    /// Runs of the stage that fail with an outage.
    pub(crate) stage_outages: AtomicUsize,
    /// Writes that fail with an outage.
    pub(crate) sink_outages: AtomicUsize,
    /// The sink waits this long in each write.
    pub(crate) write_takes: Mutex<Duration>,
    /// Times the stage was built.
    pub(crate) builds: AtomicUsize,
    /// What was written, write by write.
    pub(crate) writes: Mutex<Vec<Vec<u64>>>,
}

/// Panics at 13, calls 4 poison, is in trouble at 6, and too early for 8.
pub(crate) struct Double(pub(crate) Arc<Script>);

/// Refuses any write with a 20 in it, panics at a 22 and hangs at a 24.
pub(crate) struct List(pub(crate) Arc<Script>);

pub(crate) struct Pipeline {
    pub(crate) acks: TestAcks,
    pub(crate) supervision: Supervision,
    pub(crate) drain: Drain,
    pub(crate) port: Port<u64>,
    pub(crate) script: Arc<Script>,
}

// === impl Script ===

impl Script {
    pub(crate) fn written(&self) -> Vec<u64> {
        let mut all: Vec<_> = self.writes.lock().unwrap().concat();
        all.sort_unstable();
        all
    }
}

/// Takes one from the counter where there is one.
fn spend(counter: &AtomicUsize) -> bool {
    counter
        .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1))
        .is_ok()
}

impl Stage for Double {
    type In = u64;
    type Out = u64;

    async fn run(&mut self, number: &u64) -> Result<u64, Fault> {
        match number {
            13 => panic!("thirteen"),
            4 => Err(Fault::poison("four", "it is four")),
            6 => Err(Fault::transient("six", "it is six")),
            8 => Err(Fault::deferred("eight", "it is eight")),
            _ if spend(&self.0.stage_outages) => Err(Fault::outage("network", "down")),
            number => Ok(number * 2),
        }
    }
}

impl Sink for List {
    type In = u64;

    fn load(_: &u64) -> Load {
        Load { rows: 1, bytes: 1 }
    }

    async fn write(&mut self, batch: &[&u64]) -> Result<(), Fault> {
        let takes = *self.0.write_takes.lock().unwrap();
        tokio::time::sleep(takes).await;
        if spend(&self.0.sink_outages) {
            return Err(Fault::outage("database", "down"));
        }
        if batch.contains(&&20) {
            return Err(Fault::poison("twenty", "it is twenty"));
        }
        assert!(!batch.contains(&&22), "twenty-two");
        if batch.contains(&&24) {
            std::future::pending::<()>().await;
        }
        self.0
            .writes
            .lock()
            .unwrap()
            .push(batch.iter().map(|number| **number).collect());
        Ok(())
    }
}

pub(crate) fn build_double(script: &Arc<Script>) -> Build<Double> {
    let script = script.clone();
    Arc::new(move || {
        script.builds.fetch_add(1, SeqCst);
        let made = Double(script.clone());
        async move { Ok(made) }.boxed_local()
    })
}

pub(crate) fn start_sink(supervision: &Supervision, script: &Arc<Script>, limits: Limits) -> Member<u64> {
    start_sink_named(("writer", 0), supervision, script, limits)
}

pub(crate) fn start_sink_named(
    name: (&'static str, usize),
    supervision: &Supervision,
    script: &Arc<Script>,
    limits: Limits,
) -> Member<u64> {
    let script = script.clone();
    let build: Build<List> = Arc::new(move || {
        let made = List(script.clone());
        async move { Ok(made) }.boxed_local()
    });
    supervision.sink(name, &actix::Arbiter::current(), limits, build)
}

pub(crate) fn limits(messages: usize, rows: usize) -> Limits {
    Limits {
        messages,
        load: Load {
            rows,
            bytes: usize::MAX,
        },
    }
}

impl Pipeline {
    pub(crate) fn start() -> Self {
        Self::start_as("test")
    }

    pub(crate) fn start_as(pipeline: &'static str) -> Self {
        let drain = Drain::default();
        let supervision = Supervision::start(pipeline, POLICY, drain.clone());
        let script = Arc::new(Script::default());
        let sink = port_to(start_sink(&supervision, &script, limits(100, 1_000)));
        let stage = supervision.stage(
            ("double", 0),
            &actix::Arbiter::current(),
            sink,
            build_double(&script),
        );
        Self {
            acks: TestAcks::default(),
            supervision,
            drain,
            port: port_to(stage),
            script,
        }
    }
}
