//! What became of the events: stored, a duplicate, or a dead letter; anything else is missing.

use std::time::Duration;

use anyhow::Context;
use millrace_stack::{Service, Tenant};
use tokio_postgres::Client;

/// The queue's default name, with the suffix that the contract gives its dead letters.
pub(crate) const DEAD_LETTERS: &str = "analytics.data.collected.dlq";

/// A look at the books.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account {
    /// Messages that were, or will be, published.
    pub(crate) messages: u64,
    /// Events in the ledger.
    pub(crate) stored: u64,
    /// Messages whose event was in the ledger before.
    pub(crate) duplicates: u64,
    pub(crate) dead_letters: u64,
    /// Items in the ledger.
    pub(crate) items: u64,
    /// Rows in `post_analytics`.
    pub(crate) posts: u64,
    /// From the start of this program to the first row in `post_analytics`.
    pub(crate) first_row_after: Option<Duration>,
}

// === impl Account ===

impl Account {
    /// Looks again.
    pub(crate) async fn update(
        &mut self,
        tenant: &Tenant<'_>,
        service: &Service,
        database: &Client,
    ) -> anyhow::Result<()> {
        let sql = "SELECT count(*), coalesce(sum(item_count), 0)::bigint, (SELECT count(*) FROM post_analytics) FROM ingested_batches";
        let row = database
            .query_one(sql, &[])
            .await
            .context("cannot read the ledger")?;
        let number = |column: usize| row.get::<_, i64>(column).cast_unsigned();
        (self.stored, self.items, self.posts) = (number(0), number(1), number(2));
        self.dead_letters = tenant
            .queue(DEAD_LETTERS)
            .await?
            .map_or(0, |queue| queue.messages);
        let duplicates = service.metrics().await?.sum("analytics_duplicates_total", &[]);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of events"
        )]
        {
            self.duplicates = duplicates.unwrap_or_default() as u64;
        }
        Ok(())
    }

    /// Messages of which the end is known.
    pub(crate) fn done(&self) -> u64 {
        self.stored + self.duplicates + self.dead_letters
    }

    /// Whether every message is accounted for, and none twice.
    pub(crate) fn is_complete(&self) -> bool {
        self.done() == self.messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_must_be_accounted_for_exactly_once() {
        let account = |stored| Account {
            messages: 10,
            stored,
            duplicates: 2,
            dead_letters: 1,
            ..Account::default()
        };
        assert!(account(7).is_complete());
        assert!(!account(6).is_complete());
        assert!(!account(8).is_complete());
    }
}
