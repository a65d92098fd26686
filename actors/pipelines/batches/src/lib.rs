//! The pipeline of crawled batches: an [`event`] names an object, [`fetch`] gets it, [`parse`] makes rows of it, and
//! [`mod@write`] stores them in one transaction.
//!
//! [`domain`] holds the words and [`messages`] what the stages say to each other; [`recent`] is what they note for
//! health and alerts, [`reports`] what the API is told, and [`failpoints`] is for tests.

pub mod domain;
pub mod event;
pub mod failpoints;
pub mod fetch;
pub mod messages;
pub mod parse;
pub mod recent;
pub mod reports;
pub mod write;

/// What the pipeline is called.
pub const NAME: &str = "batches";
