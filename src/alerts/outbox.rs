//! What waits to be told to one receiver.

use super::notice::Notice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Notices on their way to one receiver, at most one about each rule: a newer one takes the place of an
/// older one, so that a receiver that was down for a night is told how things are and not how they were,
/// and so that nothing grows. Clones share what waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    last_number: u64,
    waiting: Vec<Waiting>,
}

/// A notice that waits.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    /// No other notice of this receiver has it.
    pub(super) number: u64,
    pub(super) notice: Notice,
}

// === impl Outbox ===

impl Outbox {
    /// Puts notices at the end, all at once, so that what is noticed together is told together. Returns
    /// how many older ones they replace.
    pub(super) fn put(&self, notices: impl IntoIterator<Item = Notice>) -> usize {
        let mut queue = self.lock();
        let before = queue.waiting.len();
        let mut added = 0;
        for notice in notices {
            queue.waiting.retain(|old| old.notice.rule != notice.rule);
            queue.last_number += 1;
            let number = queue.last_number;
            queue.waiting.push(Waiting { number, notice });
            added += 1;
        }
        if added > 0 {
            self.0.filled.notify_one();
        }
        before + added - queue.waiting.len()
    }

    /// What waits, oldest first. It stays until it is [`done`](Self::done).
    pub(super) fn waiting(&self) -> Vec<Waiting> {
        self.lock().waiting.clone()
    }

    /// Takes out what has been dealt with; what has taken its place meanwhile stays.
    pub(super) fn done(&self, numbers: &[u64]) {
        self.lock()
            .waiting
            .retain(|waiting| !numbers.contains(&waiting.number));
    }

    /// Returns when something may have been put in since the last call.
    pub(super) async fn filled(&self) {
        self.0.filled.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No line above leaves it half done.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::{
        notice::Kind,
        rule::Rule,
        tests::{BROKER_LOST, ERROR_RATE, RULES, notice},
    };

    fn rules(outbox: &Outbox) -> Vec<(Rule, Kind)> {
        let waiting = outbox.waiting().into_iter();
        waiting
            .map(|waiting| (waiting.notice.rule, waiting.notice.kind))
            .collect()
    }

    #[test]
    fn the_latest_about_a_rule_takes_the_place_of_what_was_not_told_yet() {
        let outbox = Outbox::default();
        let both = [
            notice(BROKER_LOST, Kind::Started),
            notice(ERROR_RATE, Kind::Started),
        ];
        assert_eq!(outbox.put(both), 0);
        assert_eq!(outbox.put([notice(BROKER_LOST, Kind::Over)]), 1);
        let expected = [(ERROR_RATE, Kind::Started), (BROKER_LOST, Kind::Over)];
        assert_eq!(rules(&outbox), expected);
    }

    #[test]
    fn what_came_while_the_older_was_told_is_told_next() {
        let outbox = Outbox::default();
        outbox.put([notice(BROKER_LOST, Kind::Started)]);
        let told: Vec<u64> = outbox.waiting().iter().map(|waiting| waiting.number).collect();
        outbox.put([notice(BROKER_LOST, Kind::Over)]);
        outbox.done(&told);
        assert_eq!(rules(&outbox), [(BROKER_LOST, Kind::Over)]);
    }

    #[test]
    fn however_much_is_put_in_no_more_waits_than_there_are_rules() {
        let outbox = Outbox::default();
        let replaced: usize = (0..10_000)
            .map(|n| outbox.put([notice(RULES[n % RULES.len()], Kind::Started)]))
            .sum();
        assert_eq!(outbox.waiting().len(), RULES.len());
        assert_eq!(replaced, 10_000 - RULES.len());
    }
}
