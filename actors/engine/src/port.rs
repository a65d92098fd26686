//! A typed outlet to one actor or a pool of them, or to several side by side.

use super::{Cause, Envelope, Member, Messages, Outcome, pool::Pool};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
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

/// What comes next: a stage, or several side by side.
pub struct Port<T: Send + 'static>(Way<T>);

enum Way<T: Send + 'static> {
    Stage(Stage<T>),
    /// Posts what it makes of a message to several ports.
    Fork(Arc<dyn Fn(Envelope<T>) + Send + Sync>),
}

/// The members of a stage. Each message goes to the least loaded one; messages that failed before go to
/// the first members alone, and while these have any, the others get the rest.
struct Stage<T: Send + 'static> {
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
    /// When there are none: a pipeline with a hole in it is a mistake of the wiring.
    pub fn new(members: impl IntoIterator<Item = Member<T>>) -> Self {
        let members: Arc<[_]> = members.into_iter().collect();
        assert!(!members.is_empty(), "a port needs at least one member");
        Pool::join(&members);
        Self(Way::Stage(Stage { members, lanes: 1 }))
    }

    /// An outlet to several ports side by side: each gets every message, and the delivery ends with the worst of what
    /// they make of it (see [`DeliveryHandle::split`](crate::DeliveryHandle::split)). A message is cloned, so it is to
    /// be small or shared (`Arc`).
    pub fn to_each(ports: impl IntoIterator<Item = Self>) -> Self
    where
        T: Clone,
    {
        let ports: Vec<_> = ports.into_iter().collect();
        Self(Way::Fork(Arc::new(move |mail| {
            if let Some((bodies, mail)) = divide(mail, |body| vec![body; ports.len()]) {
                let parts = mail.split(bodies);
                parts.zip(&ports).for_each(|(part, port)| port.post(part));
            }
        })))
    }

    /// An outlet to two ports side by side that take different messages: `split` says what each gets. A panic in it
    /// is the message's: its delivery is retried, and charged.
    pub fn to_both<A, B>(
        one: Port<A>,
        other: Port<B>,
        split: impl Fn(T) -> (Messages<A>, Messages<B>) + Send + Sync + 'static,
    ) -> Self
    where
        A: Send + 'static,
        B: Send + 'static,
    {
        Self(Way::Fork(Arc::new(move |mail| {
            let Some(((a, b), mail)) = divide(mail, &split) else {
                return;
            };
            let mut halves = mail.split(vec![(), ()]);
            if let (Some(left), Some(right)) = (halves.next(), halves.next()) {
                one.post_all(left, a);
                other.post_all(right, b);
            }
        })))
    }

    /// The same with a quarter of the members for what failed before: where there are many, and much may have failed
    /// for a reason that has passed.
    #[must_use]
    pub fn with_wide_lane(mut self) -> Self {
        if let Way::Stage(stage) = &mut self.0 {
            stage.lanes = stage.members.len().div_ceil(4);
        }
        self
    }

    /// Posts a message. Mailboxes are not bounded here: every message holds a handle, so the
    /// source's prefetch bounds them all. A closed mailbox drops the message, which retries it.
    pub fn post(&self, mail: Envelope<T>) {
        match &self.0 {
            Way::Stage(stage) => stage.post(mail),
            Way::Fork(post) => post(mail),
        }
    }

    /// Posts what was made of a delivery.
    pub(crate) fn post_all(&self, mail: Envelope<()>, messages: Messages<T>) {
        match messages {
            Messages::None => mail.settle(Outcome::Done),
            Messages::One(body) => self.post(mail.map(body)),
            Messages::Many(bodies) => mail.split(bodies).for_each(|part| self.post(part)),
        }
    }
}

/// What `make` makes of a message, and the delivery without it. No stage is rebuilt for a panic here: there is no state
/// that it could have broken.
fn divide<T, U>(mail: Envelope<T>, make: impl FnOnce(T) -> U) -> Option<(U, Envelope<()>)> {
    let (body, mail) = mail.open();
    match catch_unwind(AssertUnwindSafe(|| make(body))) {
        Ok(made) => Some((made, mail)),
        Err(panic) => {
            mail.settle(Outcome::of_crash(&Cause::from_panic(panic), "none"));
            None
        }
    }
}

impl<T: Send + 'static> Clone for Port<T> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Way::Stage(stage) => Way::Stage(Stage {
                members: stage.members.clone(),
                lanes: stage.lanes,
            }),
            Way::Fork(post) => Way::Fork(post.clone()),
        })
    }
}

// === impl Stage ===

impl<T: Send + 'static> Stage<T> {
    fn post(&self, mail: Envelope<T>) {
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
