//! RabbitMQ: a source whose messages a pipeline makes sense of ([`Events`]), and a publisher. The only crate that
//! names amqprs.
//!
//! An attempt, a retry, a dead letter and the quarantine of what kills processes are the same for every pipeline.

mod confirms;
mod consumers;
mod copier;
mod copies;
mod depths;
mod events;
pub mod failpoints;
mod fates;
mod findings;
mod held;
mod in_flight;
mod inspection;
mod link;
mod metrics;
mod names;
mod notes;
mod notes_health;
mod outbox;
mod ping;
mod publisher;
mod quarantine;
mod quarantined;
pub mod reasons;
mod replies;
mod retry;
mod rights;
mod session;
mod settings;
mod signals;
mod spans;
mod status;
mod survived;
mod topology;
mod undecodable;
pub mod wire;

pub use events::{Event, Events, Refusal};
pub use metrics::{AmqpMetrics, Ending};
pub use publisher::Publisher;
pub use settings::{AmqpSettings, Broker, RetrySettings};
pub use status::{AmqpStatus, Depths, Progress, State};

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
pub struct AmqpSource<E>(Arc<Shared<E>>);

/// What one session leaves to the next.
struct Shared<E> {
    events: E,
    settings: AmqpSettings,
    metrics: AmqpMetrics,
    status: AmqpStatus,
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

impl<E: Events> AmqpSource<E> {
    /// A source for one session after another.
    pub fn new(
        events: E,
        settings: AmqpSettings,
        metrics: AmqpMetrics,
        status: AmqpStatus,
        notes: Arc<dyn CrashNotes>,
        name: String,
    ) -> Self {
        Self(Arc::new(Shared {
            events,
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

impl<E> Clone for AmqpSource<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E: Events> Source for AmqpSource<E> {
    type Out = E::Message;

    async fn pull(&mut self, intake: Intake<E::Message>) -> Result<(), Fault> {
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
