//! A typed outlet to one actor or a pool of them.

use super::Envelope;
use actix::Recipient;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Messages that an actor has been sent and has not passed on or settled.
#[derive(Clone, Debug, Default)]
pub struct Depth(Arc<AtomicUsize>);

/// The members of the next room. Each message goes to the least loaded one.
pub struct Port<T: Send + 'static>(Arc<[(Recipient<Envelope<T>>, Depth)]>);

// === impl Depth ===

impl Depth {
    /// The number of messages now.
    pub fn get(&self) -> usize {
        self.0.load(Relaxed)
    }

    pub(super) fn add(&self, messages: usize) {
        self.0.fetch_add(messages, Relaxed);
    }

    pub(super) fn sub(&self, messages: usize) {
        self.0.fetch_sub(messages, Relaxed);
    }
}

// === impl Port ===

impl<T: Send + 'static> Port<T> {
    /// An outlet to `members`.
    ///
    /// # Panics
    /// When there are none: a line with a hole in it is a mistake of the wiring.
    pub fn new(members: impl IntoIterator<Item = (Recipient<Envelope<T>>, Depth)>) -> Self {
        let members: Arc<[_]> = members.into_iter().collect();
        assert!(!members.is_empty(), "a port needs at least one member");
        Self(members)
    }

    /// Posts a message. Mailboxes are not bounded here: every message holds a receipt, so the
    /// source's prefetch bounds them all. A closed mailbox drops the message, which retries it.
    pub fn post(&self, mail: Envelope<T>) {
        if let Some((mailbox, depth)) = self.0.iter().min_by_key(|(_, depth)| depth.get()) {
            depth.add(1);
            mailbox.do_send(mail);
        }
    }
}

impl<T: Send + 'static> Clone for Port<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
