//! A question to a dependency: are you there, and who are you?

use futures_util::future::BoxFuture;
use millrace_text::mask;
use std::time::Duration;

/// A round trip to one dependency, as often as it is asked.
pub struct Probe {
    /// The dependency, as its pipeline calls it.
    pub name: &'static str,
    /// Whether no delivery can be taken without it.
    pub needed: bool,
    ask: Box<dyn Fn() -> BoxFuture<'static, Answer> + Send + Sync>,
}

/// What is there (a version, an address), or why not and what to do.
pub type Answer = Result<String, String>;

// === impl Probe ===

impl Probe {
    /// A probe that asks with `ask`.
    pub fn new<F>(name: &'static str, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self {
            name,
            needed: true,
            ask: Box::new(move || Box::pin(ask())),
        }
    }

    /// The same of a dependency without which deliveries are taken all the same: what is meant for it waits elsewhere.
    #[must_use]
    pub fn not_needed(self) -> Self {
        Self {
            needed: false,
            ..self
        }
    }

    /// Asks once; no answer in time is an answer too.
    pub async fn ask(&self, patience: Duration) -> Answer {
        match tokio::time::timeout(patience, (self.ask)()).await {
            // It is readable without a token.
            Ok(answer) => answer.map(shown).map_err(shown),
            Err(_) => Err(format!("no answer within {} s", patience.as_secs_f64())),
        }
    }
}

fn shown(mut answer: String) -> String {
    mask::mask(&mut answer);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn silence_is_an_answer() {
        let mute = Probe::new("database", std::future::pending);
        let answer = mute.ask(Duration::from_millis(10)).await;
        assert_eq!(answer, Err("no answer within 0.01 s".to_owned()));
    }
}
