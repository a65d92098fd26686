//! Copies on their way to other queues: published, and confirmed before the original is acknowledged.
//!
//! A task and a connection of their own. A broker in alarm stops reading from connections that publish,
//! a queue without a majority gives no answer, and neither is to delay deliveries and acknowledgements.
//! So no refusal of a copy ends the session: it is an answer like any other.

use super::{copier::Copier, signals::Signal, topology::Queue};
use crate::AmqpSettings;
use amqprs::BasicProperties;
use bytes::Bytes;
use millrace_engine::Fault;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::task::AbortOnDropHandle;

/// The session's side of the copier: copies go in, answers come out. Each copy is answered at least once.
pub(super) struct Outbox {
    copies: UnboundedSender<Copy>,
    answers: UnboundedReceiver<Answer>,
    frame_max: u32,
    copier: AbortOnDropHandle<()>,
}

/// A copy of a delivery for another queue.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    /// Delivery tag of the original.
    pub(super) tag: u64,
    pub(super) queue: Queue,
    pub(super) properties: BasicProperties,
    pub(super) body: Bytes,
}

/// What became of a copy.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The broker has it, and the original of this tag may be acknowledged.
    Stored { tag: u64, queue: String },
    /// This queue did not take it, or has not said so in time. It may be there all the same.
    Refused { tag: u64, queue: String, why: String },
}

// === impl Outbox ===

impl Outbox {
    pub(super) async fn open(settings: &AmqpSettings, name: &str) -> Result<Self, Fault> {
        let (answer_tx, answers) = unbounded_channel();
        let (copies, orders) = unbounded_channel();
        let (signal_tx, signals) = unbounded_channel::<Signal>();
        let mut copier = Copier::new(settings.clone(), name.to_owned(), answer_tx, (signal_tx, signals));
        copier.connect_first().await?;
        let frame_max = copier.frame_max();
        let copier = AbortOnDropHandle::new(tokio::spawn(copier.run(orders)));
        Ok(Self {
            copies,
            answers,
            frame_max,
            copier,
        })
    }

    /// Publishes a copy, as soon as that can be.
    pub(super) fn send(&self, copy: Copy) {
        // Where the copier is gone, the next look for an answer says so.
        let _ = self.copies.send(copy);
    }

    /// What became of a copy; none when the copier is gone.
    pub(super) async fn answer(&mut self) -> Option<Answer> {
        self.answers.recv().await
    }

    /// The largest frame that the broker takes; 0 when any.
    pub(super) fn frame_max(&self) -> u32 {
        self.frame_max
    }

    /// Lets the copier say goodbye to the broker.
    pub(super) async fn close(self) {
        drop(self.copies);
        let _ = self.copier.await;
    }
}
