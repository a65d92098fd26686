//! A broker in memory: it hands out what is in its queue, takes back what was not acknowledged when a
//! session is lost, and notes whatever a real one would let happen and is never right.

use super::plan::Plan;
use millrace_engine::{Outcome, Settlement};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

const RETRY_DELAY: Duration = Duration::from_secs(5);

/// One delivery on its way through the stages. Tags begin at 1 in every session, as in AMQP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Parcel {
    pub(crate) epoch: usize,
    pub(crate) tag: u64,
    pub(crate) event: usize,
}

#[derive(Clone, Copy, Debug)]
struct Message {
    event: usize,
    attempts: usize,
}

pub(crate) struct Broker {
    state: Mutex<State>,
    /// Every event is acknowledged.
    done: watch::Sender<bool>,
    max_attempts: usize,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Message>,
    /// Copies that wait in the retry queue.
    later: Vec<(Instant, Message)>,
    epoch: usize,
    last_tag: u64,
    unacked: BTreeMap<u64, Message>,
    lost_epochs: BTreeSet<usize>,
    /// What each delivery met at its end, and the broker was not told yet.
    met: BTreeMap<Parcel, String>,
    ledger: BTreeSet<usize>,
    dead_lettered: BTreeMap<usize, String>,
    /// Charged failures that were settled, event by event.
    charged: BTreeMap<usize, usize>,
    violations: Vec<String>,
}

// === impl Broker ===

impl Broker {
    pub(crate) fn new(plan: &Plan) -> Self {
        let message = |event| Message { event, attempts: 0 };
        let state = State {
            queue: (0..plan.events.len()).map(message).collect(),
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            done: watch::Sender::new(false),
            max_attempts: plan.max_attempts,
        }
    }

    /// A new channel; returns its number.
    pub(crate) fn open(&self) -> usize {
        let mut state = self.lock();
        state.epoch += 1;
        state.last_tag = 0;
        state.epoch
    }

    /// The session is gone: what it had not acknowledged comes again, first.
    pub(crate) fn lose(&self) {
        let mut state = self.lock();
        let epoch = state.epoch;
        state.lost_epochs.insert(epoch);
        for (_, message) in std::mem::take(&mut state.unacked).into_iter().rev() {
            state.queue.push_front(message);
        }
    }

    /// The next message, within the prefetch.
    pub(crate) fn deliver(&self, prefetch: usize) -> Option<Parcel> {
        let mut state = self.lock();
        let now = Instant::now();
        let due = state.later.extract_if(.., |(at, _)| *at <= now);
        let due: Vec<_> = due.map(|(_, message)| message).collect();
        state.queue.extend(due);
        if state.unacked.len() >= prefetch {
            return None;
        }
        let message = state.queue.pop_front()?;
        state.last_tag += 1;
        let tag = state.last_tag;
        state.unacked.insert(tag, message);
        Some(Parcel {
            epoch: state.epoch,
            tag,
            event: message.event,
        })
    }

