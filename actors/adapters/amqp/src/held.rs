//! Copies that no queue takes: when each is tried again, and which queues refuse.

use super::outbox::Copy;
use millrace_engine::Backoff;
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};
use tokio::time::Instant;

/// Delays between the tries of a copy.
const BACKOFF: Backoff = Backoff::doubling(Duration::from_secs(1), Duration::from_secs(60));
/// Copies that are tried at once when a queue takes one again: what it takes doubles with each round.
const WOKEN: usize = 2;

/// The copies that wait, by the tags of their originals, and the queues they are for.
#[derive(Debug, Default)]
pub(super) struct Held {
    copies: HashMap<u64, Waiting>,
    queues: BTreeMap<String, Refusing>,
}

/// A copy that waits for its next try, or for the answer to it.
#[derive(Debug)]
struct Waiting {
    copy: Copy,
    queue: String,
    tries: u32,
    /// None while it is on its way.
    again_at: Option<Instant>,
}

/// A queue that takes no copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusing {
    /// What the broker said last.
    pub(super) why: String,
    pub(super) since: Instant,
    /// Copies that were refused since then.
    pub(super) refusals: u64,
}

/// What is new about a refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changes {
    /// The queue took copies before.
    pub(super) of_queue: bool,
    /// This copy was not held before.
    pub(super) of_copy: bool,
    /// How long it waits now.
    pub(super) delay: Duration,
}

// === impl Held ===

impl Held {
    /// Keeps a copy that its queue refused. `jitter` is from 0.8 to 1: what was refused together is not to
    /// come again together.
    pub(super) fn keep(&mut self, copy: Copy, why: &str, now: Instant, jitter: f64) -> Changes {
        let tag = copy.tag;
        let queue = copy.queue.name();
        let of_queue = self.note(&queue, why, now);
        let tries = self.copies.get(&tag).map_or(0, |before| before.tries) + 1;
        let delay = BACKOFF.after(tries).mul_f64(jitter);
        let waiting = Waiting {
            copy,
            queue,
            tries,
            again_at: Some(now + delay),
        };
        let of_copy = self.copies.insert(tag, waiting).is_none();
        Changes {
            of_queue,
            of_copy,
            delay,
        }
    }

    /// Lets a held copy wait for as long as before.
    pub(super) fn wait(&mut self, tag: u64, now: Instant, jitter: f64) {
        if let Some(waiting) = self.copies.get_mut(&tag) {
            waiting.again_at = Some(now + BACKOFF.after(waiting.tries).mul_f64(jitter));
        }
    }

    /// Notes that a held delivery goes another way: its copy is not tried meanwhile.
    pub(super) fn leaves(&mut self, tag: u64) {
        if let Some(waiting) = self.copies.get_mut(&tag) {
            waiting.again_at = None;
        }
    }

    /// How often a held copy was refused.
    pub(super) fn tries(&self, tag: u64) -> u32 {
        self.copies.get(&tag).map_or(0, |waiting| waiting.tries)
    }

    /// Notes that a queue refuses; true where that is new.
    pub(super) fn note(&mut self, queue: &str, why: &str, now: Instant) -> bool {
        let known = self.queues.get_mut(queue);
        let new = known.is_none();
        match known {
            Some(refusing) => {
                refusing.refusals += 1;
                why.clone_into(&mut refusing.why);
            }
            None => {
                let refusing = Refusing {
                    why: why.to_owned(),
                    since: now,
                    refusals: 1,
                };
                self.queues.insert(queue.to_owned(), refusing);
            }
        }
        new
    }

    /// Notes that a queue took the copy of `tag`, and lets the next ones try; the queue, if it refused
    /// until now and nothing waits for it any more.
    pub(super) fn stored(&mut self, tag: u64, queue: &str, now: Instant) -> Option<Refusing> {
        self.copies.remove(&tag);
        if !self.queues.contains_key(queue) {
            return None; // nothing was amiss: the usual case, and it looks no further
        }
        let for_queue = self.copies.values_mut().filter(|waiting| waiting.queue == queue);
        let mut sleeping: Vec<_> = for_queue.collect();
        if sleeping.is_empty() {
            return self.queues.remove(queue);
        }
        sleeping.retain(|waiting| waiting.again_at.is_some());
        sleeping.sort_by_key(|waiting| waiting.again_at);
        for waiting in sleeping.into_iter().take(WOKEN) {
            waiting.again_at = Some(now);
        }
        None
    }

    /// When the next copy is to be tried.
    pub(super) fn next(&self) -> Option<Instant> {
        self.copies.values().filter_map(|waiting| waiting.again_at).min()
    }

    /// The copies that are to be tried now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Copy> {
        let all = self.copies.values_mut();
        let due = all.filter(|waiting| waiting.again_at.is_some_and(|at| at <= now));
        due.map(|waiting| {
            waiting.again_at = None;
            waiting.copy.clone()
        })
        .collect()
    }

    /// How many copies wait.
    pub(super) fn len(&self) -> usize {
        self.copies.len()
    }

    /// The queues that refuse.
    pub(super) fn queues(&self) -> &BTreeMap<String, Refusing> {
        &self.queues
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Queue;

    fn copy(tag: u64, of: &str) -> Copy {
        Copy {
            tag,
            queue: Queue::DeadLetters(of.to_owned()),
            properties: Default::default(),
            body: Default::default(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_is_tried_again_with_growing_delays() {
        let mut held = Held::default();
        let now = Instant::now();
        for secs in [1, 2, 4, 8, 16, 32, 60, 60] {
            let changes = held.keep(copy(1, "q"), "full", now, 1.0);
            let delay = Duration::from_secs(secs);
            assert_eq!((changes.delay, held.next()), (delay, Some(now + delay)));
            assert_eq!(held.due(now + delay / 2).len(), 0);
            assert_eq!(held.due(now + delay).len(), 1);
            assert_eq!(held.next(), None, "it is on its way");
        }
        assert_eq!(held.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_refuses_from_its_first_refusal_until_nothing_waits_for_it() {
        let mut held = Held::default();
        let now = Instant::now();
        let first = held.keep(copy(1, "q"), "full", now, 1.0);
        assert!(first.of_queue && first.of_copy);
        let second = held.keep(copy(2, "q"), "still full", now, 1.0);
        assert!(!second.of_queue && second.of_copy);
        let again = held.keep(copy(1, "q"), "full", now, 1.0);
        assert!(!again.of_queue && !again.of_copy);
        assert!(held.keep(copy(3, "other"), "gone", now, 1.0).of_queue);
        assert_eq!(held.queues()["q.dlq"].refusals, 3);

        assert_eq!(held.stored(9, "third.dlq", now), None, "it took everything");
        assert_eq!(held.stored(1, "q.dlq", now), None, "one still waits");
        let due: Vec<_> = held.due(now).iter().map(|copy| copy.tag).collect();
        assert_eq!(due, [2], "the next one tries at once, and only for this queue");
        assert_eq!(held.stored(2, "q.dlq", now).unwrap().refusals, 3);
        assert_eq!(held.queues().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_queue_takes_doubles() {
        let mut held = Held::default();
        let now = Instant::now();
        for tag in 0..20 {
            held.keep(copy(tag, "q"), "full", now, 1.0);
        }
        held.stored(99, "q.dlq", now);
        assert_eq!(held.due(now).len(), WOKEN);
    }
}
