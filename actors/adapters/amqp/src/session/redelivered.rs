//! How a session works on redelivered events: noted in groups, and then with others or, where two processes have crashed of
//! something, one at a time. See `quarantine`.

use super::{Session, settling::early};
use crate::failpoints;
use crate::{Events, reasons};
use crate::{copies, fates::Fate, link::lost, quarantine::Turn, spans, topology::Queue};
use jiff::Timestamp;
use millrace_engine::crashes::Found;
use millrace_engine::failpoints::reached;
use millrace_engine::{DeliveryHandle, Envelope, Fault, Intake, Outcome, Settlement};
use std::{collections::HashSet, time::Duration};
use tokio::{
    sync::oneshot::Receiver,
    time::{Instant, timeout},
};
use tracing::{Span, debug};

/// How long the end of a session waits until its notes are given back.
const LAST_NOTES: Duration = Duration::from_secs(1);
/// An event that waits outside stays away at least this long, whatever the retry delays are.
const LEAST_ABSENCE: Duration = Duration::from_secs(1);

/// An event that has not gone into the pipeline yet.
pub(super) struct Waiting<M> {
    pub(super) tag: u64,
    pub(super) span: Span,
    pub(super) event_id: String,
    /// It has failed before.
    pub(super) retried: bool,
    pub(super) message: M,
}

/// The redelivered events of a session, before they go in, and what is asked about them.
pub(super) struct Redelivered<M> {
    /// Waiting for the next group.
    gathering: Vec<Waiting<M>>,
    group: Option<Asked<Vec<Waiting<M>>, Vec<Found>>>,
    /// To go in alone, once that is noted.
    alone: Option<Asked<Waiting<M>, Option<Found>>>,
    /// Deliveries with a note of ours.
    noted: HashSet<u64>,
}

/// Who waits for an answer of the notes, and the answer.
type Asked<W, T> = (W, Receiver<T>);

/// What was asked of the notes.
pub(super) enum Answer<M> {
    Marked(Vec<(Waiting<M>, Found)>),
    Attempted(Waiting<M>, Option<Found>),
    /// No answer will come.
    Lost,
}

/// What becomes of a redelivered event.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// Acknowledged: its batch is stored.
    Stored,
    /// Dead-lettered.
    KillsProcess,
    /// Asked about again later: another process, which may still run, has it alone.
    Later,
    Quarantine,
    WithOthers,
}

// === impl Way ===

impl Way {
    fn of(found: Found) -> Self {
        match found {
            Found { stored: true, .. } => Self::Stored,
            Found {
                alone: true,
                fresh: true,
                ..
            } => Self::Later,
            Found { alone: true, .. } => Self::KillsProcess,
            Found { at_hand: true, .. } => Self::Quarantine,
            _ => Self::WithOthers,
        }
    }
}

// === impl Redelivered ===

impl<M> Default for Redelivered<M> {
    fn default() -> Self {
        Self {
            gathering: Vec::new(),
            group: None,
            alone: None,
            noted: HashSet::new(),
        }
    }
}

impl<M> Redelivered<M> {
    pub(super) fn gather(&mut self, waiting: Waiting<M>) {
        self.gathering.push(waiting);
    }

    /// Waits for an answer; for ever where nothing is asked.
    pub(super) async fn answered(&mut self) -> Answer<M> {
        tokio::select! {
            found = receive(&mut self.group) => match (self.group.take(), found) {
                (Some((group, _)), Some(found)) if group.len() == found.len() => {
                    Answer::Marked(group.into_iter().zip(found).collect())
                }
                _ => Answer::Lost,
            },
            found = receive(&mut self.alone) => match (self.alone.take(), found) {
                (Some((waiting, _)), Some(found)) => Answer::Attempted(waiting, found),
                _ => Answer::Lost,
            },
        }
    }

    /// Deliveries that have not gone in.
    fn waiting(&self) -> impl Iterator<Item = u64> {
        let group = self.group.iter().flat_map(|(group, _)| group);
        let alone = self.alone.iter().map(|(waiting, _)| waiting);
        let all = self.gathering.iter().chain(group).chain(alone);
        all.map(|waiting| waiting.tag)
    }
}

async fn receive<W, T>(asked: &mut Option<Asked<W, T>>) -> Option<T> {
    match asked {
        Some((_, answer)) => answer.await.ok(),
        None => std::future::pending().await,
    }
}

// === impl Session ===

