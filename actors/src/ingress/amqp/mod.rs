//! RabbitMQ. The only place that names amqprs.

mod confirms;
mod consumers;
mod copier;
mod copies;
mod depths;
pub mod failpoints;
mod fates;
mod findings;
mod held;
mod holding;
mod in_flight;
mod inspection;
mod link;
mod names;
mod notes;
mod notes_health;
mod outbox;
mod publisher;
mod pulse;
mod quarantine;
mod quarantined;
mod redelivered;
mod renewal;
mod replies;
mod retry;
mod rights;
mod session;
mod settling;
mod signals;
mod spans;
mod survived;
mod topology;
mod undecodable;
pub mod wire;

pub use publisher::Publisher;

use super::{AmqpSettings, IngressMetrics, IngressStatus};
use crate::messages::BatchRef;
use findings::Findings;
use inspection::Known;
use link::{Link, bounded};
use millrace_engine::crashes::CrashNotes;
use millrace_engine::{Fault, Intake, Source};
use notes::Notes;
use quarantined::Quarantined;
use session::Session;
use std::sync::Arc;
use survived::Survived;

/// Consumes events and settles them.
#[derive(Clone)]
pub struct AmqpSource(Arc<Shared>);

/// What one session leaves to the next.
struct Shared {
    settings: AmqpSettings,
    metrics: IngressMetrics,
    status: IngressStatus,
    notes: Notes,
    /// How the broker's operators see us: on connections and consumers.
    name: String,
    /// How queues were when a session looked at them.
    traits: Known,
    findings: Findings,
    survived: Survived,
    quarantined: Quarantined,
}

/// A round trip to the broker: connect, look whether what `run` needs is there and allowed, say goodbye. Tells
/// its product and version, and what may be lost in the queues as they are.
///
/// # Errors
/// An outage that says what the broker or the network said.
pub async fn ping(settings: &AmqpSettings) -> Result<String, Fault> {
    let (signal_tx, mut signals) = tokio::sync::mpsc::unbounded_channel();
    bounded(settings, async {
        let link = Link::open(settings, "millrace check", &signal_tx).await?;
        let properties = link.connection.server_properties();
        let server = format!("{} {}", properties.product(), properties.version());
        let checked = rights::check(&link, settings).await;
        let checked = checked.map_err(|fault| link::in_its_words(&mut signals, fault));
        link.close().await;
        let mut said = vec![server];
        said.extend(checked?.into_iter().map(|warning| format!("warning: {warning}")));
        Ok(said.join("; "))
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
        notes: Arc<dyn CrashNotes>,
        name: String,
    ) -> Self {
        Self(Arc::new(Shared {
            notes: Notes::new(notes, metrics.clone(), status.clone()),
            quarantined: Quarantined::new(metrics.clone(), settings.retry.max_delay),
            survived: Survived::default(),
            settings,
            metrics,
            status,
            name,
            traits: Known::default(),
            findings: Findings::default(),
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
