//! A round trip to the brokers on a connection of its own.

use crate::{DEPENDENCY, KafkaSettings, topics};
use millrace_engine::Fault;

/// Asks a broker of the topics; says how many partitions they have. A topic that is missing is said too.
///
/// # Errors
/// [`Fault::Outage`] where no broker answers.
pub async fn ping(settings: &KafkaSettings) -> Result<String, Fault> {
    let there = topics::ask(settings).await;
    let there = there.map_err(|error| Fault::outage(DEPENDENCY, error.to_string()))?;
    let partitions: usize = there.values().map(|topic| topic.partitions).sum();
    let missing = settings.topics.iter().filter(|topic| !there.contains_key(*topic));
    let missing: Vec<_> = missing.map(String::as_str).collect();
    Ok(match missing.is_empty() {
        true => format!("answers; {partitions} partitions"),
        false => format!(
            "answers; {partitions} partitions, and these topics are waited for: {}",
            missing.join(", ")
        ),
    })
}
