//! What a worker runs: a stage or a sink, seen as one verb, so that supervision is written once.

use super::{Cause, Envelope, Fault, Load, Messages, Outcome, Port, Sink, Transform};
use crate::trace::Kind;
use std::{
    convert::Infallible,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

/// Borrows a batch and makes something of each message, or fails as a whole.
pub(crate) trait Job: Unpin + 'static {
    type In: Send + Unpin + 'static;
    type Made: 'static;
    type Out: Send + 'static;

    /// What the work is called in traces, and the dependency it talks to.
    const SPAN: (&'static str, Kind);

    /// How long a batch may wait for others.
    const LINGER: Duration;

    fn load(input: &Self::In) -> Load;

    fn perform(&mut self, batch: &[&Self::In]) -> impl Future<Output = Result<Vec<Self::Made>, Fault>>;

    /// What goes on of a message.
    fn finish(input: Self::In, made: Self::Made) -> Messages<Self::Out>;
}

/// Where a message goes when the work is done.
pub(crate) enum Outlet<T: Send + 'static> {
    /// To the next stage.
    Next(Port<T>),
    /// Nowhere: this was the end of the pipeline.
    End,
}

/// A stage works on one message at a time.
pub(crate) struct StageJob<S>(pub(crate) S);

/// A sink works on all that has gathered.
pub(crate) struct SinkJob<S>(pub(crate) S);

// === impl StageJob ===

impl<S: Transform + Unpin> Job for StageJob<S>
where
    S::In: Unpin,
{
    type In = S::In;
    type Made = S::Made;
    type Out = S::Out;

    const SPAN: (&'static str, Kind) = (S::VERB, S::KIND);
    const LINGER: Duration = Duration::ZERO;

    fn load(_: &S::In) -> Load {
        Load::default()
    }

    async fn perform(&mut self, batch: &[&S::In]) -> Result<Vec<S::Made>, Fault> {
        let mut all = Vec::with_capacity(batch.len());
        for input in batch {
            all.push(self.0.run(input).await?);
        }
        Ok(all)
    }

    fn finish(input: S::In, made: S::Made) -> Messages<S::Out> {
        S::finish(input, made)
    }
}

// === impl SinkJob ===

impl<S: Sink + Unpin> Job for SinkJob<S>
where
    S::In: Unpin,
{
    type In = S::In;
    type Made = ();
    type Out = Infallible;

    const SPAN: (&'static str, Kind) = (S::VERB, S::KIND);
    const LINGER: Duration = S::LINGER;

    fn load(input: &S::In) -> Load {
        S::load(input)
    }

    async fn perform(&mut self, batch: &[&S::In]) -> Result<Vec<()>, Fault> {
        self.0.write(batch).await?;
        Ok(vec![(); batch.len()])
    }

    fn finish(_: S::In, (): ()) -> Messages<Infallible> {
        Messages::None
    }
}

// === impl Outlet ===

impl<T: Send + 'static> Outlet<T> {
    /// Sends what was made of a message on its way. Where making it panicked, the message is gone, and what is left
    /// of it, its delivery, comes back with the cause; else nothing does.
    pub(crate) fn pass<J>(&self, mail: Envelope<J::In>, made: J::Made) -> Option<(Envelope<()>, Cause)>
    where
        J: Job<Out = T>,
    {
        let (body, mail) = mail.open();
        match catch_unwind(AssertUnwindSafe(|| J::finish(body, made))) {
            Ok(messages) => match self {
                Self::Next(port) => port.post_all(mail, messages),
                Self::End => mail.settle(Outcome::Done),
            },
            Err(panic) => return Some((mail, Cause::from_panic(panic))),
        }
        None
    }
}
