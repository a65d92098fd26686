//! What a room author writes. The engine owns the envelopes; a room only borrows their bodies, so
//! whatever happens to the room, the event is still there to be retried.

use super::Fault;
use std::future::Future;

/// The middle of the line: one message in, one message out.
pub trait Stage: Sized + 'static {
    /// What comes in.
    type In: Send + 'static;
    /// What goes on to the next room.
    type Out: Send + 'static;

    /// Handles one message.
    fn run(&mut self, input: &Self::In) -> impl Future<Output = Result<Self::Out, Fault>>;
}

/// The end of the line: many messages, one write.
pub trait Sink: Sized + 'static {
    /// What comes in.
    type In: Send + 'static;

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
