//! What a queue's kind means for "kept until acknowledged": what cannot work is refused, what can lose
//! events is used as it stands and warned of aloud.

use super::{
    inspection::{Look, Traits},
    link::lost,
    topology::Queue,
};
use millrace_engine::Fault;
use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};
use tracing::warn;

/// Fewer deliveries than this may be used up by sessions that were lost.
const LOW_DELIVERY_LIMIT: i64 = 1_000;

/// What was told already: a warning is one line per start, not per session.
#[derive(Debug, Default)]
pub(super) struct Findings(Mutex<HashSet<String>>);

/// Why these queues cannot be worked with, and what may be lost in them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Assessment {
    pub(super) refusals: Vec<String>,
    pub(super) warnings: Vec<String>,
}

// === impl Findings ===

impl Findings {
    /// Warns of what is new.
    ///
    /// # Errors
    /// A queue cannot be worked with.
    pub(super) fn tell(&self, looks: &[Look]) -> Result<(), Fault> {
        let Assessment { refusals, warnings } = assess(looks);
        for warning in warnings {
            let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if told.insert(warning.clone()) {
                warn!("{warning}");
            }
        }
        match refusals.is_empty() {
            true => Ok(()),
            false => Err(lost(refusals.join("; "))),
        }
    }
}

pub(super) fn assess(looks: &[Look]) -> Assessment {
    let mut assessment = Assessment::default();
    for Look { queue, traits } in looks {
        let name = queue.name();
        match traits {
            Ok(traits) => {
                if let Queue::Work(_) = queue {
                    let refusals = refusals(traits).into_iter();
                    assessment.refusals.extend(refusals.map(|why| format!("queue {name} {why}")));
                }
                let warnings = warnings(queue, traits).into_iter();
                assessment.warnings.extend(warnings.map(|what| format!("queue {name} {what}")));
            }
            Err(reply) => assessment.warnings.push(format!(
                "queue {name} could not be looked at: whether it keeps messages until they are acknowledged is not known; that wants the `configure` right: {reply}"
            )),
        }
    }
    assessment
}

fn refusals(traits: &Traits) -> Vec<&'static str> {
    let mut refusals = Vec::new();
    if traits.argument("x-queue-type").as_deref() == Some("stream") {
        refusals.push(
            "is a stream: it starts a consumer at its end and forgets nothing that is acknowledged, so events would be skipped; name a quorum or classic queue",
        );
    }
    if traits.auto_delete {
        refusals.push(
            "is auto-delete: it goes with its last consumer, so a stop or an outage would delete the events in it; make one without",
        );
    }
    refusals
}

fn warnings(queue: &Queue, traits: &Traits) -> Vec<String> {
    let has = |name: &str| traits.argument(name);
    let what = match queue {
        Queue::DeadLetters(_) => "dead letters",
        _ => "events",
    };
    let whither = match has("x-dead-letter-exchange") {
        Some(_) => "go to its dead-letter exchange",
        None => "are lost",
    };
    let mut warnings = Vec::new();
    if !traits.durable {
        warnings.push(format!(
            "is not durable: a restart of the broker loses its {what}"
        ));
    }
    if let Some(ttl) = has("x-message-ttl") {
        warnings.push(format!(
            "has x-message-ttl={ttl}: {what} that wait longer (ms) {whither}"
        ));
    }
    if let Some(expires) = has("x-expires") {
        warnings.push(format!(
            "has x-expires={expires}: unused for so long (ms) it is deleted, with its {what}"
        ));
    }
    let rejects = has("x-overflow").is_some_and(|overflow| overflow.starts_with("reject-publish"));
    for limit in ["x-max-length", "x-max-length-bytes"] {
        if let (Some(most), false) = (has(limit), rejects) {
            warnings.push(format!(
                "has {limit}={most} and drops its head: where there are more, the oldest {what} {whither}"
            ));
        }
    }
    if let Some(age) = has("x-max-age") {
        warnings.push(format!("has x-max-age={age}: older {what} are lost"));
    }
    let limit = has("x-delivery-limit").and_then(|limit| limit.parse().ok());
    if limit.is_some_and(|limit: i64| limit < LOW_DELIVERY_LIMIT) && matches!(queue, Queue::Work(_)) {
        let limit = limit.unwrap_or_default();
        warnings.push(format!(
            "has x-delivery-limit={limit}: {what} that are delivered more often, as after lost connections, {whither}"
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        replies::Reply,
        topology::{key, text},
    };
    use amqprs::{FieldTable, FieldValue};

    fn look(queue: Queue, durable: bool, auto_delete: bool, arguments: &[(&str, FieldValue)]) -> Look {
        let mut table = FieldTable::new();
        for (name, value) in arguments {
            table.insert(key(name), value.clone());
        }
        let traits = Traits {
            durable,
            auto_delete,
            arguments: table,
        };
        Look {
            queue,
            traits: Ok(traits),
        }
    }

    fn work() -> Queue {
        Queue::Work("q".to_owned())
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let stream = [("x-queue-type", text("stream"))];
        let refused = |look: Look| assess(&[look]).refusals.join("; ");
        assert!(refused(look(work(), true, false, &stream)).contains("queue q is a stream"));
        assert!(refused(look(work(), true, true, &[])).contains("queue q is auto-delete"));
        let letters = Queue::DeadLetters("q".to_owned());
        assert_eq!(
            refused(look(letters, true, false, &stream)),
            "",
            "it keeps what is put in"
        );
    }

    #[test]
    fn what_can_lose_is_warned_of_and_used() {
        let number = FieldValue::l;
        let cases = [
            (look(work(), false, false, &[]), "is not durable"),
            (
                look(work(), true, false, &[("x-message-ttl", number(5))]),
                "x-message-ttl=5",
            ),
            (
                look(work(), true, false, &[("x-expires", number(5))]),
                "x-expires=5",
            ),
            (
                look(work(), true, false, &[("x-max-length", number(5))]),
                "drops its head",
            ),
            (
                look(work(), true, false, &[("x-delivery-limit", number(20))]),
                "x-delivery-limit=20",
            ),
        ];
        for (look, word) in cases {
            let Assessment { refusals, warnings } = assess(&[look]);
            assert!(refusals.is_empty());
            assert!(warnings.len() == 1 && warnings[0].contains(word), "{warnings:?}");
        }
        let rejects = [
            ("x-max-length", number(5)),
            ("x-overflow", text("reject-publish")),
        ];
        assert_eq!(
            assess(&[look(work(), true, false, &rejects)]),
            Assessment::default()
        );
    }

    #[test]
    fn what_could_not_be_seen_is_said() {
        let reply = Reply {
            code: 403,
            text: "ACCESS_REFUSED".to_owned(),
        };
        let hidden = Look {
            queue: work(),
            traits: Err(reply),
        };
        let warnings = assess(&[hidden]).warnings;
        assert!(warnings[0].contains("could not be looked at") && warnings[0].contains("403"));
    }
}
