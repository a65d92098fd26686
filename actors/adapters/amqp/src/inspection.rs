//! What kind of queue an existing one is. AMQP has no question for that; but declaring a queue that exists
//! changes nothing, and where it differs from what was said the broker names the first difference and how
//! the queue is. So we say what we would make, take in what it answers, and ask again.
//!
//! Should the queue be deleted in between, this makes what we would have made. A policy of the broker is no
//! argument of the queue and cannot be seen this way. It needs the `configure` right.

use super::{
    replies::{ACCESS_REFUSED, PRECONDITION_FAILED, Reply},
    topology::{Queue, Topology, key, text},
};
use amqprs::{FieldTable, FieldValue, channel::QueueDeclareArguments};
use millrace_engine::Fault;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// There are fewer arguments than this that a queue can differ in.
const MOST_QUESTIONS: usize = 24;

/// What was seen of queues, so that the next session asks one question where nothing has changed.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashMap<String, Traits>>);

/// How a queue is.
#[derive(Clone, Debug)]
pub(super) struct Traits {
    pub(super) durable: bool,
    pub(super) auto_delete: bool,
    pub(super) arguments: FieldTable,
}

/// What a look at a queue showed.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) queue: Queue,
    /// How it is, or the broker's words when it does not say.
    pub(super) traits: Result<Traits, Reply>,
}

/// Looks at queues that exist.
///
/// # Errors
/// The connection is lost.
pub(super) async fn look(
    topology: &mut Topology<'_>,
    queues: impl IntoIterator<Item = Queue>,
    known: &Known,
) -> Result<Vec<Look>, Fault> {
    let mut looks = Vec::new();
    for queue in queues {
        let traits = ask(topology, &queue, known).await?;
        looks.push(Look { queue, traits });
    }
    Ok(looks)
}

async fn ask(
    topology: &mut Topology<'_>,
    queue: &Queue,
    known: &Known,
) -> Result<Result<Traits, Reply>, Fault> {
    let name = queue.name();
    let mut traits = known.get(&name).unwrap_or_else(|| Traits::wanted(queue));
    let mut reply = None;
    for _ in 0..MOST_QUESTIONS {
        let declare = QueueDeclareArguments::new(&name)
            .durable(traits.durable)
            .auto_delete(traits.auto_delete)
            .arguments(traits.arguments.clone())
            .finish();
        let Err(error) = topology.channel.queue_declare(declare).await else {
            known.put(name, traits.clone());
            return Ok(Ok(traits));
        };
        let said = topology.refusal(error).await?;
        let learned = said.code == PRECONDITION_FAILED && traits.learn(&said.text);
        reply = Some(said);
        if !learned {
            break;
        }
    }
    let unknown = Reply {
        code: ACCESS_REFUSED,
        text: "the broker was not asked".to_owned(),
    };
    Ok(Err(reply.unwrap_or(unknown)))
}

// === impl Known ===

impl Known {
    fn get(&self, name: &str) -> Option<Traits> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).cloned()
    }

    fn put(&self, name: String, traits: Traits) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name, traits);
    }
}

// === impl Traits ===

impl Traits {
    /// Those of a queue that we make.
    fn wanted(queue: &Queue) -> Self {
        let [best, _] = queue.candidates();
        Self {
            durable: true,
            auto_delete: false,
            arguments: best,
        }
    }

    /// An argument as text; none where there is none.
    pub(super) fn argument(&self, name: &str) -> Option<String> {
        match self.arguments.get(&key(name))? {
            FieldValue::S(text) => Some(text.to_string()),
            FieldValue::l(number) => Some(number.to_string()),
            FieldValue::t(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    /// Takes in what the broker says of the first difference; false where it says nothing of the kind.
    fn learn(&mut self, said: &str) -> bool {
        let Some((name, current)) = difference(said) else {
            return false;
        };
        match name {
            "durable" => self.durable = current == "'true'",
            "auto_delete" => self.auto_delete = current == "'true'",
            _ => {
                let Ok(name) = name.try_into() else { return false };
                self.arguments.remove(&name);
                if let Some(value) = value(current) {
                    self.arguments.insert(name, value);
                }
            }
        }
        true
    }
}

/// Name and current value in "inequivalent arg 'x-…' for queue … received … but current is …".
fn difference(said: &str) -> Option<(&str, &str)> {
    let (_, rest) = said.split_once("inequivalent arg '")?;
    let (name, rest) = rest.split_once("' for ")?;
    let (_, current) = rest.rsplit_once("but current is ")?;
    let current = current.trim();
    // The broker cuts what exceeds a short string.
    let whole = current == "none" || (current.len() > 1 && current.ends_with('\''));
    whole.then_some((name, current))
}

/// What "the value '60000' of type 'long'" means; none for "none".
fn value(current: &str) -> Option<FieldValue> {
    let (value, kind) = current.strip_prefix("the value '")?.rsplit_once("' of type '")?;
    Some(match kind.trim_end_matches('\'') {
        "longstr" => text(value),
        "bool" => FieldValue::t(value == "true"),
        _ => match value.parse() {
            Ok(number) => FieldValue::l(number),
            Err(_) => text(value),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Traits {
        Traits::wanted(&Queue::Work("q".to_owned()))
    }

    #[test]
    fn a_refusal_teaches_one_trait_of_the_queue() {
        let mut traits = wanted();
        for said in [
            "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'",
            "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'it's' in vhost '/': received the value 'quorum' of type 'longstr' but current is the value 'stream' of type 'longstr'",
            "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received none but current is the value '60000' of type 'signedint'",
            "PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue 'q' in vhost '/': received the value '1000000' of type 'long' but current is none",
        ] {
            assert!(traits.learn(said), "{said}");
        }
        assert!(!traits.durable && !traits.auto_delete);
        assert_eq!(traits.argument("x-queue-type").as_deref(), Some("stream"));
        assert_eq!(traits.argument("x-message-ttl").as_deref(), Some("60000"));
        assert_eq!(traits.argument("x-delivery-limit"), None);
    }

    #[test]
    fn what_is_said_of_something_else_or_cut_off_teaches_nothing() {
        for said in [
            "PRECONDITION_FAILED - invalid arg 'x-message-ttl' for queue 'q' in vhost '/': {value_negative,-1}",
            "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'qqqq",
            "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received 'quorum' but current is the value 'str",
        ] {
            assert!(!wanted().learn(said), "{said}");
        }
    }
}
