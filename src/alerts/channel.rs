//! The way to one receiver: a task that takes what waits there, at its own pace.

use super::{
    metrics::{AlertMetrics, Outcome},
    outbox::{Outbox, Waiting},
    post::{Answer, Sender},
    rule::Rule,
};
use millrace_engine::{Backoff, jitter};
use serde_json::Value;
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How a receiver wants to be written to.
pub(super) trait Form: Send + Sync {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;
    /// Whether it wants to hear of this rule.
    fn wants(&self, rule: Rule) -> bool;
    /// What waits, in as many requests as the receiver wants.
    fn write(&self, waiting: &[Waiting]) -> Vec<Request>;
}

/// The body of one request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) body: Value,
    /// The notices in it.
    pub(super) numbers: Vec<u64>,
}

/// How fast a receiver is written to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Bound on one request.
    pub(super) timeout: Duration,
    /// Pauses after failures.
    pub(super) backoff: Backoff,
    /// What is still to be told at a stop may take so long.
    pub(super) farewell: Duration,
    /// So many times a receiver is turned to within [`span`](Self::span), and no more. What comes in between goes together.
    pub(super) rounds: usize,
    pub(super) span: Duration,
}

/// One receiver, and what it is still to be told.
pub(super) struct Channel {
    form: Arc<dyn Form>,
    sender: Sender,
    outbox: Outbox,
    pace: Pace,
    metrics: AlertMetrics,
    rounds: Rounds,
    failures: u32,
    /// Not before this after a failure.
    again_at: Instant,
}

/// The last rounds.
#[derive(Debug)]
struct Rounds {
    most: usize,
    span: Duration,
    times: VecDeque<Instant>,
}

const MINUTE: Duration = Duration::from_secs(60);

// === impl Pace ===

impl Default for Pace {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            backoff: Backoff::doubling(Duration::from_secs(1), MINUTE),
            farewell: Duration::from_secs(1),
            rounds: 10,
            span: MINUTE,
        }
    }
}

// === impl Channel ===

impl Channel {
    pub(super) fn new(form: Arc<dyn Form>, sender: Sender, pace: Pace, metrics: AlertMetrics) -> Self {
        metrics.receiver(form.name());
        Self {
            form,
            sender,
            outbox: Outbox::default(),
            metrics,
            rounds: Rounds::new(pace.rounds, pace.span),
            pace,
            failures: 0,
            again_at: Instant::now(),
        }
    }

    /// How it wants to be written to, and where notices for it are put.
    pub(super) fn receiver(&self) -> (Arc<dyn Form>, Outbox) {
        (self.form.clone(), self.outbox.clone())
    }

    /// Tells what waits until `stop` is cancelled, and then for a moment what is left.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let farewell = self.pace.farewell;
        let too_long = async {
            stop.cancelled().await;
            sleep(farewell).await;
        };
        tokio::select! {
            () = self.talk(&stop) => {}
            () = too_long => {}
        }
        let unsent = self.outbox.waiting().len();
        if unsent > 0 {
            let channel = self.form.name();
            self.metrics.count(channel, Outcome::Unsent, unsent);
            warn!(
                alert.channel = channel,
                unsent, "leaving with alerts that {channel} was not told"
            );
        }
    }

    async fn talk(&mut self, stop: &CancellationToken) {
        loop {
            if self.outbox.waiting().is_empty() {
                tokio::select! {
                    biased;
                    () = self.outbox.filled() => {}
                    () = stop.cancelled() => return,
                }
            }
            let next = self.again_at.max(self.rounds.free_at(Instant::now()));
            let _ = stop.run_until_cancelled(sleep_until(next)).await;
            let last = stop.is_cancelled();
            if !self.round().await && last {
                return;
            }
        }
    }

    /// Tells all that waits; false when it is to be tried again.
    async fn round(&mut self) -> bool {
        let waiting = self.outbox.waiting();
        if waiting.is_empty() {
            return true;
        }
        self.rounds.note(Instant::now());
        for request in self.form.write(&waiting) {
            let answer = self.sender.post(&request.body).await;
            if !self.learn(answer, &request) {
                return false;
            }
        }
        true
    }

    /// Takes an answer in; false when the receiver wants to be left alone for now. Logs a row of failures
    /// once, at its beginning and at its end.
    fn learn(&mut self, answer: Answer, request: &Request) -> bool {
        let (channel, notices) = (self.form.name(), request.numbers.len());
        match answer {
            Answer::Taken => {
                self.outbox.done(&request.numbers);
                self.metrics.count(channel, Outcome::Sent, notices);
                if self.failures > 0 {
                    info!(
                        alert.channel = channel,
                        failures = self.failures,
                        "{channel} takes alerts again"
                    );
                }
                self.failures = 0;
                true
            }
            Answer::Refused { why } => {
                self.outbox.done(&request.numbers);
                self.metrics.count(channel, Outcome::Refused, notices);
                warn!(
                    alert.channel = channel,
                    "{channel} refuses an alert: {why}; check the address and the key that are set for it"
                );
                true
            }
            Answer::Later { why, after } => {
                self.metrics.count(channel, Outcome::Failed, notices);
                if self.failures == 0 {
                    warn!(
                        alert.channel = channel,
                        "cannot tell {channel}: {why}; trying again"
                    );
                }
                self.failures = self.failures.saturating_add(1);
                self.again_at = Instant::now() + after.unwrap_or_else(|| self.pause());
                false
            }
        }
    }

    /// Replicas that fail together do not come back together.
    fn pause(&self) -> Duration {
        self.pace.backoff.after(self.failures).mul_f64(jitter(0.5))
    }
}

// === impl Rounds ===

impl Rounds {
    fn new(most: usize, span: Duration) -> Self {
        let times = VecDeque::new();
        Self { most, span, times }
    }

    /// When another one is allowed.
    fn free_at(&self, now: Instant) -> Instant {
        let full = self.times.len() >= self.most;
        let oldest = self.times.front().filter(|_| full);
        oldest.map_or(now, |oldest| *oldest + self.span)
    }

    fn note(&mut self, now: Instant) {
        self.times.push_back(now);
        while self.times.len() > self.most {
            self.times.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_rounds_in_any_minute_than_allowed() {
        let mut rounds = Rounds::new(3, MINUTE);
        let mut now = Instant::now();
        let mut made = Vec::new();
        for _ in 0..10 {
            now = now.max(rounds.free_at(now));
            rounds.note(now);
            made.push(now);
        }
        for four in made.windows(4) {
            assert!(four[3] - four[0] >= MINUTE, "{made:?}");
        }
        assert_eq!(made[2], made[0], "what is allowed happens at once");
    }
}
