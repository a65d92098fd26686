//! What a pipeline makes of the messages in its queues.

use crate::Ending;
use millrace_engine::{Delivery, trace::Value};
use std::time::Duration;
use tracing::Span;

/// What a pipeline knows of the messages in its queues.
pub trait Events: Send + Sync + 'static {
    /// What the pipeline's stages work on.
    type Message: Send + 'static;

    /// The pipeline whose messages these are: log lines about them name it.
    const PIPELINE: &'static str;

    /// What a message is called in traces: `data.collected`.
    const NAME: &'static str;

    /// Reads a message. `legacy_queue` names its queue where that is not the event queue.
    ///
    /// # Errors
    /// Why it is none of ours.
    fn decode(
        &self,
        body: &[u8],
        legacy_queue: Option<&str>,
        delivery: Delivery,
    ) -> Result<Event<Self::Message>, Refusal>;

    /// Takes in the trace that the message belongs to from here on.
    fn traced(message: &mut Self::Message, trace_id: String);

    /// The reason of this code, where a message may be dead-lettered for it: what a message says of itself is not
    /// believed.
    fn reason(code: &str) -> Option<&'static str>;

    /// Counts something odd about a message that was accepted all the same.
    fn noted(&self, note: &'static str);

    /// Counts an event that is stored already, and says so. It does not go into the pipeline.
    fn was_stored(&self, label: &'static str);

    /// Counts a delivery that is acknowledged. `label` is that of its event, `took` the time since it arrived.
    fn settled(&self, ending: Ending, label: &'static str, took: Duration);
}

/// A message that was read.
#[derive(Debug)]
pub struct Event<M> {
    /// What the pipeline's stages work on.
    pub message: M,
    /// The producer's id: the same for every copy.
    pub id: String,
    /// One of a bounded set of names, by which events are counted.
    pub label: &'static str,
    /// A span with the fields that each log line about it carries, `pipeline` among them, and `trace_id`, still empty.
    pub fields: Span,
    /// What traces say of it.
    pub attributes: Vec<(&'static str, Value)>,
    /// What to count. Nothing here is a reason to refuse it.
    pub notes: Vec<&'static str>,
}

/// A message that is none of the pipeline's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Stable code.
    pub reason: &'static str,
    /// What is wrong, for people.
    pub detail: String,
    /// The event's id, wherever it could be read.
    pub event_id: Option<String>,
}

/// The note about a message whose properties were cleaned, because AMQP does not allow them.
pub(super) const PROPERTIES_REPAIRED: &str = "properties_repaired";

/// The label of what cannot be read.
pub(super) const UNKNOWN: &str = "unknown";
