//! How long things may take within a transaction.

use std::time::Duration;

/// How long the server may wait in one transaction.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimits {
    /// One statement.
    pub statement: Duration,
    /// A wait for a lock.
    pub lock: Duration,
}

// === impl TimeLimits ===

impl TimeLimits {
    /// Of a transaction. A row that was locked at the first attempt is either free again or still locked.
    pub fn of(statement: Duration, was_tried: bool) -> Self {
        let share = if was_tried { 8 } else { 2 };
        Self {
            statement,
            lock: statement / share,
        }
    }

    /// Begins a transaction. All settings are local to it, so that they also hold behind a connection pooler. What
    /// the server or the role has for defaults must not change what is stored: notes on the age of values hold times.
    pub fn begin(self) -> String {
        let millis = |time: Duration| time.as_millis().max(1);
        let statement = millis(self.statement);
        // A wait for a lock must end before the statement does, to be told apart from slow work.
        format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = {statement}; \
             SET LOCAL lock_timeout = {lock}; SET LOCAL idle_in_transaction_session_timeout = {statement}; \
             SET LOCAL TimeZone = 'UTC'",
            lock = millis(self.lock),
        )
    }
}
