//! A line on standard error that moves, and one that stays for each result.

use indicatif::{ProgressBar, ProgressStyle};

/// Where the whole program is, and where the current run.
pub(crate) struct Progress(ProgressBar);

// === impl Progress ===

impl Progress {
    pub(crate) fn new(steps: usize) -> Self {
        let bar = ProgressBar::new(steps as u64);
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} · {elapsed} of {duration} · {msg}");
        Self(style.map(|style| bar.clone().with_style(style)).unwrap_or(bar))
    }

    /// Names the step that begins.
    pub(crate) fn begin(&self, step: &str) {
        self.0.set_prefix(step.to_owned());
        self.0.set_message(step.to_owned());
    }

    /// So much of the step is done.
    pub(crate) fn set(&self, done: usize, of: usize) {
        self.0
            .set_message(format!("{}: {done}/{of} events", self.0.prefix()));
    }

    /// Ends the step with its result.
    pub(crate) fn end(&self, result: &str) {
        self.0.inc(1);
        // Not `println`: without a terminal the bar would swallow it.
        let line = format!("{}: {result}", self.0.prefix());
        self.0.suspend(|| eprintln!("{line}"));
    }
}
