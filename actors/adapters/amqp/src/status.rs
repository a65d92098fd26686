//! Whether the broker is there and deliveries can flow, for health checks.

use jiff::Timestamp;
use millrace_engine::Suspension;
use tokio::{sync::watch, time::Instant};

/// The source as seen from outside; shared with health, metrics and alerts.
#[derive(Clone, Debug)]
pub struct AmqpStatus {
    connection: watch::Sender<State>,
    consuming: watch::Sender<State>,
    /// Since when the broker does not answer.
    silent: watch::Sender<Option<Timestamp>>,
    progress: watch::Sender<Progress>,
    copies: watch::Sender<Copies>,
    depths: watch::Sender<Depths>,
    /// Why the notes about redelivered events cannot be written.
    notes_fail: watch::Sender<Option<String>>,
}

/// How many messages wait in the broker's queues; none where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depths {
    /// Ready in the work queues.
    pub work: Option<u64>,
    /// In their dead-letter queues.
    pub dead_letters: Option<u64>,
}

/// Copies that no queue takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Copies {
    /// Each queue and what the broker says of it; empty where all is well.
    refusing: String,
    /// All deliveries that may be in hand wait for such a queue.
    full: bool,
}

/// Whether the pipeline moves.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Deliveries not settled yet.
    pub in_flight: usize,
    /// When a delivery was last settled, or when the first of these arrived.
    pub moved_at: Instant,
}

/// Whether something is so, since when, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// It is so.
    pub yes: bool,
    /// Since when it is so.
    pub since: Timestamp,
    /// Why not.
    pub why: String,
}

// === impl AmqpStatus ===

impl Default for AmqpStatus {
    fn default() -> Self {
        let not_yet = State {
            yes: false,
            since: Timestamp::now(),
            why: "not connected yet".to_owned(),
        };
        let progress = Progress {
            in_flight: 0,
            moved_at: Instant::now(),
        };
        Self {
            connection: watch::Sender::new(not_yet.clone()),
            consuming: watch::Sender::new(not_yet),
            silent: watch::Sender::new(None),
            progress: watch::Sender::new(progress),
            copies: watch::Sender::default(),
            depths: watch::Sender::default(),
            notes_fail: watch::Sender::default(),
        }
    }
}

impl AmqpStatus {
    /// Whether the broker is connected now.
    pub fn connection(&self) -> State {
        let mut state = self.unless_silent(&self.connection);
        let refusing = &self.copies.borrow().refusing;
        if state.yes && !refusing.is_empty() {
            state.why = format!("{}; {refusing}", state.why);
        }
        state
    }

    /// Whether deliveries flow now.
    pub fn consuming(&self) -> State {
        let mut state = self.unless_silent(&self.consuming);
        let copies = self.copies.borrow();
        if state.yes && copies.full {
            state.turn(
                false,
                &format!("nothing more can be taken in; {}", copies.refusing),
            );
        }
        state
    }

    /// Whether deliveries wait for a queue that takes no copies: that is no standstill of ours.
    pub fn waits_for_queues(&self) -> bool {
        !self.copies.borrow().refusing.is_empty()
    }

    /// Notes which queues take no copies, how many deliveries wait for them, and whether that is all there may be.
    pub(super) fn copies_held(&self, refusing: &[String], held: usize, full: bool) {
        let refusing = match refusing {
            [] => String::new(),
            _ => format!("{}; deliveries held for that: {held}", refusing.join("; ")),
        };
        self.copies.send_if_modified(|copies| {
            let new = Copies { refusing, full };
            let changed = *copies != new;
            *copies = new;
            changed
        });
    }

    fn unless_silent(&self, state: &watch::Sender<State>) -> State {
        let mut state = state.borrow().clone();
        if state.yes
            && let Some(since) = *self.silent.borrow()
        {
            state.turn(false, "the broker does not answer");
            state.since = since;
        }
        state
    }

    /// How the pipeline moves now.
    pub fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// How long the queues are now.
    pub fn depths(&self) -> Depths {
        match self.connection().yes {
            true => *self.depths.borrow(),
            false => Depths::default(),
        }
    }

    /// Why the notes about redelivered events cannot be written now, where they cannot. It is the database's fault, and
    /// shows nowhere else.
    pub fn notes(&self) -> Result<(), String> {
        self.notes_fail.borrow().clone().map_or(Ok(()), Err)
    }

    pub(super) fn notes_fail(&self, why: Option<String>) {
        self.notes_fail.send_replace(why);
    }

    pub(super) fn measured(&self, depths: Depths) {
        self.depths.send_replace(depths);
    }

    /// Notes how many deliveries are open after one came or went.
    pub(super) fn moved(&self, in_flight: usize) {
        self.progress.send_modify(|progress| {
            // One more on top of others is no sign that any of them moves.
            if in_flight <= progress.in_flight || progress.in_flight == 0 {
                progress.moved_at = Instant::now();
            }
            progress.in_flight = in_flight;
        });
    }

    /// A new connection: whatever the last one suffered is over.
    pub(super) fn connected(&self) {
        self.silent(false);
        self.measured(Depths::default());
        self.connection
            .send_if_modified(|state| state.turn(true, "connected"));
    }

    /// The connection is gone, and deliveries with it.
    pub(super) fn disconnected(&self, why: &str) {
        self.connection.send_if_modified(|state| state.turn(false, why));
        self.not_consuming(why);
    }

    pub(super) fn consuming_now(&self) {
        self.consuming
            .send_if_modified(|state| state.turn(true, "consuming"));
    }

    pub(super) fn not_consuming(&self, why: &str) {
        self.consuming.send_if_modified(|state| state.turn(false, why));
    }

    /// The broker does not answer, or does again; whether the connection is lost is not known yet.
    pub(super) fn silent(&self, yes: bool) {
        self.silent.send_replace(yes.then(Timestamp::now));
    }

    /// Deliveries are not taken while a dependency is down.
    pub(super) fn paused(&self, down: &Suspension) {
        self.not_consuming(&format!("paused: {} is down: {}", down.dependency, down.detail));
    }
}

// === impl State ===

impl State {
    /// Takes news in; true when they change whether it is so.
    fn turn(&mut self, yes: bool, why: &str) -> bool {
        let turned = self.yes != yes;
        if turned {
            self.since = Timestamp::now();
        }
        self.yes = yes;
        // It is readable without a token.
        self.why = millrace_text::mask::masked(why).into_owned();
        turned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_ends_with_an_answer_or_with_the_next_connection() {
        let status = AmqpStatus::default();
        status.connected();
        status.consuming_now();
        assert!(status.connection().yes && status.consuming().yes);
        status.silent(true);
        assert!(!status.connection().yes && !status.consuming().yes);
        assert_eq!(status.consuming().since, status.consuming().since);
        status.silent(false);
        assert!(status.consuming().yes);

        status.silent(true);
        status.disconnected("connection lost");
        assert_eq!(status.connection().why, "connection lost");
        status.connected();
        assert!(status.connection().yes, "the next connection is not silent");
    }
}
