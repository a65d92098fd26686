//! Who may go into the line: everybody together, or one suspect alone.
//!
//! A process that dies takes no notes, so whatever is redelivered may be what killed it. Redelivered
//! events wait until the line is empty and go through it one by one, each behind a durable strike; so
//! a death while one is at hand says which it was. Everybody else waits meanwhile and pays nothing.

use std::collections::{HashSet, VecDeque};

/// The turnstile before the line. Deliveries are known by their tags.
pub(super) struct Isolation<T> {
    suspects: VecDeque<(u64, T)>,
    others: VecDeque<(u64, T)>,
    /// In the line.
    inside: HashSet<u64>,
    /// The suspect that is being struck or is in the line.
    alone: Option<u64>,
}

/// Whose turn it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<T> {
    /// Goes in with the others.
    Together(T),
    /// Is struck, and then goes in alone.
    Alone(T),
}

// === impl Isolation ===

impl<T> Default for Isolation<T> {
    fn default() -> Self {
        Self {
            suspects: VecDeque::new(),
            others: VecDeque::new(),
            inside: HashSet::new(),
            alone: None,
        }
    }
}

impl<T> Isolation<T> {
    /// Puts a delivery in line before the turnstile.
    pub(super) fn queue(&mut self, tag: u64, waiting: T, suspect: bool) {
        let line = if suspect {
            &mut self.suspects
        } else {
            &mut self.others
        };
        line.push_back((tag, waiting));
    }

    /// The next one that may go in now.
    pub(super) fn next(&mut self) -> Option<Turn<T>> {
        if self.alone.is_some() {
            return None;
        }
        if self.suspects.is_empty() {
            let (tag, next) = self.others.pop_front()?;
            self.inside.insert(tag);
            return Some(Turn::Together(next));
        }
        if !self.inside.is_empty() {
            return None;
        }
        let (tag, next) = self.suspects.pop_front()?;
        self.alone = Some(tag);
        self.inside.insert(tag);
        Some(Turn::Alone(next))
    }

    /// Notes that this delivery needs no more work; true where it was the suspect.
    pub(super) fn left(&mut self, tag: u64) -> bool {
        self.inside.remove(&tag);
        self.alone.take_if(|alone| *alone == tag).is_some()
    }

    /// The suspect that is at hand, if there is one.
    pub(super) fn alone(&self) -> Option<u64> {
        self.alone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets in all who may go now.
    fn let_in(isolation: &mut Isolation<u64>) -> Vec<Turn<u64>> {
        std::iter::from_fn(|| isolation.next()).collect()
    }

    fn queue(isolation: &mut Isolation<u64>, tag: u64, suspect: bool) {
        isolation.queue(tag, tag, suspect);
    }

    #[test]
    fn nobody_waits_while_nobody_is_suspect() {
        let mut isolation = Isolation::default();
        queue(&mut isolation, 1, false);
        queue(&mut isolation, 2, false);
        assert_eq!(let_in(&mut isolation), [Turn::Together(1), Turn::Together(2)]);
        assert!(!isolation.left(1));
        assert_eq!(isolation.alone(), None);
    }

    #[test]
    fn suspects_go_one_by_one_through_an_empty_line_and_the_others_after_them() {
        let mut isolation = Isolation::default();
        queue(&mut isolation, 1, false);
        assert_eq!(let_in(&mut isolation), [Turn::Together(1)]);
        queue(&mut isolation, 2, true);
        queue(&mut isolation, 3, false);
        queue(&mut isolation, 4, true);
        assert_eq!(let_in(&mut isolation), [], "the line is not empty");
        assert!(!isolation.left(1), "it was no suspect");
        assert_eq!(let_in(&mut isolation), [Turn::Alone(2)]);
        assert_eq!(isolation.alone(), Some(2));
        assert!(
            !isolation.left(9),
            "a delivery that never went in is none of its business"
        );
        assert!(isolation.left(2));
        assert_eq!(let_in(&mut isolation), [Turn::Alone(4)]);
        assert!(isolation.left(4));
        assert_eq!(let_in(&mut isolation), [Turn::Together(3)]);
    }
}
