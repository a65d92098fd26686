//! A source whose deliveries are due rows of a table.

use super::{Acks, DeliveryHandle, Envelope, Fault, Intake, Outcome, Settlement, Source};
use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc::unbounded_channel,
    time::{Instant, Interval, MissedTickBehavior},
};
use tracing::Span;

/// A table with things to do, in whatever database. Its clock decides what is due, so that processes need not agree.
pub trait DueStore: Send + 'static {
    /// What is to be done.
    type Row: Send + 'static;
    /// What a row is known by: a number, an id, several columns.
    type Key: Clone + Send + 'static;

    /// Claims up to `most` rows that are due and that are not held, for as long as the lease lasts. Each gets a new
    /// epoch. It does not wait for a row that another process looks at (`FOR UPDATE SKIP LOCKED`).
    fn claim(&mut self, most: usize, lease: Duration) -> impl Future<Output = Result<Claimed<Self>, Fault>>;

    /// Lets these claims last for another lease, those that were not claimed by another since.
    fn prolong(
        &mut self,
        claims: &[Claim<Self::Key>],
        lease: Duration,
    ) -> impl Future<Output = Result<(), Fault>>;

    /// Writes down what became of rows: done, due again later, or put aside for people. What another process has
    /// claimed since has another epoch and stays as it is.
    fn settle(
        &mut self,
        settled: Vec<(Claim<Self::Key>, Outcome)>,
    ) -> impl Future<Output = Result<(), Fault>>;
}

/// The right to work on a row until the lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim<K> {
    /// The row's key.
    pub key: K,
    /// Grows with each claim of the row.
    pub epoch: i64,
}

/// What a store has claimed.
pub type Claimed<S> = Vec<DueRow<<S as DueStore>::Key, <S as DueStore>::Row>>;

/// A row that was claimed.
#[derive(Debug)]
pub struct DueRow<K, T> {
    /// By what right.
    pub claim: Claim<K>,
    /// What is to be done.
    pub row: T,
    /// Names it for people.
    pub subject: Arc<str>,
    /// The span that every log line about it belongs to.
    pub span: Span,
    /// An attempt at it failed before.
    pub retried: bool,
}

/// How a [`DueRows`] works; nothing of it may be zero.
#[derive(Clone, Copy, Debug)]
pub struct DuePace {
    /// Rows that may be in flight.
    pub most: usize,
    /// How often it looks for due rows while there are none.
    pub look_every: Duration,
    /// How long a row stays claimed by a process that has crashed. One that runs prolongs its claims in time.
    pub lease: Duration,
}

/// The source itself. When its store fails it lets go of what is in flight: the leases end, and the rows are claimed
/// again.
#[derive(Debug)]
pub struct DueRows<S> {
    store: S,
    pace: DuePace,
}

/// What is in flight.
struct AtHand<K> {
    acks: Acks,
    last_tag: u64,
    claims: HashMap<u64, Claim<K>>,
}

// === impl DueRows ===

impl<S: DueStore> DueRows<S> {
    /// A source of the rows of `store`.
    ///
    /// # Panics
    /// When something of the pace is zero: it would take nothing, or look without a pause.
    pub fn new(store: S, pace: DuePace) -> Self {
        let DuePace {
            most,
            look_every,
            lease,
        } = pace;
        assert!(
            most > 0 && !look_every.is_zero() && lease >= Duration::from_millis(3),
            "{pace:?}"
        );
        Self { store, pace }
    }

    /// Takes what is due; true when there may be more of it.
    async fn take(&mut self, at_hand: &mut AtHand<S::Key>, intake: &Intake<S::Row>) -> Result<bool, Fault> {
        let free = self.pace.most - at_hand.claims.len();
        let rows = self.store.claim(free, self.pace.lease).await?;
        let more = rows.len() >= free;
        for due in rows {
            intake.out.post(at_hand.envelope(due));
        }
        Ok(more)
    }
}

impl<S: DueStore> Source for DueRows<S> {
    type Out = S::Row;

    async fn pull(&mut self, intake: Intake<S::Row>) -> Result<(), Fault> {
        let DuePace {
            most,
            look_every,
            lease,
        } = self.pace;
        let (acks, mut settled) = unbounded_channel();
        let mut at_hand = AtHand::new(acks);
        let mut breaker = intake.breaker.subscribe();
        let mut looks = every(look_every);
        let mut prolongs = every(lease / 3);
        let mut heard = Vec::new();
        let mut answered = false;
        loop {
            let draining = intake.drain.is_ordered();
            if draining && at_hand.claims.is_empty() {
                return Ok(());
            }
            let paused = breaker.borrow_and_update().is_some();
            let takes = !draining && !paused && at_hand.claims.len() < most;
            tokio::select! {
                biased;
                _ = prolongs.tick() => {
                    let claims: Vec<_> = at_hand.claims.values().cloned().collect();
                    if !claims.is_empty() {
                        self.store.prolong(&claims, lease).await?;
                    }
                }
                _ = settled.recv_many(&mut heard, most) => {
                    let settled = heard.drain(..).filter_map(|settlement| at_hand.end(settlement));
                    self.store.settle(settled.collect()).await?;
                }
                // What is unfinished is left to its lease.
                () = intake.drain.shortened() => return Ok(()),
                () = intake.drain.ordered(), if !draining => {}
                _ = breaker.changed() => {}
                _ = looks.tick(), if takes => {
                    if self.take(&mut at_hand, &intake).await? {
                        looks.reset_immediately();
                    }
                    // The table answers: that is news once.
                    if !std::mem::replace(&mut answered, true) {
                        intake.consuming();
                    }
                }
            }
        }
    }
}

/// Ticks now, and then at this distance at least: a late one is not made up for.
fn every(period: Duration) -> Interval {
    let mut ticks = tokio::time::interval_at(Instant::now(), period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

// === impl AtHand ===

impl<K> AtHand<K> {
    fn new(acks: Acks) -> Self {
        Self {
            acks,
            last_tag: 0,
            claims: HashMap::new(),
        }
    }

    fn envelope<T>(&mut self, due: DueRow<K, T>) -> Envelope<T> {
        self.last_tag += 1;
        self.claims.insert(self.last_tag, due.claim);
        let handle = DeliveryHandle::new(self.last_tag, self.acks.clone());
        Envelope::new(due.row, due.subject, due.span, handle).retried(due.retried)
    }

    fn end(&mut self, settlement: Settlement) -> Option<(Claim<K>, Outcome)> {
        let claim = self.claims.remove(&settlement.tag)?;
        Some((claim, settlement.outcome))
    }
}
