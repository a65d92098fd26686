//! RabbitMQ. The only place that names amqprs.

mod acquittals;
mod confirms;
mod consumers;
mod copier;
mod copies;
mod depths;
mod fates;
mod held;
mod holding;
mod in_flight;
mod innocents;
mod isolation;
mod link;
mod names;
mod outbox;
mod publisher;
mod pulse;
mod renewal;
mod retry;
mod session;
mod settling;
mod signals;
mod spans;
mod suspects;
mod topology;
mod undecodable;
pub mod wire;

pub use publisher::Publisher;

use super::{AmqpSettings, IngressMetrics, IngressStatus};
use crate::{
    messages::BatchRef,
    strikes::StrikeBook,
    supervision::{Fault, Intake, Source},
};
use acquittals::Acquittals;
use innocents::Innocents;
use link::{Link, bounded};
use session::Session;
use std::sync::Arc;

/// Consumes events and settles them.
#[derive(Clone)]
pub struct AmqpSource(Arc<Shared>);

/// What one session leaves to the next.
struct Shared {
    settings: AmqpSettings,
    metrics: IngressMetrics,
    status: IngressStatus,
    acquittals: Acquittals,
    /// How the broker's operators see us: on connections and consumers.
    name: String,
    innocents: Innocents,
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
        settings: AmqpSettings,
        metrics: IngressMetrics,
        status: IngressStatus,
        strikes: Arc<dyn StrikeBook>,
        name: String,
    ) -> Self {
        Self(Arc::new(Shared {
            settings,
            metrics,
            status,
            acquittals: Acquittals::new(strikes),
            name,
            innocents: Innocents::default(),
        }))
    }
}

impl Source for AmqpSource {
    type Out = BatchRef;

    async fn pull(&mut self, intake: Intake<BatchRef>) -> Result<(), Fault> {
        let shared = &self.0;
        let opening = bounded(&shared.settings, Session::open(shared));
        let opened = tokio::select! {
            opened = opening => opened,
            // Nothing is in flight yet, so there is nothing to wait for.
            () = intake.drain.ordered() => return Ok(()),
        };
        let ended = match opened {
            Ok(session) => {
                shared.status.connected();
                shared.metrics.connected.set(1);
                session.run(intake).await
            }
            Err(fault) => Err(fault),
        };
        let why = ended
            .as_ref()
            .map_or_else(ToString::to_string, |()| "drained".to_owned());
        shared.status.disconnected(&why);
        shared.metrics.connected.set(0);
        ended
    }
}
