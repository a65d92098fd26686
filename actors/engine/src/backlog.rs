//! What waits for an actor's work: fresh messages, which may share a run, and those that failed before, which
//! run alone and between which the fresh ones have their turn.

use super::{Envelope, Limits, Load};
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

pub(crate) struct Backlog<T> {
    fresh: VecDeque<Envelope<T>>,
    /// So many fresh messages at the head run alone, to find the one that fails the others.
    one_by_one: usize,
    /// Failed before.
    retried: VecDeque<Envelope<T>>,
    /// Fresh messages that go before the next retried one: those that were there when one failed.
    ahead: usize,
    gathering: Gathering,
}

/// The batch that the fresh messages at the head will make, where it waits for others.
#[derive(Default)]
struct Gathering {
    /// Since when: its first message came, or the batch before it was closed.
    opened: Option<Instant>,
    /// It was closed before, and its write has failed: it waits no more.
    closed: bool,
    /// The load of so many messages at the head.
    counted: usize,
    load: Load,
}

// === impl Backlog ===

impl<T> Default for Backlog<T> {
    fn default() -> Self {
        Self {
            fresh: VecDeque::new(),
            one_by_one: 0,
            retried: VecDeque::new(),
            ahead: 0,
            gathering: Gathering::default(),
        }
    }
}

impl<T> Backlog<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.retried.is_empty()
    }

    pub(crate) fn push(&mut self, mail: Envelope<T>) {
        if !mail.retried {
            self.gathering.opened.get_or_insert_with(Instant::now);
            return self.fresh.push_back(mail);
        }
        if self.retried.is_empty() {
            self.ahead = self.fresh.len();
        }
        self.retried.push_back(mail);
    }

    pub(crate) fn has_retried(&self) -> bool {
        !self.retried.is_empty()
    }

    /// Until when the fresh messages at the head wait for others, where they do.
    pub(crate) fn lingers(
        &mut self,
        linger: Duration,
        limits: Limits,
        load_of: impl Fn(&T) -> Load,
    ) -> Option<Instant> {
        if linger.is_zero() || self.one_by_one > 0 || self.gathering.closed {
            return None;
        }
        let Gathering { counted, load, .. } = &mut self.gathering;
        for mail in self.fresh.iter().skip(*counted) {
            *load += load_of(&mail.body);
            *counted += 1;
        }
        if self.fresh.len() >= limits.messages || load.reaches(limits.load) {
            return None;
        }
        let until = self.gathering.opened? + linger;
        (until > Instant::now()).then_some(until)
    }

    /// The messages of the next run; of those that failed before, where the fresh ones are to `wait`.
    pub(crate) fn take(
        &mut self,
        limits: Limits,
        load_of: impl Fn(&T) -> Load,
        wait: bool,
    ) -> Vec<Envelope<T>> {
        if self.ahead == 0 && self.one_by_one == 0 || self.fresh.is_empty() || wait {
            let next = self.retried.pop_front();
            if let Some(mail) = next {
                return vec![mail];
            }
        }
        let most = if self.one_by_one > 0 { 1 } else { limits.messages };
        let mut batch = Vec::new();
        let mut load = Load::default();
        while batch.len() < most
            && let Some(next) = self.fresh.front()
        {
            load += load_of(&next.body);
            if !batch.is_empty() && load.exceeds(limits.load) {
                break;
            }
            batch.extend(self.fresh.pop_front());
        }
        self.ahead = self.ahead.saturating_sub(batch.len());
        self.gathering = Gathering {
            opened: (!self.fresh.is_empty()).then(Instant::now),
            ..Gathering::default()
        };
        batch
    }

    /// These go no further here. One that failed before and fails again lets the fresh ones go before the next.
    pub(crate) fn gone(&mut self, batch: &[Envelope<T>], failed: bool) {
        let fresh = batch.iter().filter(|mail| !mail.retried).count();
        self.one_by_one = self.one_by_one.saturating_sub(fresh);
        if failed && fresh < batch.len() {
            self.ahead = self.fresh.len();
        }
    }

    /// Puts messages back at the head, in order.
    pub(crate) fn put_back(&mut self, batch: Vec<Envelope<T>>) {
        let waiting = self.fresh.len();
        for mail in batch.into_iter().rev() {
            if mail.retried {
                self.ahead = waiting;
                self.retried.push_front(mail);
            } else {
                self.fresh.push_front(mail);
                self.gathering = Gathering {
                    closed: true,
                    ..Gathering::default()
                };
            }
        }
    }

    /// The same, and they are run one by one.
    pub(crate) fn search(&mut self, batch: Vec<Envelope<T>>) {
        self.one_by_one = batch.len();
        self.put_back(batch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeliveryHandle;
    use tracing::Span;

    const FOUR: Limits = Limits {
        messages: 4,
        load: Load {
            rows: usize::MAX,
            bytes: usize::MAX,
        },
    };

    fn mail(number: u64, retried: bool) -> Envelope<u64> {
        let (acks, _) = tokio::sync::mpsc::unbounded_channel();
        let handle = DeliveryHandle::new(number, acks);
        Envelope::new(number, "event", Span::none(), handle).retried(retried)
    }

    fn take(backlog: &mut Backlog<u64>) -> Vec<Envelope<u64>> {
        backlog.take(FOUR, |_| Load { rows: 1, bytes: 1 }, false)
    }

    fn numbers(batch: &[Envelope<u64>]) -> Vec<u64> {
        batch.iter().map(|mail| mail.body).collect()
    }

    #[test]
    fn what_failed_before_runs_alone_and_after_what_was_there() {
        let mut backlog = Backlog::default();
        for number in 0..6 {
            backlog.push(mail(number, false));
        }
        backlog.push(mail(10, true));
        backlog.push(mail(11, true));
        backlog.push(mail(6, false));
        assert_eq!(numbers(&take(&mut backlog)), [0, 1, 2, 3]);
        assert_eq!(numbers(&take(&mut backlog)), [4, 5, 6]);
        assert_eq!(numbers(&take(&mut backlog)), [10]);
        assert_eq!(numbers(&take(&mut backlog)), [11], "the one before did not fail");
        assert!(backlog.is_empty() && take(&mut backlog).is_empty());
    }

    #[test]
    fn what_fails_again_lets_the_fresh_ones_go_first() {
        let mut backlog = Backlog::default();
        backlog.push(mail(10, true));
        backlog.push(mail(11, true));
        let failing = take(&mut backlog);
        backlog.push(mail(1, false));
        backlog.gone(&failing, true);
        assert_eq!(numbers(&take(&mut backlog)), [1]);
        let failing = take(&mut backlog);
        assert_eq!(numbers(&failing), [11]);
        backlog.push(mail(2, false));
        backlog.put_back(failing);
        assert_eq!(numbers(&take(&mut backlog)), [2]);
        assert_eq!(numbers(&take(&mut backlog)), [11]);
    }

    #[test]
    fn a_search_ends_before_anything_else_runs() {
        let mut backlog = Backlog::default();
        for number in 0..3 {
            backlog.push(mail(number, false));
        }
        let batch = take(&mut backlog);
        backlog.push(mail(10, true));
        backlog.push(mail(3, false));
        backlog.search(batch);
        for number in 0..3 {
            let alone = take(&mut backlog);
            assert_eq!(numbers(&alone), [number]);
            backlog.gone(&alone, number == 1);
        }
        assert_eq!(numbers(&take(&mut backlog)), [10]);
        assert_eq!(numbers(&take(&mut backlog)), [3]);
    }
}
