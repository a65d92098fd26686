//! What the engine costs a message: in, through a stage, into a sink, settled. All on one thread, so that nothing depends
//! on who wakes whom.

use futures_util::FutureExt;
use millrace_engine::{
    Build, DeliveryHandle, Drain, Envelope, Fault, Limits, Load, Port, RestartPolicy, Sink, Stage,
    Supervision,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc::unbounded_channel;
use tracing::Span;

const POLICY: RestartPolicy = RestartPolicy {
    first_delay: Duration::from_secs(1),
    max_delay: Duration::from_secs(60),
    intensity: 3,
    window: Duration::from_secs(600),
    steady_after: Duration::from_secs(5),
    deadline: Duration::from_secs(60),
};

/// So many messages wait for the sink at once, as with the product's default prefetch.
const IN_FLIGHT: usize = 32;

struct Pass;
struct Discard;

impl Stage for Pass {
    type In = u64;
    type Out = u64;

    async fn run(&mut self, number: &u64) -> Result<u64, Fault> {
        Ok(*number)
    }
}

impl Sink for Discard {
    type In = u64;

    fn load(_: &u64) -> Load {
        Load { rows: 1, bytes: 1 }
    }

    async fn write(&mut self, _: &[&u64]) -> Result<(), Fault> {
        Ok(())
    }
}

/// Sends so many messages through.
pub(crate) fn run(messages: usize) {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    };
    actix::System::with_tokio_rt(runtime).block_on(async {
        let arbiter = actix::Arbiter::current();
        let supervision = Supervision::start("counts", POLICY, Drain::default());
        let limits = Limits {
            messages: IN_FLIGHT,
            load: Load {
                rows: usize::MAX,
                bytes: usize::MAX,
            },
        };
        let sink: Build<Discard> = Arc::new(|| async { Ok(Discard) }.boxed_local());
        let sink = Port::new([supervision.sink(("discard", 0), &arbiter, limits, sink)]);
        let stage: Build<Pass> = Arc::new(|| async { Ok(Pass) }.boxed_local());
        let stage = Port::new([supervision.stage(("pass", 0), &arbiter, sink, stage)]);
        let (acks, mut settled) = unbounded_channel();
        for first in (0..messages as u64).step_by(IN_FLIGHT) {
            let numbers = first..(first + IN_FLIGHT as u64).min(messages as u64);
            let count = numbers.end - numbers.start;
            for number in numbers {
                let handle = DeliveryHandle::new(number, acks.clone());
                stage.post(Envelope::new(
                    number,
                    format!("event-{number}"),
                    Span::none(),
                    handle,
                ));
            }
            for _ in 0..count {
                settled.recv().await.expect("every message is settled");
            }
        }
    });
}
