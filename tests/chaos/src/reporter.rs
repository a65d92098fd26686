//! What a person sees meanwhile: a bar on a terminal, plain lines otherwise.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const TICK: Duration = Duration::from_millis(200);

/// Tells.
pub(crate) struct Reporter {
    bar: Option<ProgressBar>,
}

// === impl Reporter ===

impl Reporter {
    pub(crate) fn new(messages: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(messages as u64);
            bar.enable_steady_tick(TICK);
            let style = ProgressStyle::with_template("{elapsed} {bar:30} {pos}/{len} published · {msg}");
            // A template of ours that does not parse costs the looks, not the run.
            style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
        });
        Self { bar }
    }

    /// A line that stays.
    pub(crate) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => println!("{line}"),
        }
    }

    /// One more message was published.
    pub(crate) fn published(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// What goes on now.
    pub(crate) fn now(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(what.to_owned()),
            None => println!("{what}"),
        }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
