//! Asks each dependency again and again, and remembers the last answer.

use super::DependencyStatus;
use crate::probe::{Answer, Probe};
use jiff::Timestamp;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// How often each dependency is asked, and how long an answer may take.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Pause between two questions.
    pub interval: Duration,
    /// Bound on an answer.
    pub patience: Duration,
}

/// The last answers of all dependencies; cheap to clone.
#[derive(Clone)]
pub struct Dependencies {
    statuses: watch::Receiver<Vec<DependencyStatus>>,
}

/// Starts to ask each dependency by itself, so that a slow one delays no other, until `stop` is cancelled.
pub fn watch(
    probes: Vec<Probe>,
    pace: Pace,
    stop: &CancellationToken,
) -> (Dependencies, Vec<JoinHandle<()>>) {
    let since = Timestamp::now();
    let unasked = |probe: &Probe| DependencyStatus {
        name: probe.name,
        needed: probe.needed,
        ok: false,
        why: Some("not asked yet".to_owned()),
        since,
    };
    let (sender, statuses) = watch::channel(probes.iter().map(unasked).collect());
    let tasks = probes
        .into_iter()
        .enumerate()
        .map(|(at, probe)| {
            let watching = keep_asking(probe, pace, at, sender.clone());
            let stop = stop.clone();
            tokio::spawn(async move {
                let _ = stop.run_until_cancelled(watching).await;
            })
        })
        .collect();
    (Dependencies { statuses }, tasks)
}

async fn keep_asking(probe: Probe, pace: Pace, at: usize, statuses: watch::Sender<Vec<DependencyStatus>>) {
    let mut tick = tokio::time::interval(pace.interval);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asked_before = false;
    loop {
        tick.tick().await;
        let answer = probe.ask(pace.patience).await;
        statuses.send_if_modified(|statuses| match statuses.get_mut(at) {
            Some(status) => learn(status, answer, asked_before),
            None => false,
        });
        asked_before = true;
    }
}

/// Takes an answer in and logs it once for each change, not for each question.
fn learn(status: &mut DependencyStatus, answer: Answer, asked_before: bool) -> bool {
    let ok = answer.is_ok();
    let changed = ok != status.ok || !asked_before;
    let why = Some(answer.unwrap_or_else(|why| why));
    if changed {
        let now = Timestamp::now();
        let lasted = now.duration_since(status.since).as_secs_f64();
        let (name, detail) = (status.name, why.as_deref().unwrap_or_default());
        if ok {
            tracing::info!(
                dependency.name = name,
                dependency.previous_state_seconds = lasted,
                "{name} answers: {detail}"
            );
        } else {
            tracing::warn!(
                dependency.name = name,
                dependency.previous_state_seconds = lasted,
                "{name} does not answer: {detail}"
            );
        }
        status.since = now;
    }
    let modified = changed || status.why != why;
    status.ok = ok;
    status.why = why;
    modified
}

// === impl Pace ===

impl Default for Pace {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(2),
            patience: Duration::from_millis(1500),
        }
    }
}

// === impl Dependencies ===

impl Dependencies {
    /// The last answers.
    pub fn statuses(&self) -> Vec<DependencyStatus> {
        self.statuses.borrow().clone()
    }

    /// Waits until the answers are as wanted, or there is no reader any more.
    pub async fn wait_until(&mut self, wanted: impl Fn(&[DependencyStatus]) -> bool) -> bool {
        self.statuses.wait_for(|statuses| wanted(statuses)).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[tokio::test]
    async fn a_change_is_seen_and_a_mute_dependency_delays_no_other() {
        let up = Arc::new(AtomicBool::new(true));
        let seen = up.clone();
        let probes = vec![
            Probe::new("database", std::future::pending),
            Probe::new("rabbitmq", move || {
                let up = seen.load(Ordering::SeqCst);
                async move {
                    if up {
                        Ok("3.10".to_owned())
                    } else {
                        Err("connection refused".to_owned())
                    }
                }
            }),
        ];
        let pace = Pace {
            interval: Duration::from_millis(10),
            patience: Duration::from_millis(20),
        };
        let stop = CancellationToken::new();
        let (mut dependencies, tasks) = watch(probes, pace, &stop);
        assert!(dependencies.statuses().iter().all(|status| !status.ok));

        assert!(dependencies.wait_until(|all| all[1].ok).await);
        let first = dependencies.statuses()[1].clone();
        assert_eq!(first.why.as_deref(), Some("3.10"));
        assert!(
            dependencies
                .wait_until(|all| all[0].why.as_deref() == Some("no answer within 0.02 s"))
                .await
        );

        up.store(false, Ordering::SeqCst);
        assert!(dependencies.wait_until(|all| !all[1].ok).await);
        let second = dependencies.statuses()[1].clone();
        assert_eq!(second.why.as_deref(), Some("connection refused"));
        assert!(second.since >= first.since);

        stop.cancel();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(!dependencies.wait_until(|all| all[0].ok).await);
    }

    #[test]
    fn since_moves_only_with_a_change() {
        let since = Timestamp::UNIX_EPOCH;
        let mut status = DependencyStatus {
            needed: true,
            name: "database",
            ok: true,
            why: None,
            since,
        };
        learn(&mut status, Ok("16.1".to_owned()), true);
        assert_eq!(status.since, since);
        learn(&mut status, Err("gone".to_owned()), true);
        assert_ne!(status.since, since);
    }
}
