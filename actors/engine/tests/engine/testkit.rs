//! For tests of actors: a system on a paused clock, and acks to watch.

use millrace_engine::{Acks, ActorId, DeliveryHandle, Envelope, Member, Outcome, Port, Settlement};
use std::{collections::BTreeMap, future::Future, time::Duration};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tracing::Span;

/// Runs a test inside an actix system whose clock jumps to the next timer whenever all is idle, so
/// that minutes of restarts pass in milliseconds.
pub(crate) fn in_virtual_time<F: Future>(test: impl FnOnce() -> F) -> F::Output {
    let clock = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime for the test")
    };
    // A day passes at once when all is idle, so a test that waits for what never comes fails at once.
    let day = Duration::from_secs(24 * 60 * 60);
    let bounded = async { tokio::time::timeout(day, test()).await };
    actix::System::with_tokio_rt(clock)
        .block_on(bounded)
        .expect("the test waits for something that never comes")
}

/// Waits until it is so, in virtual time.
pub(crate) async fn until(so: impl Fn() -> bool) {
    while !so() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A source's side of the pipeline: it hands out envelopes and collects outcomes.
pub(crate) struct TestAcks {
    acks: Acks,
    settled: UnboundedReceiver<Settlement>,
}

// === impl TestAcks ===

impl Default for TestAcks {
    fn default() -> Self {
        let (acks, settled) = unbounded_channel();
        Self { acks, settled }
    }
}

impl TestAcks {
    /// An envelope whose delivery tag is `tag`.
    pub(crate) fn envelope<T>(&self, tag: u64, body: T) -> Envelope<T> {
        Envelope::new(
            body,
            format!("event-{tag}"),
            Span::none(),
            DeliveryHandle::new(tag, self.acks.clone()),
        )
    }

    /// Posts an envelope for each number, tagged with it.
    pub(crate) fn post_all(&self, numbers: impl IntoIterator<Item = u64>, port: &Port<u64>) {
        for number in numbers {
            port.post(self.envelope(number, number));
        }
    }

    /// Waits for `count` outcomes.
    ///
    /// # Panics
    /// When a delivery is settled twice.
    pub(crate) async fn outcomes(&mut self, count: usize) -> BTreeMap<u64, Outcome> {
        let mut outcomes = BTreeMap::new();
        while outcomes.len() < count {
            let Settlement { tag, outcome } = self.settled.recv().await.expect("the acks are open");
            let earlier = outcomes.insert(tag, outcome);
            assert!(earlier.is_none(), "delivery {tag} was settled twice");
        }
        outcomes
    }

    /// The next outcome, if one is there already.
    pub(crate) fn try_outcome(&mut self) -> Option<Settlement> {
        self.settled.try_recv().ok()
    }
}

/// A port to one mailbox.
pub(crate) fn port_to<T: Send + 'static>(member: Member<T>) -> Port<T> {
    Port::new([member])
}

/// An actor of the pipeline that tests run.
pub(crate) fn id(stage: &'static str, index: usize) -> ActorId {
    ActorId {
        index: Some(index),
        ..source_id(stage)
    }
}

/// A source of it.
pub(crate) fn source_id(stage: &'static str) -> ActorId {
    ActorId {
        pipeline: "test",
        stage,
        index: None,
    }
}
