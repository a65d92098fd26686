//! Due rows in a real Postgres: the process that claims them, how, and what becomes of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod claims;
mod keys;
mod outages;
mod outcomes;
mod rights;
mod server;
