//! Strikes that are to be taken back. The database may be down at that moment, and a strike that stays would
//! be a death that nobody died: so an acquittal is owed until it is written, and goes before the next strike.

use crate::strikes::{Strike, StrikeBook};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Mutex as Turn, time::sleep};
use tracing::{debug, info};

/// Pause before what could not be written down is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// The book of strikes, and what this process owes it. Shared by all sessions of the process; with the
/// process the debts end, because then the strikes may be deserved.
#[derive(Clone, Debug)]
pub(super) struct Acquittals(Arc<State>);

#[derive(Debug)]
struct State {
    book: Arc<dyn StrikeBook>,
    owed: Mutex<HashSet<String>>,
    /// One statement at a time, so that none overtakes another about the same event.
    turn: Turn<()>,
}

// === impl Acquittals ===

impl Acquittals {
    pub(super) fn new(book: Arc<dyn StrikeBook>) -> Self {
        Self(Arc::new(State {
            book,
            owed: Mutex::default(),
            turn: Turn::default(),
        }))
    }

    /// Strikes until it is written down, debts first: without the note the event must not be worked on.
    pub(super) async fn strike(self, event_id: String) -> Strike {
        let mut told = false;
        loop {
            if self.settle(&event_id).await {
                let _turn = self.0.turn.lock().await;
                match self.0.book.strike(event_id.clone()).await {
                    Ok(strike) => return strike,
                    Err(fault) if !told => {
                        told = true;
                        info!(error = %fault, "a redelivered event waits until it can be noted as suspect");
                    }
                    Err(fault) => debug!(error = %fault, "a redelivered event still waits"),
                }
            }
            sleep(AGAIN).await;
        }
    }

    /// Takes the strikes of an event back, as soon as that can be written down.
    pub(super) fn acquit(&self, event_id: String) {
        self.owed().insert(event_id.clone());
        let this = self.clone();
        tokio::spawn(async move {
            while !this.settle(&event_id).await {
                sleep(AGAIN).await;
            }
        });
    }

    /// The same, and waits for one try.
    pub(super) async fn acquit_now(&self, event_id: String) {
        self.owed().insert(event_id.clone());
        if !self.settle(&event_id).await {
            self.acquit(event_id);
        }
    }

    /// Pays what is owed to an event, if anything; false when that cannot be written down now.
    async fn settle(&self, event_id: &str) -> bool {
        let _turn = self.0.turn.lock().await;
        if !self.owed().contains(event_id) {
            return true;
        }
        match self.0.book.acquit(event_id.to_owned()).await {
            Ok(()) => {
                self.owed().remove(event_id);
                true
            }
            Err(fault) => {
                debug!(event_id, error = %fault, "an event is to be acquitted and cannot be yet");
                false
            }
        }
    }

    fn owed(&self) -> MutexGuard<'_, HashSet<String>> {
        // Nothing panics while holding the lock.
        self.0.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervision::Fault;
    use futures_util::{FutureExt, future::BoxFuture};
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

    /// A book that can be out of reach.
    #[derive(Clone, Debug, Default)]
    struct Book(Arc<Shelf>);

    #[derive(Debug, Default)]
    struct Shelf {
        strikes: AtomicU32,
        away: AtomicBool,
    }

    impl Book {
        fn write<T: Send + 'static>(
            &self,
            note: impl FnOnce(&Shelf) -> T,
        ) -> BoxFuture<'static, Result<T, Fault>> {
            let away = self.0.away.load(SeqCst);
            let done = if away {
                Err(Fault::outage("database", "away"))
            } else {
                Ok(note(&self.0))
            };
            async { done }.boxed()
        }
    }

    impl StrikeBook for Book {
        fn strike(&self, _: String) -> BoxFuture<'static, Result<Strike, Fault>> {
            self.write(|shelf| Strike {
                strikes: shelf.strikes.fetch_add(1, SeqCst) + 1,
                stored: false,
            })
        }

        fn acquit(&self, _: String) -> BoxFuture<'static, Result<(), Fault>> {
            self.write(|shelf| shelf.strikes.store(0, SeqCst))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_acquittal_in_an_outage_is_written_down_later() {
        let book = Book::default();
        let acquittals = Acquittals::new(Arc::new(book.clone()));
        acquittals.clone().strike("e".to_owned()).await;
        book.0.away.store(true, SeqCst);
        acquittals.acquit("e".to_owned());
        acquittals.acquit_now("e".to_owned()).await;
        sleep(AGAIN * 10).await;
        assert_eq!(book.0.strikes.load(SeqCst), 1, "it could not be");
        book.0.away.store(false, SeqCst);
        sleep(AGAIN * 2).await;
        assert_eq!(book.0.strikes.load(SeqCst), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_debt_goes_before_the_next_strike_and_never_after_it() {
        let book = Book::default();
        let acquittals = Acquittals::new(Arc::new(book.clone()));
        for _ in 0..5 {
            let strike = acquittals.clone().strike("e".to_owned()).await;
            assert_eq!(strike.strikes, 1, "no strike is left of an outage");
            book.0.away.store(true, SeqCst);
            acquittals.acquit_now("e".to_owned()).await;
            book.0.away.store(false, SeqCst);
        }
        acquittals.clone().strike("e".to_owned()).await;
        sleep(AGAIN * 10).await;
        assert_eq!(book.0.strikes.load(SeqCst), 1, "the last one stands");
    }
}
