//! RabbitMQ. The only place that names amqprs.

mod confirms;
mod copies;
mod in_flight;
mod link;
mod outbox;
mod publisher;
mod retry;
mod session;
mod settling;
mod signals;
mod topology;

pub use publisher::Publisher;

use super::{AmqpSettings, IngressMetrics, IngressStatus};
use crate::{
    messages::BatchRef,
    supervision::{Fault, Intake, Source},
};
use link::{Link, bounded};
use session::Session;
use std::sync::Arc;
use tracing::info;

/// Consumes events and settles them.
#[derive(Clone)]
pub struct AmqpSource {
    settings: Arc<AmqpSettings>,
    metrics: IngressMetrics,
    status: IngressStatus,
    /// How the broker's operators see us: on connections and consumers.
    name: String,
}

/// A round trip to the broker: connect, say goodbye; tells its product and version.
///
/// # Errors
/// An outage that says what the broker or the network said.
pub async fn ping(settings: &AmqpSettings) -> Result<String, Fault> {
    let (signals, _nobody) = tokio::sync::mpsc::unbounded_channel();
    bounded(settings, async {
        let link = Link::open(settings, "millrace check", &signals).await?;
        let properties = link.connection.server_properties();
        let server = format!("{} {}", properties.product(), properties.version());
        link.close().await;
        Ok(server)
    })
    .await
}

// === impl AmqpSource ===

impl AmqpSource {
    /// A source for one session after another.
    pub fn new(
        settings: Arc<AmqpSettings>,
        metrics: IngressMetrics,
        status: IngressStatus,
        name: String,
    ) -> Self {
        Self {
            settings,
            metrics,
            status,
            name,
        }
    }
}

impl Source for AmqpSource {
    type Out = BatchRef;

    async fn pull(&mut self, intake: Intake<BatchRef>) -> Result<(), Fault> {
        let opening = Session::open(&self.settings, &self.metrics, &self.status, &self.name);
        let ended = match bounded(&self.settings, opening).await {
            Ok(session) => {
                info!(
                    queue = self.settings.queue,
                    prefetch = self.settings.prefetch,
                    "consuming"
                );
                self.status.set(true, "consuming");
                self.metrics.connected.set(1);
                intake.consuming();
                session.run(intake).await
            }
            Err(fault) => Err(fault),
        };
        let why = ended
            .as_ref()
            .map_or_else(ToString::to_string, |()| "drained".to_owned());
        self.status.set(false, why);
        self.metrics.connected.set(0);
        ended
    }
}
