//! What a worker runs: a stage or a sink, seen as one verb, so that supervision is written once.

use super::{Envelope, Fault, Load, Outcome, Port, Sink, Stage};
use crate::trace::Kind;
use std::future::Future;

/// Borrows a batch and makes one output for each message, or fails as a whole.
pub(crate) trait Job: Unpin + 'static {
    type In: Send + Unpin + 'static;
    type Out: Send + 'static;

    /// What the work is called in traces, and whom it talks to.
    const SPAN: (&'static str, Kind);

    fn load(input: &Self::In) -> Load;

    fn perform(&mut self, batch: &[&Self::In]) -> impl Future<Output = Result<Vec<Self::Out>, Fault>>;
}

/// Where a message goes when the work is done.
pub(crate) enum Outlet<T: Send + 'static> {
    /// To the next stage.
    Next(Port<T>),
    /// Nowhere: this was the end of the line.
    End,
}

/// A stage works on one message at a time.
pub(crate) struct StageJob<S>(pub(crate) S);

/// A sink works on all that has gathered.
pub(crate) struct SinkJob<S>(pub(crate) S);

// === impl StageJob ===

impl<S: Stage + Unpin> Job for StageJob<S>
where
    S::In: Unpin,
{
    type In = S::In;
    type Out = S::Out;

    const SPAN: (&'static str, Kind) = (S::VERB, S::KIND);

    fn load(_: &S::In) -> Load {
        Load::default()
    }

    async fn perform(&mut self, batch: &[&S::In]) -> Result<Vec<S::Out>, Fault> {
        let mut outputs = Vec::with_capacity(batch.len());
        for input in batch {
            outputs.push(self.0.run(input).await?);
        }
        Ok(outputs)
    }
}

// === impl SinkJob ===

impl<S: Sink + Unpin> Job for SinkJob<S>
where
    S::In: Unpin,
{
    type In = S::In;
    type Out = ();

    const SPAN: (&'static str, Kind) = (S::VERB, S::KIND);

    fn load(input: &S::In) -> Load {
        S::load(input)
    }

    async fn perform(&mut self, batch: &[&S::In]) -> Result<Vec<()>, Fault> {
        self.0.write(batch).await?;
        Ok(Vec::new())
    }
}

// === impl Outlet ===

impl<T: Send + 'static> Outlet<T> {
    /// Sends finished messages on their way. A stage makes one output for each input.
    pub(crate) fn pass<I>(&self, batch: Vec<Envelope<I>>, outputs: Vec<T>) {
        match self {
            Self::Next(port) => {
                for (mail, output) in batch.into_iter().zip(outputs) {
                    port.post(mail.map(output));
                }
            }
            Self::End => batch.into_iter().for_each(|mail| mail.settle(Outcome::Done)),
        }
    }
}
