//! What a stage author writes. The engine owns the envelopes; a stage only borrows their bodies, so
//! whatever happens to the stage, the event is still there to be retried.

use super::{ActorId, Breaker, Drain, Fault, Messages, Port, Report};
use crate::trace::Kind;
use std::{future::Future, time::Duration};

/// The middle of the pipeline in its plain form: one message in, one message out.
pub trait Stage: Sized + 'static {
    /// What comes in.
    type In: Send + 'static;
    /// What goes on to the next stage.
    type Out: Send + 'static;

    /// What the work is called in traces.
    const VERB: &'static str = "work";
    /// The dependency it talks to.
    const KIND: Kind = Kind::Internal;

    /// Handles one message.
    fn run(&mut self, input: &Self::In) -> impl Future<Output = Result<Self::Out, Fault>>;
}

/// The middle of the pipeline in its general form: one message in, and none, one or many out. Every [`Stage`] is one.
pub trait Transform: Sized + 'static {
    /// What comes in.
    type In: Send + 'static;
    /// What a run makes, for `finish` to put together with what came in.
    type Made: 'static;
    /// What goes on to the next stage.
    type Out: Send + 'static;

    /// What the work is called in traces.
    const VERB: &'static str = "work";
    /// The dependency it talks to.
    const KIND: Kind = Kind::Internal;

    /// Handles one message.
    fn run(&mut self, input: &Self::In) -> impl Future<Output = Result<Self::Made, Fault>>;

    /// What goes on. It owns what came in, so a stage that adds something to a message moves the rest of it, and
    /// nothing is in memory twice. All that may fail or take time belongs into `run`: a panic here costs the message,
    /// and its delivery is retried.
    fn finish(input: Self::In, made: Self::Made) -> Messages<Self::Out>;
}

/// The end of the pipeline: many messages, one write.
pub trait Sink: Sized + 'static {
    /// What comes in.
    type In: Send + 'static;

    /// What the work is called in traces.
    const VERB: &'static str = "work";
    /// The dependency it talks to.
    const KIND: Kind = Kind::Internal;

    /// How long a batch may wait for others before it is written: it is closed when it reaches its limits, when so
    /// much time has passed since its first message came, or when a drain is ordered. Zero: what gathers during a
    /// write is written together, and nothing ever waits.
    const LINGER: Duration = Duration::ZERO;

    /// How heavy a message is, so that one write stays within its limits.
    fn load(input: &Self::In) -> Load;

    /// Writes all of the batch or none of it.
    fn write(&mut self, batch: &[&Self::In]) -> impl Future<Output = Result<(), Fault>>;
}

/// The weight of messages in one write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Rows to write.
    pub rows: usize,
    /// Bytes to write.
    pub bytes: usize,
}

/// The beginning of the pipeline: it takes deliveries in and settles them.
pub trait Source: Sized + 'static {
    /// What it sends into the pipeline.
    type Out: Send + 'static;

    /// Works until the drain is ordered and what is in flight is settled, or until it fails.
    ///
    /// # Errors
    /// [`Fault::Outage`] when the broker is lost: the source is rebuilt and pulls again, for ever.
    fn pull(&mut self, intake: Intake<Self::Out>) -> impl Future<Output = Result<(), Fault>>;
}

/// What a source is given.
pub struct Intake<T: Send + 'static> {
    /// The next stage.
    pub out: Port<T>,
    /// When to stop.
    pub drain: Drain,
    /// When to take no new deliveries for a while.
    pub breaker: Breaker,
    pub(crate) child: ActorId,
    pub(crate) supervisor: actix::Recipient<Report>,
}

// === impl Intake ===

impl<T: Send + 'static> Intake<T> {
    /// Tells the supervisor that deliveries can flow.
    pub fn consuming(&self) {
        self.supervisor.do_send(Report::Works { child: self.child });
    }
}

// === impl Transform ===

impl<S: Stage> Transform for S {
    type In = S::In;
    type Made = S::Out;
    type Out = S::Out;

    const VERB: &'static str = S::VERB;
    const KIND: Kind = S::KIND;

    fn run(&mut self, input: &S::In) -> impl Future<Output = Result<S::Out, Fault>> {
        Stage::run(self, input)
    }

    fn finish(_: S::In, made: S::Out) -> Messages<S::Out> {
        Messages::One(made)
    }
}

// === impl Load ===

impl Load {
    pub(crate) fn exceeds(self, limit: Self) -> bool {
        self.rows > limit.rows || self.bytes > limit.bytes
    }

    pub(crate) fn reaches(self, limit: Self) -> bool {
        self.rows >= limit.rows || self.bytes >= limit.bytes
    }
}

impl std::ops::AddAssign for Load {
    fn add_assign(&mut self, other: Self) {
        self.rows = self.rows.saturating_add(other.rows);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}
