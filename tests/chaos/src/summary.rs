//! The end of a run, for people and for machines.

use std::collections::BTreeMap;
use std::fmt;

use comfy_table::Table;
use serde::Serialize;

use crate::fault::Fault;
use crate::figures::{Figures, Spread, Termination};
use crate::findings::Findings;
use crate::run::Outcome;

/// `MEMORY_BUDGET_MB` of the product, and what it may need beside it for each byte of it.
const BUDGET_KIB: f64 = 32.0 * 1024.0;
const BUDGET_SHARE: f64 = 1.3;

/// All of it.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Whether everything is as it must be.
    pub green: bool,
    /// Makes the same run again.
    pub seed: u64,
    /// Of the product.
    pub replicas: usize,
    /// How many of each kind were played.
    pub faults: BTreeMap<&'static str, usize>,
    /// All of them, in order.
    pub schedule: Vec<Fault>,
    /// Published, duplicates included.
    pub messages: usize,
    /// In the batches of all events.
    pub items: usize,
    /// Of 100 looks at the queues during the faults, so many found work in them.
    pub busy_percent: usize,
    /// What the oracle says.
    pub findings: Findings,
    /// Stored events that were charged an attempt: for trouble of their own, not for an outage.
    pub charged: usize,
    /// Whether the queues were empty in the end.
    pub drained: bool,
    /// From the last fault until they were.
    pub drain_seconds: f64,
    /// How long things took.
    pub figures: Figures,
    /// Each orderly stop; the last ones are those at the end.
    pub terminations: Vec<Termination>,
    /// Exit codes of the times that the product ended by itself.
    pub gave_up: Vec<Option<i32>>,
    /// The product's memory before the load.
    pub base_memory_kib: u64,
    /// The most there was.
    pub peak_memory_kib: u64,
    /// What the most may be by the book: base + 1.3 × `MEMORY_BUDGET_MB`.
    pub allowed_memory_kib: u64,
}

// === impl Outcome ===

impl Outcome {
    /// Its figures, and whether all is well: the oracle agrees, the queues ran empty, and every SIGTERM ended with 0.
    pub fn summary(&self) -> Summary {
        let mut faults = BTreeMap::new();
        for fault in &self.played {
            *faults.entry(fault.kind.name()).or_default() += 1;
        }
        let stopped_well = |stop: &Termination| !stop.ran || stop.exit_code == Some(0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive constant"
        )]
        let allowed_memory_kib = self.base_memory_kib + (BUDGET_KIB * BUDGET_SHARE) as u64;
        Summary {
            green: self.findings.is_green() && self.drained && self.terminations.iter().all(stopped_well),
            seed: self.plan.seed,
            replicas: self.replicas,
            faults,
            schedule: self.played.clone(),
            messages: self.messages,
            items: self.items,
            busy_percent: self.busy_percent,
            findings: self.findings.clone(),
            charged: self.charged,
            drained: self.drained,
            drain_seconds: self.drain_seconds,
            figures: self.figures.clone(),
            terminations: self.terminations.clone(),
            gave_up: self.gave_up.clone(),
            base_memory_kib: self.base_memory_kib,
            peak_memory_kib: self.peak_memory_kib,
            allowed_memory_kib,
        }
    }
}

// === impl Summary ===

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        for (name, value) in self.lines() {
            table.add_row([name, value]);
        }
        writeln!(f, "{table}")?;
        f.write_str(&self.findings.report)?;
        let colour = if self.green { "GREEN" } else { "RED" };
        write!(f, "{colour}: seed {}", self.seed)
    }
}

impl Summary {
    fn lines(&self) -> Vec<(String, String)> {
        let findings = &self.findings;
        let kinds: Vec<String> = self
            .faults
            .iter()
            .map(|(kind, count)| format!("{kind} {count}"))
            .collect();
        let drained = if self.drained { "empty" } else { "NOT EMPTY" };
        let lines = [
            ("faults", format!("{}: {}", self.schedule.len(), kinds.join(", "))),
            ("replicas", self.replicas.to_string()),
            (
                "events",
                format!(
                    "{}, in {} messages, {} items",
                    findings.events, self.messages, self.items
                ),
            ),
            (
                "queues with work in them",
                format!("{} % of the time", self.busy_percent),
            ),
            ("rows checked", findings.rows.to_string()),
            ("obligations", findings.obligations.to_string()),
            ("lost", findings.lost.to_string()),
            ("doubled", findings.doubled.to_string()),
            ("moved backwards", findings.moved_backwards.to_string()),
            ("different", findings.different.to_string()),
            (
                "unexpected dead letters",
                counts(&findings.unexpected_dead_letters),
            ),
            ("extra copies of dead letters", findings.extra_copies.to_string()),
            (
                "events that were charged",
                format!("{} of those stored, with an attempt", self.charged),
            ),
            (
                "queues",
                format!("{drained} {:.1} s after the last fault", self.drain_seconds),
            ),
            ("broker back → consuming", spread(self.figures.consuming_again)),
            (
                "black hole noticed after",
                spread(self.figures.black_hole_noticed),
            ),
            ("dependency lost → not ready", spread(self.figures.not_ready)),
            ("SIGTERM", terminations(&self.terminations)),
            (
                "ended by itself",
                format!("{} times {:?}", self.gave_up.len(), self.gave_up),
            ),
            ("memory", self.memory()),
        ];
        lines.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    fn memory(&self) -> String {
        let mib = |kib: u64| kib / 1024;
        format!(
            "{} MiB at rest, {} MiB at most (base + 1.3 × budget is {} MiB)",
            mib(self.base_memory_kib),
            mib(self.peak_memory_kib),
            mib(self.allowed_memory_kib)
        )
    }
}

fn counts(counts: &BTreeMap<String, usize>) -> String {
    if counts.is_empty() {
        return "0".to_owned();
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    counts.join(", ")
}

fn spread(spread: Option<Spread>) -> String {
    match spread {
        Some(Spread {
            samples,
            p50,
            p99,
            max,
        }) => format!("p50 {p50:.2} s, p99 {p99:.2} s, max {max:.2} s ({samples} times)"),
        None => "not measured".to_owned(),
    }
}

fn terminations(all: &[Termination]) -> String {
    let ran: Vec<&Termination> = all.iter().filter(|stop| stop.ran).collect();
    let well = ran.iter().filter(|stop| stop.exit_code == Some(0)).count();
    let longest = ran.iter().map(|stop| stop.seconds).fold(0.0, f64::max);
    let others: Vec<_> = ran
        .iter()
        .map(|stop| stop.exit_code)
        .filter(|code| *code != Some(0))
        .collect();
    format!(
        "{well} of {} ended with 0, within {longest:.1} s; others: {others:?}",
        ran.len()
    )
}
