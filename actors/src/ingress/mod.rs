//! Where events come in and verdicts go out.

pub mod amqp;
pub mod event;
mod metrics;
mod settings;
mod status;

pub use metrics::IngressMetrics;
pub use settings::{AmqpSettings, Broker, RetrySettings};
pub use status::{Depths, IngressStatus, Progress, State};
