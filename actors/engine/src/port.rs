//! A typed outlet to one actor or a pool of them.

use super::{Envelope, Member, pool::Pool};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Messages that an actor has been sent and has not passed on or settled.
#[derive(Clone, Debug, Default)]
pub struct Depth(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    all: AtomicUsize,
    /// Of them those that failed before.
    retried: AtomicUsize,
}

/// The members of the next stage. Each message goes to the least loaded one; messages that failed before go to
/// the first members alone, and while these have any, the others get the rest.
pub struct Port<T: Send + 'static> {
    members: Arc<[Member<T>]>,
    lanes: usize,
}

// === impl Depth ===

impl Depth {
    /// The number of messages now.
    pub fn get(&self) -> usize {
        self.0.all.load(Relaxed)
    }

    /// Of them those that failed before.
    pub fn retried(&self) -> usize {
        self.0.retried.load(Relaxed)
    }

    pub(crate) fn enter(&self, retried: bool) {
        self.0.all.fetch_add(1, Relaxed);
        self.0.retried.fetch_add(usize::from(retried), Relaxed);
    }

    pub(crate) fn leave(&self, retried: bool) {
        self.0.all.fetch_sub(1, Relaxed);
        self.0.retried.fetch_sub(usize::from(retried), Relaxed);
    }
}

// === impl Port ===

impl<T: Send + 'static> Port<T> {
    /// An outlet to `members`, of which one takes what failed before.
    ///
    /// # Panics
    /// When there are none: a line with a hole in it is a mistake of the wiring.
    pub fn new(members: impl IntoIterator<Item = Member<T>>) -> Self {
        let members: Arc<[_]> = members.into_iter().collect();
        assert!(!members.is_empty(), "a port needs at least one member");
        Pool::join(&members);
        Self { members, lanes: 1 }
    }

    /// The same with a quarter of them for what failed before: where there are many members, and much may have failed
    /// for a reason that has passed.
    #[must_use]
    pub fn with_wide_lane(mut self) -> Self {
        self.lanes = self.members.len().div_ceil(4);
        self
    }

    /// Posts a message. Mailboxes are not bounded here: every message holds a handle, so the
    /// source's prefetch bounds them all. A closed mailbox drops the message, which retries it.
    pub fn post(&self, mail: Envelope<T>) {
        let open = if mail.retried {
            &self.members[..self.lanes]
        } else {
            &self.members
        };
        let load = |member: &&Member<T>| {
            let depth = member.depth();
            (!mail.retried && depth.retried() > 0, depth.get())
        };
        if let Some(member) = open.iter().min_by_key(load) {
            member.post(mail);
        }
    }
}

impl<T: Send + 'static> Clone for Port<T> {
    fn clone(&self) -> Self {
        Self {
            members: self.members.clone(),
            lanes: self.lanes,
        }
    }
}
