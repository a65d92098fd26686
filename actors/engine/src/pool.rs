//! What the members of a stage share: one of them takes what failed before, and all count what they passed on.

use super::{Depth, Envelope};
use actix::Recipient;
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// A running actor as its neighbours see it.
pub struct Member<T: Send + 'static> {
    mailbox: Recipient<Envelope<T>>,
    depth: Depth,
    pool: Arc<OnceLock<Pool<T>>>,
}

/// A member's part in its stage. A stage has one as soon as it has a port.
pub(crate) struct Pool<T: Send + 'static> {
    /// Who takes what failed before, where that is another.
    lane: Option<Member<T>>,
    passed: Arc<AtomicU64>,
}

// === impl Member ===

impl<T: Send + 'static> Member<T> {
    pub(crate) fn new(mailbox: Recipient<Envelope<T>>, depth: Depth, pool: Arc<OnceLock<Pool<T>>>) -> Self {
        Self { mailbox, depth, pool }
    }

    /// Its mailbox as others see it.
    pub fn depth(&self) -> &Depth {
        &self.depth
    }

    pub(crate) fn post(&self, mail: Envelope<T>) {
        self.depth.enter(mail.retried);
        self.mailbox.do_send(mail);
    }
}

impl<T: Send + 'static> Clone for Member<T> {
    fn clone(&self) -> Self {
        Self {
            mailbox: self.mailbox.clone(),
            depth: self.depth.clone(),
            pool: self.pool.clone(),
        }
    }
}

// === impl Pool ===

impl<T: Send + 'static> Pool<T> {
    /// Makes a pool of the members of a stage; the first of them takes what failed before.
    pub(crate) fn join(members: &[Member<T>]) {
        let passed = Arc::<AtomicU64>::default();
        for (index, member) in members.iter().enumerate() {
            // A member of two ports stays in its first pool: both lead to the same actor.
            let _ = member.pool.set(Self {
                lane: members.first().filter(|_| index > 0).cloned(),
                passed: passed.clone(),
            });
        }
    }

    /// Who takes what failed before, where that is another.
    pub(crate) fn lane(&self) -> Option<&Member<T>> {
        self.lane.as_ref()
    }

    /// Notes that a member passed messages on.
    pub(crate) fn note_passed(&self, messages: usize) {
        self.passed.fetch_add(messages as u64, Relaxed);
    }

    /// Messages that the members passed on so far.
    pub(crate) fn passed(&self) -> u64 {
        self.passed.load(Relaxed)
    }
}
