//! The page at `/` as a person uses it: a real browser, the real service, real servers.
//!
//! One browser serves all tests; it lives in the shared stack and ends with this process, however that ends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hostile;
mod live;
mod looks;
mod restart;
mod site;
mod story;
mod tab;
mod token;
