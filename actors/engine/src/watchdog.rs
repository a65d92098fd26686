//! What an actor works on and since when, as seen from outside its thread.

use super::{Affected, Fate};
use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};
use tracing::Span;

tokio::task_local! {
    /// The run that the current task is in.
    static RUN: Watchdog;
}

/// One actor's current run. Its clock stands still while the run waits for memory: that is not hanging.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watchdog(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Since when the run makes no progress; none while there is no run, or while it waits for memory.
    clock: watch::Sender<Option<Instant>>,
    events: Mutex<Vec<(Arc<str>, Span)>>,
}

// === impl Watchdog ===

impl Watchdog {
    /// Runs `work` on `events`, and gives it up when it makes no progress for `deadline`.
    pub(crate) async fn run<W: Future>(
        &self,
        events: Vec<(Arc<str>, Span)>,
        deadline: Duration,
        work: W,
    ) -> Option<W::Output> {
        self.hold(events);
        let mut clock = self.0.clock.subscribe();
        self.0.clock.send_replace(Some(Instant::now()));
        tokio::select! {
            biased;
            output = RUN.scope(self.clone(), work) => Some(output),
            () = overdue(&mut clock, deadline) => None,
        }
    }

    /// The run is over, however it ended.
    pub(crate) fn rest(&self) {
        self.0.clock.send_replace(None);
        self.hold(Vec::new());
    }

    /// Since when there is no progress, where there is a run that does not wait.
    pub(crate) fn since(&self) -> Option<Instant> {
        *self.0.clock.borrow()
    }

    /// The events of the run.
    pub(crate) fn affected(&self, fate: Fate) -> Vec<Affected> {
        let events = self.0.events.lock().unwrap_or_else(PoisonError::into_inner);
        let one = |(subject, span): &(Arc<str>, Span)| Affected {
            subject: subject.clone(),
            span: span.clone(),
            fate,
        };
        events.iter().map(one).collect()
    }

    fn hold(&self, events: Vec<(Arc<str>, Span)>) {
        *self.0.events.lock().unwrap_or_else(PoisonError::into_inner) = events;
    }
}

/// Stops the clock of the current run, where there is one, while it waits for `what`. Having got it is progress.
pub(crate) async fn excused<T>(what: impl Future<Output = T>) -> T {
    let clock = |at: Option<Instant>| {
        let _ = RUN.try_with(|watchdog| watchdog.0.clock.send_replace(at));
    };
    clock(None);
    let got = what.await;
    clock(Some(Instant::now()));
    got
}

/// Waits until the clock has run for `deadline`.
async fn overdue(clock: &mut watch::Receiver<Option<Instant>>, deadline: Duration) {
    loop {
        let since = *clock.borrow_and_update();
        let late = async {
            match since {
                Some(since) => tokio::time::sleep_until(since + deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = late => return,
            // The sender lives in the run that this is part of.
            _ = clock.changed() => {}
        }
    }
}