impl<E: Events> Session<'_, E> {
    /// Lets events into the pipeline as far as the quarantine allows, and asks about those that were redelivered.
    pub(super) fn let_in(&mut self, intake: &Intake<E::Message>) {
        self.ask_about_a_group();
        self.look_up();
        let outage = intake.breaker.suspension().is_some();
        while let Some(turn) = self.quarantine.next(Instant::now(), outage) {
            match turn {
                Turn::Together(waiting) => self.forward(waiting, intake),
                Turn::Alone(waiting) => {
                    let event_id = waiting.event_id.clone();
                    let asked = self.shared.notes.attempt(event_id);
                    self.redelivered.alone = Some((waiting, asked));
                }
            }
        }
    }

    /// One statement for all that gathered while the one before it ran.
    fn ask_about_a_group(&mut self) {
        let redelivered = &mut self.redelivered;
        if redelivered.group.is_some() || redelivered.gathering.is_empty() {
            return;
        }
        let group = std::mem::take(&mut redelivered.gathering);
        let event_id = |waiting: &Waiting<E::Message>| waiting.event_id.clone();
        let asked = self.shared.notes.mark(group.iter().map(event_id).collect());
        redelivered.group = Some((group, asked));
    }

    /// Sends redelivered events on their ways.
    pub(super) async fn sort(
        &mut self,
        answer: Answer<E::Message>,
        intake: &Intake<E::Message>,
    ) -> Result<(), Fault> {
        match answer {
            Answer::Lost => Err(lost("the notes about redelivered events are gone")),
            Answer::Marked(group) => {
                reached(failpoints::MARKED, "");
                for (waiting, found) in group {
                    match Way::of(found) {
                        Way::WithOthers => {
                            self.redelivered.noted.insert(waiting.tag);
                            self.shared.quarantined.left(&waiting.event_id);
                            self.quarantine.queue(waiting.tag, waiting);
                        }
                        Way::Quarantine => self.quarantine(waiting),
                        way => self.go(way, waiting).await?,
                    }
                }
                Ok(())
            }
            Answer::Attempted(waiting, found) => {
                let way = found.map_or(Way::WithOthers, Way::of);
                reached(failpoints::NOTED, &waiting.event_id);
                if way == Way::Quarantine {
                    self.shared.metrics.isolated.inc();
                    self.redelivered.noted.insert(waiting.tag);
                    debug!(parent: &waiting.span, "quarantined event is worked on alone");
                    self.forward(waiting, intake);
                    return Ok(());
                }
                self.quarantine.left(waiting.tag, Instant::now());
                if way == Way::WithOthers {
                    // The notes were given back: the process that had it still runs. So it is like any other.
                    self.redelivered.gather(waiting);
                    return Ok(());
                }
                self.go(way, waiting).await
            }
        }
    }

    /// Lets a quarantined event wait for its turn, here or outside.
    fn quarantine(&mut self, waiting: Waiting<E::Message>) {
        self.shared.quarantined.entered(&waiting.event_id);
        match self.quarantine.hold(waiting.tag, waiting) {
            Ok(()) => {}
            Err(waiting) => self.wait_outside(waiting.tag),
        }
    }

    /// Settles one that goes nowhere.
    async fn go(&mut self, way: Way, waiting: Waiting<E::Message>) -> Result<(), Fault> {
        let Waiting { tag, event_id, .. } = waiting;
        let outcome = match way {
            Way::Stored => {
                self.was_stored(tag);
                Outcome::Done
            }
            Way::KillsProcess => Outcome::DeadLetter {
                reason: reasons::KILLED_WORKER,
                detail: "the process crashed at least twice with this event at hand, and once while it worked on it alone"
                    .to_owned(),
            },
            Way::Later | Way::Quarantine | Way::WithOthers => {
                self.shared.quarantined.entered(&event_id);
                self.wait_outside(tag);
                return Ok(());
            }
        };
        self.redelivered.noted.insert(tag);
        match way {
            // Until the broker has its dead letter, the notes are all that keeps it from running again.
            Way::KillsProcess => drop(self.quarantine.left(tag, Instant::now())),
            _ => self.leave_pipeline(tag),
        }
        self.settle(Settlement { tag, outcome }).await
    }

    /// Sends a quarantined event through a retry queue, so that it holds none of the deliveries that the broker hands
    /// out. It is not charged, and the notes about it stay.
    fn wait_outside(&mut self, tag: u64) {
        let Some(delivery) = self.in_flight.get_mut(&tag) else {
            return;
        };
        delivery.settling = spans::settle(&delivery.span);
        let age = Timestamp::now().duration_since(delivery.facts.first_seen);
        let age = Duration::try_from(age).unwrap_or_default();
        let delay = self.shared.settings.retry.delay_at_age(age).max(LEAST_ABSENCE);
        let attempts = delivery.facts.attempt.saturating_sub(1);
        let first_seen = delivery.facts.first_seen;
        let copy = copies::retry(&delivery.properties, attempts, first_seen, Some(early(delay)));
        let of = delivery.queue.to_string();
        let queue = Queue::Retry { of, delay };
        let fate = Fate::Quarantined { attempts, delay };
        self.copy(tag, queue, copies::quarantined(copy), fate);
    }

    /// Makes room for the next one, and clears what is noted about an event that is settled.
    pub(super) fn leave_pipeline(&mut self, tag: u64) {
        self.quarantine.left(tag, Instant::now());
        if let Some(event_id) = self.noted(tag) {
            self.clear(event_id);
        }
    }

    /// The event of a delivery whose notes are still to be cleared. From now on they are not.
    pub(super) fn noted(&mut self, tag: u64) -> Option<String> {
        let noted = self.redelivered.noted.remove(&tag);
        noted.then(|| self.event_id(tag)).flatten()
    }

    pub(super) fn clear(&self, event_id: String) {
        self.shared.quarantined.left(&event_id);
        self.shared.notes.clear(event_id);
    }

    /// An event that is held in an outage is not being worked on: a crash now would not be its doing.
    pub(super) fn give_back_while_waiting(&self) {
        if let Some(event_id) = self.quarantine.alone().and_then(|tag| self.event_id(tag)) {
            self.shared.notes.give_back([event_id]);
        }
    }

    /// The session ends and the process lives: what it had at hand has crashed nothing. Only when an actor gave up, that
    /// may be the doing of one of them, and the notes stay.
    pub(super) async fn release(&mut self, intake: &Intake<E::Message>) {
        let noted = std::mem::take(&mut self.redelivered.noted);
        // When they come again, what is known of these is to be asked again.
        let mut asked: HashSet<u64> = self
            .redelivered
            .waiting()
            .chain(self.quarantine.waiting())
            .collect();
        asked.extend(&noted);
        let survived = self
            .in_flight
            .values()
            .filter(|delivery| !asked.contains(&delivery.tag));
        self.shared
            .survived
            .remember(survived.filter_map(|delivery| delivery.event_id.clone()));
        let attempted = self.redelivered.alone.take().map(|(waiting, _)| waiting.tag);
        let ours: Vec<_> = noted
            .into_iter()
            .chain(attempted)
            .filter_map(|tag| self.event_id(tag))
            .collect();
        if !ours.is_empty() && !intake.drain.gave_up() {
            let given_back = self.shared.notes.give_back(ours);
            // Not for longer: at the end of a drain the process is to leave.
            let _ = timeout(LAST_NOTES, given_back).await;
        }
    }

    fn forward(&self, waiting: Waiting<E::Message>, intake: &Intake<E::Message>) {
        let Waiting {
            tag,
            span,
            event_id,
            retried,
            message,
        } = waiting;
        let handle = DeliveryHandle::new(tag, self.acks.clone());
        intake
            .out
            .post(Envelope::new(message, event_id, span, handle).retried(retried));
    }

    fn event_id(&self, tag: u64) -> Option<String> {
        self.in_flight.get(&tag)?.event_id.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_at_hand_at_a_second_crash_goes_alone_and_only_after_a_third_is_it_dead_lettered() {
        let first = Found::default();
        let second = Found {
            at_hand: true,
            ..first
        };
        let third = Found {
            alone: true,
            ..second
        };
        let stored = |found| Found {
            stored: true,
            ..found
        };
        assert_eq!(Way::of(first), Way::WithOthers);
        assert_eq!(Way::of(second), Way::Quarantine);
        assert_eq!(Way::of(third), Way::KillsProcess);
        assert_eq!(
            Way::of(Found {
                fresh: true,
                ..second
            }),
            Way::Quarantine
        );
        assert_eq!(Way::of(Found { fresh: true, ..third }), Way::Later);
        for found in [first, second, third] {
            assert_eq!(Way::of(stored(found)), Way::Stored);
        }
    }
}
