//! Strikes that are to be taken back. The database may be down at that moment, and a strike that stays would
//! be a death that nobody died: so an acquittal is owed until it is written, and goes before the next strike.

use crate::{
    strikes::{Strike, StrikeBook},
    supervision::Fault,
};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Mutex as Turn, oneshot},
    task::JoinHandle,
    time::sleep,
};
use tracing::{Instrument, Span, debug, info};

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

    /// Strikes until it is written down or nobody waits for it any more, debts first: without the note the
    /// event must not be worked on. It goes on by itself, so that it never holds its turn while nobody looks.
    pub(super) fn strike(&self, event_id: String, span: Span) -> oneshot::Receiver<Strike> {
        let (answer, struck) = oneshot::channel();
        tokio::spawn(self.clone().keep_striking(event_id, answer).instrument(span));
        struck
    }

    async fn keep_striking(self, event_id: String, answer: oneshot::Sender<Strike>) {
        let mut told = false;
        while !answer.is_closed() {
            if self.settle(&event_id).await {
                match self.strike_once(&event_id).await {
                    Ok(strike) => {
                        if answer.send(strike).is_err() {
                            self.acquit(event_id);
                        }
                        return;
                    }
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

    async fn strike_once(&self, event_id: &str) -> Result<Strike, Fault> {
        let _turn = self.0.turn.lock().await;
        self.0.book.strike(event_id.to_owned()).await
    }

    /// Takes the strikes of an event back, as soon as that can be written down; the task ends when it is.
    pub(super) fn acquit(&self, event_id: String) -> JoinHandle<()> {
        self.owed().insert(event_id.clone());
        let this = self.clone();
        tokio::spawn(async move {
            while !this.settle(&event_id).await {
                sleep(AGAIN).await;
            }
        })
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
    use futures_util::{FutureExt, future::BoxFuture};
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    use tokio::sync::watch;

    /// A book that can be out of reach, or slow.
    #[derive(Clone, Debug, Default)]
    struct Book(Arc<Shelf>);

    #[derive(Debug, Default)]
    struct Shelf {
        strikes: AtomicU32,
        state: watch::Sender<State>,
    }

    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    enum State {
        #[default]
        There,
        Away,
        Slow,
    }

    impl Book {
        fn set(&self, state: State) {
            self.0.state.send_replace(state);
        }

        fn strikes(&self) -> u32 {
            self.0.strikes.load(SeqCst)
        }

        fn write<T: Send + 'static>(
            &self,
            note: impl FnOnce(&Shelf) -> T + Send + 'static,
        ) -> BoxFuture<'static, Result<T, Fault>> {
            let shelf = self.0.clone();
            async move {
                let mut state = shelf.state.subscribe();
                let _ = state.wait_for(|state| *state != State::Slow).await;
                match *shelf.state.borrow() {
                    State::Away => Err(Fault::outage("database", "away")),
                    _ => Ok(note(&shelf)),
                }
            }
            .boxed()
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

    fn strike(acquittals: &Acquittals) -> oneshot::Receiver<Strike> {
        acquittals.strike("e".to_owned(), Span::none())
    }

    #[tokio::test(start_paused = true)]
    async fn an_acquittal_in_an_outage_is_written_down_later() {
        let book = Book::default();
        let acquittals = Acquittals::new(Arc::new(book.clone()));
        strike(&acquittals).await.unwrap();
        book.set(State::Away);
        let acquitted = acquittals.acquit("e".to_owned());
        sleep(AGAIN * 10).await;
        assert_eq!(book.strikes(), 1, "it could not be");
        book.set(State::There);
        acquitted.await.unwrap();
        assert_eq!(book.strikes(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_debt_goes_before_the_next_strike_and_never_after_it() {
        let book = Book::default();
        let acquittals = Acquittals::new(Arc::new(book.clone()));
        for _ in 0..5 {
            let struck = strike(&acquittals).await.unwrap();
            assert_eq!(struck.strikes, 1, "no strike is left of an outage");
            book.set(State::Away);
            acquittals.acquit("e".to_owned());
            sleep(AGAIN / 2).await;
            book.set(State::There);
        }
        strike(&acquittals).await.unwrap();
        sleep(AGAIN * 10).await;
        assert_eq!(book.strikes(), 1, "the last one stands");
    }

    #[tokio::test(start_paused = true)]
    async fn a_strike_that_nobody_waits_for_holds_nobody_up_and_is_taken_back() {
        let book = Book::default();
        let acquittals = Acquittals::new(Arc::new(book.clone()));
        book.set(State::Slow);
        let struck = strike(&acquittals);
        sleep(AGAIN).await;
        drop(struck);
        let acquitted = acquittals.acquit("e".to_owned());
        book.set(State::There);
        acquitted.await.unwrap();
        sleep(AGAIN * 10).await;
        assert_eq!(book.strikes(), 0);

        book.set(State::Away);
        drop(strike(&acquittals));
        sleep(AGAIN * 10).await;
        book.set(State::There);
        sleep(AGAIN * 10).await;
        assert_eq!(book.strikes(), 0, "it was given up");
    }
}
