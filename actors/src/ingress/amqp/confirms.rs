//! Which published messages the broker has answered for.

use super::link::lost;
use crate::supervision::Fault;
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

    /// The messages that an answer of the broker is about.
    ///
    /// # Errors
    /// When the broker refused them.
    pub(super) fn answered(&mut self, seq: u64, multiple: bool, stored: bool) -> Result<Vec<T>, Fault> {
        if !stored {
            return Err(lost("the broker refused to store a message"));
        }
        if !multiple {
            return Ok(self.pending.remove(&seq).into_iter().collect());
        }
        let later = self.pending.split_off(&(seq + 1));
        let answered = std::mem::replace(&mut self.pending, later);
        Ok(answered.into_values().collect())
    }

    /// How many messages an answer is about.
    pub(super) fn concerned(&self, seq: u64, multiple: bool) -> usize {
        match multiple {
            true => self.pending.range(..=seq).count(),
            false => usize::from(self.pending.contains_key(&seq)),
        }
    }

    /// How many unanswered messages are so.
    pub(super) fn count(&self, is_so: impl Fn(&T) -> bool) -> usize {
        self.pending.values().filter(|message| is_so(message)).count()
    }

    /// The message that waits longest.
    pub(super) fn oldest(&self) -> Option<&T> {
        self.pending.values().next()
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
        assert_eq!(confirms.answered(3, false, true), Ok(vec!['c']));
        assert_eq!(confirms.answered(4, true, true), Ok(vec!['a', 'b', 'd']));
        assert_eq!(confirms.oldest(), Some(&'e'));
        assert_eq!(
            confirms.answered(4, true, true),
            Ok(vec![]),
            "an answer given twice"
        );
        assert_eq!(confirms.answered(5, false, true), Ok(vec!['e']));
        assert!(confirms.take_all().is_empty());
    }

    #[test]
    fn an_answer_is_about_one_message_or_all_up_to_it() {
        let mut confirms = five();
        assert_eq!(
            (confirms.concerned(3, false), confirms.concerned(3, true)),
            (1, 3)
        );
        confirms.answered(2, false, true).unwrap();
        assert_eq!(
            (confirms.concerned(2, false), confirms.concerned(3, true)),
            (0, 2)
        );
        assert_eq!(confirms.count(|message| *message > 'c'), 2);
    }

    #[test]
    fn a_refusal_is_an_outage_and_forgets_nothing() {
        let mut confirms = five();
        assert!(matches!(
            confirms.answered(1, false, false),
            Err(Fault::Outage { .. })
        ));
        assert_eq!(confirms.oldest(), Some(&'a'));
    }
}
