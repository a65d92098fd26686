//! Where events come in and verdicts go out.

mod settings;

pub use settings::{AmqpSettings, RetrySettings};