    /// When the next copy returns from the retry queue.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.lock().later.iter().map(|(at, _)| *at).min()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.lock().unacked.len()
    }

    /// A stage tells what a delivery met at its end.
    pub(crate) fn meets(&self, parcel: Parcel, what: impl Into<String>) {
        let mut state = self.lock();
        if let Some(before) = state.met.insert(parcel, what.into()) {
            state.violate(format!("{parcel:?} went on after {before:?}"));
        }
    }

    /// Whether an attempt at this delivery's event was charged before.
    pub(crate) fn failed_before(&self, parcel: Parcel) -> bool {
        let state = self.lock();
        let message = state.unacked.get(&parcel.tag);
        parcel.epoch == state.epoch && message.is_some_and(|message| message.attempts > 0)
    }

    /// The sink commits; what is in the ledger already changes nothing.
    pub(crate) fn store(&self, parcel: Parcel) {
        self.lock().ledger.insert(parcel.event);
        self.meets(parcel, "stored");
    }

    /// An outcome arrives on the channel `epoch`.
    pub(crate) fn settle(&self, epoch: usize, settlement: Settlement) {
        let mut state = self.lock();
        let Settlement { tag, outcome } = settlement;
        let Some(message) = state.unacked.remove(&tag) else {
            return state.violate(format!("channel {epoch} knows no delivery {tag}: {outcome:?}"));
        };
        let event = message.event;
        let parcel = Parcel { epoch, tag, event };
        let (met, said) = (state.met.remove(&parcel), in_words(&outcome));
        if met.as_ref() != Some(&said) {
            state.violate(format!("{parcel:?} met {met:?}, and the outcome is {said:?}"));
        }
        match outcome {
            Outcome::Done if !state.ledger.contains(&event) => {
                state.violate(format!("{parcel:?} is acknowledged and not stored"));
            }
            Outcome::Done => {}
            Outcome::DeadLetter { reason, .. } => state.dead_letter(event, reason),
            Outcome::Retry { charged, .. } => {
                *state.charged.entry(event).or_default() += usize::from(charged);
                state.retry(message, charged, self.max_attempts);
            }
        }
        let all_settled = state.queue.is_empty() && state.later.is_empty() && state.unacked.is_empty();
        drop(state);
        self.done
            .send_if_modified(|done| all_settled && !std::mem::replace(done, true));
    }

    /// Waits until every event is acknowledged.
    pub(crate) async fn done(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.done.subscribe().wait_for(|done| *done).await;
    }

    pub(crate) fn is_done(&self) -> bool {
        *self.done.borrow()
    }

    pub(crate) fn violate(&self, what: String) {
        self.lock().violate(what);
    }

    /// Everything that went wrong, looked at after the end.
    pub(crate) fn outcome(&self, plan: &Plan) -> Vec<String> {
        let mut state = self.lock();
        for (event, planned) in plan.events.iter().enumerate() {
            let stored = state.ledger.contains(&event);
            let charged = state.charged.get(&event).copied().unwrap_or_default();
            let earned = match (
                state.dead_lettered.get(&event).map(String::as_str),
                planned.poison,
            ) {
                (None, None) => stored,
                (Some("exhausted"), _) => charged == self.max_attempts,
                (Some(reason), Some(stage)) => reason == poison_of(stage) && !stored,
                _ => false,
            };
            if !earned || charged > self.max_attempts {
                let end = state.dead_lettered.get(&event).cloned();
                state.violate(format!(
                    "event {event}: stored {stored}, dead-lettered {end:?}, charged {charged}"
                ));
            }
        }
        let unheard: Vec<_> = state
            .met
            .keys()
            .filter(|parcel| !state.lost_epochs.contains(&parcel.epoch))
            .copied()
            .collect();
        if !unheard.is_empty() {
            state.violate(format!("never settled: {unheard:?}"));
        }
        std::mem::take(&mut state.violations)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

// === impl State ===

impl State {
    fn violate(&mut self, what: String) {
        self.violations.push(what);
    }

    fn dead_letter(&mut self, event: usize, reason: &str) {
        if let Some(before) = self.dead_lettered.insert(event, reason.to_owned()) {
            self.violate(format!(
                "event {event} was dead-lettered for {before} and for {reason}"
            ));
        }
    }

    /// The copy is safe before the original is acknowledged; here both happen at once.
    fn retry(&mut self, message: Message, charged: bool, max_attempts: usize) {
        let attempts = message.attempts + usize::from(charged);
        if attempts >= max_attempts {
            self.dead_letter(message.event, "exhausted");
        } else {
            self.later
                .push((Instant::now() + RETRY_DELAY, Message { attempts, ..message }));
        }
    }
}

/// The reason of a stage that can never take an event.
pub(crate) fn poison_of(stage: usize) -> &'static str {
    ["bad for stage 0", "bad for stage 1", "bad for stage 2"][stage]
}

/// What a retry is for, as stages note it and as the outcome says it.
pub(crate) fn retry_of(cause: &str, charged: bool) -> String {
    format!("{cause}, charged: {charged}")
}

fn in_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done => "stored".to_owned(),
        Outcome::DeadLetter { reason, .. } => (*reason).to_owned(),
        Outcome::Retry { cause, charged, .. } => retry_of(cause, *charged),
    }
}
