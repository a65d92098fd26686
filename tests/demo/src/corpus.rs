//! The corpus that `millrace generate` makes.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::Context;
use millrace_stack::Tenant;
use serde::Deserialize;

use crate::program::{Millrace, stdout_of};

/// Of 100 events so many are sent twice: the demo shows that it makes no difference.
const DUPLICATE_PERCENT: &str = "3";

/// Which corpus.
pub(crate) struct Corpus {
    pub(crate) items: usize,
    pub(crate) seed: u64,
}

/// The summary line of `millrace generate --json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Load {
    /// Different events.
    pub(crate) events: u64,
    /// Events that are published a second time.
    #[serde(default)]
    pub(crate) duplicates: u64,
    pub(crate) items: u64,
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    /// Messages that must become dead letters, by reason.
    #[serde(default)]
    pub(crate) expected_dead_letters: BTreeMap<String, u64>,
}

// === impl Corpus ===

impl Corpus {
    /// What it will hold, without making it.
    pub(crate) async fn plan(&self, millrace: &Millrace) -> anyhow::Result<Load> {
        let mut command = Command::new(millrace.path());
        command.args(self.arguments()).arg("--dry-run").env_clear();
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        Load::read(&stdout_of("millrace generate --dry-run", output)?)
    }

    /// Uploads its objects and publishes its events.
    pub(crate) async fn load(&self, millrace: &Millrace, tenant: &Tenant<'_>) -> anyhow::Result<Load> {
        let arguments = self.arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = tenant.command(millrace.path(), &arguments, &[]).await?;
        Load::read(&stdout_of("millrace generate", output)?)
    }

    fn arguments(&self) -> Vec<String> {
        let (items, seed) = (self.items.to_string(), self.seed.to_string());
        let words = [
            "generate",
            "--items",
            &items,
            "--seed",
            &seed,
            "--duplicates",
            DUPLICATE_PERCENT,
            "--json",
        ];
        words.map(str::to_owned).to_vec()
    }
}

// === impl Load ===

impl Load {
    /// All messages on the queue: each event, and some of them again.
    pub(crate) fn messages(&self) -> u64 {
        self.events + self.duplicates
    }

    fn read(output: &str) -> anyhow::Result<Self> {
        let line = output.lines().rfind(|line| line.starts_with('{'));
        let line = line.with_context(|| format!("millrace generate printed no JSON summary: {output:?}"))?;
        serde_json::from_str(line)
            .with_context(|| format!("millrace generate printed an odd summary: {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_the_last_json_line() {
        let output =
            "hello\n{\"events\":2,\"items\":3,\"objects\":1,\"bytes\":9,\"duplicates\":1,\"other\":0}\n";
        let load = Load::read(output).unwrap();
        assert_eq!((load.messages(), load.items), (3, 3));
        assert!(
            Load::read("hello\n")
                .unwrap_err()
                .to_string()
                .contains("no JSON summary")
        );
    }
}
