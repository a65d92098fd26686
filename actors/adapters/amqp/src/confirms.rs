//! Which published messages the broker has answered for.

use std::collections::BTreeMap;

/// The unanswered messages of one channel in confirm mode, by the number the broker knows them by.
#[derive(Debug)]
pub(super) struct Confirms<T> {
    last: u64,
    pending: BTreeMap<u64, T>,
}

// === impl Confirms ===

impl<T> Default for Confirms<T> {
    fn default() -> Self {
        Self {
            last: 0,
            pending: BTreeMap::new(),
        }
    }
}

impl<T> Confirms<T> {
    /// Notes a message that was just published.
    pub(super) fn published(&mut self, message: T) {
        self.last += 1;
        self.pending.insert(self.last, message);
    }

    /// The messages that an answer of the broker is about, whether it stored or refused them.
    pub(super) fn answered(&mut self, seq: u64, multiple: bool) -> Vec<T> {
        if !multiple {
            return self.pending.remove(&seq).into_iter().collect();
        }
        let later = self.pending.split_off(&(seq + 1));
        let answered = std::mem::replace(&mut self.pending, later);
        answered.into_values().collect()
    }

    /// The unanswered messages, the one that waits longest first.
    pub(super) fn waiting(&mut self) -> impl Iterator<Item = &mut T> {
        self.pending.values_mut()
    }

    /// Everything unanswered, when no answer will come.
    pub(super) fn take_all(&mut self) -> Vec<T> {
        std::mem::take(&mut self.pending).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn five() -> Confirms<char> {
        let mut confirms = Confirms::default();
        "abcde".chars().for_each(|message| confirms.published(message));
        confirms
    }

    #[test]
    fn answers_come_one_by_one_out_of_order_or_for_many() {
        let mut confirms = five();
        assert_eq!(confirms.answered(3, false), ['c']);
        assert_eq!(confirms.answered(4, true), ['a', 'b', 'd']);
        assert_eq!(confirms.waiting().next(), Some(&mut 'e'));
        assert!(confirms.answered(4, true).is_empty(), "an answer given twice");
        assert_eq!(confirms.answered(5, false), ['e']);
        assert!(confirms.take_all().is_empty());
    }

    #[test]
    fn a_refusal_is_about_its_own_messages_and_the_others_wait_on() {
        let mut confirms = five();
        assert_eq!(confirms.answered(1, false), ['a'], "refused or stored");
        assert_eq!(confirms.take_all(), ['b', 'c', 'd', 'e']);
    }
}
