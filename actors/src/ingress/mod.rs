//! Where events come in and verdicts go out.

pub mod event;
mod settings;

pub use settings::{AmqpSettings, RetrySettings};
