//! What the ingress counts.

use super::event::Note;
use crate::{
    domain::{Platform, Reason},
    recent::Recent,
};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use std::time::{Duration, Instant};

/// Seconds; from the documents the project started from, with finer steps below 100 ms.
const EVENT_SECONDS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// How a delivery ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    Stored,
    DeadLettered(&'static str),
    Retried(&'static str),
    /// A copy took its place.
    Renewed,
    /// A dead letter that went round, because its queue took none.
    PutOff,
}

/// Counters and gauges of the way in and of the verdicts.
#[derive(Clone, Debug)]
pub struct IngressMetrics {
    pub(super) received: Counter,
    pub(super) processed: Family<PlatformLabel, Counter>,
    pub(super) failed: Family<ReasonLabel, Counter>,
    pub(super) seconds: Family<PlatformLabel, Histogram>,
    pub(super) redeliveries: Counter,
    pub(super) suspects: Counter,
    pub(super) quarantined: Gauge,
    pub(super) quarantine_statements: Family<StatementLabel, Counter>,
    pub(super) quarantine_errors: Counter,
    /// The writer's: it finds the others.
    pub(super) duplicates: Counter,
    pub(super) retries: Family<StageLabel, Counter>,
    pub(super) dead_letters: Family<ReasonLabel, Counter>,
    pub(super) in_flight: Gauge,
    pub(super) connected: Gauge,
    pub(super) notes: Family<KindLabel, Counter>,
    pub(super) job_ids_unparsed: Counter,
    pub(super) publish_errors: Counter,
    pub(super) renewed: Counter,
    pub(super) copies_held: Gauge,
    pub(super) put_off: Counter,
    pub(super) recent: Recent,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PlatformLabel {
    pub(super) platform: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ReasonLabel {
    pub(super) reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct StageLabel {
    pub(super) stage: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct KindLabel {
    pub(super) kind: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct StatementLabel {
    pub(super) statement: Statement,
}

/// What is written about redelivered events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Statement {
    Mark,
    Attempt,
    GiveBack,
    Clear,
}

// === impl Statement ===

impl Statement {
    const ALL: [Self; 4] = [Self::Mark, Self::Attempt, Self::GiveBack, Self::Clear];
}

impl EncodeLabelValue for Statement {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        let name = match self {
            Self::Mark => "mark",
            Self::Attempt => "attempt",
            Self::GiveBack => "give_back",
            Self::Clear => "clear",
        };
        EncodeLabelValue::encode(&name, encoder)
    }
}

// === impl Ending ===

impl Ending {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::DeadLettered(_) => "dead_lettered",
            Self::Retried(_) => "retried",
            Self::Renewed => "renewed",
            Self::PutOff => "held",
        }
    }
}

// === impl IngressMetrics ===

impl IngressMetrics {
    /// Makes the metrics and registers them.
    /// `duplicates` is who counts events that are stored already.
    pub fn register(registry: &mut Registry, recent: Recent, duplicates: Counter) -> Self {
        let metrics = Self {
            received: Counter::default(),
            processed: Family::default(),
            failed: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(EVENT_SECONDS)),
            redeliveries: Counter::default(),
            suspects: Counter::default(),
            quarantined: Gauge::default(),
            quarantine_statements: Family::default(),
            quarantine_errors: Counter::default(),
            duplicates,
            retries: Family::default(),
            dead_letters: Family::default(),
            in_flight: Gauge::default(),
            connected: Gauge::default(),
            notes: Family::default(),
            job_ids_unparsed: Counter::default(),
            publish_errors: Counter::default(),
            renewed: Counter::default(),
            copies_held: Gauge::default(),
            put_off: Counter::default(),
            recent,
        };
        metrics.show_from_the_start();
        let all = metrics.clone();
        registry.register(
            "analytics_events_received",
            "Deliveries taken from the broker",
            all.received,
        );
        registry.register(
            "analytics_events_processed",
            "Events stored and acknowledged",
            all.processed,
        );
        registry.register(
            "analytics_events_failed",
            "Events that ended as dead letters",
            all.failed,
        );
        registry.register_with_unit(
            "analytics_event_processing_duration",
            "From delivery to acknowledgement",
            Unit::Seconds,
            all.seconds,
        );
        registry.register(
            "analytics_redeliveries",
            "Deliveries the broker had delivered before",
            all.redeliveries,
        );
        registry.register(
            "analytics_suspects",
            "Quarantined events worked on alone, because one of them may have killed two processes",
            all.suspects,
        );
        registry.register(
            "analytics_quarantined_events",
            "Events in quarantine, here or in a retry queue",
            all.quarantined,
        );
        registry.register(
            "analytics_quarantine_statements",
            "Statements about redelivered events, each about many",
            all.quarantine_statements,
        );
        registry.register(
            "analytics_quarantine_errors",
            "Such statements that failed; redelivered events wait meanwhile",
            all.quarantine_errors,
        );
        registry.register(
            "analytics_retries",
            "Events sent back to be tried again, by the room that asked",
            all.retries,
        );
        registry.register(
            "analytics_dead_letters",
            "Messages put into a dead-letter queue",
            all.dead_letters,
        );
        registry.register(
            "analytics_inflight_events",
            "Deliveries not settled yet",
            all.in_flight,
        );
        registry.register(
            "analytics_rabbitmq_connection_status",
            "1 while connected, else 0",
            all.connected,
        );
        registry.register(
            "analytics_event_fields_repaired",
            "Event fields that were read with a fallback",
            all.notes,
        );
        registry.register(
            "analytics_job_id_unparsed",
            "Job ids that no rule could read",
            all.job_ids_unparsed,
        );
        registry.register(
            "analytics_publish_errors",
            "Messages that the broker refused, returned or did not confirm in time",
            all.publish_errors,
        );
        registry.register(
            "analytics_messages_renewed",
            "Messages replaced by a copy before their quorum queue gives up on them",
            all.renewed,
        );
        registry.register(
            "analytics_copies_held",
            "Deliveries held because no queue takes their copy, a retry or a dead letter",
            all.copies_held,
        );
        registry.register(
            "analytics_dead_letters_put_off",
            "Dead letters sent round through the retry queue, because the dead-letter queue took none",
            all.put_off,
        );
        metrics
    }

    /// A series that is there from the start shows its first increase.
    fn show_from_the_start(&self) {
        for platform in Platform::LABELS {
            let label = PlatformLabel { platform };
            drop(self.processed.get_or_create(&label));
            drop(self.seconds.get_or_create(&label));
        }
        for reason in Reason::ALL.iter().filter(|reason| !reason.is_of_item()) {
            let label = ReasonLabel {
                reason: reason.code(),
            };
            drop(self.failed.get_or_create(&label));
            drop(self.dead_letters.get_or_create(&label));
        }
        for statement in Statement::ALL {
            drop(
                self.quarantine_statements
                    .get_or_create(&StatementLabel { statement }),
            );
        }
        for stage in ["none", "fetcher", "parser", "writer", "quarantine"] {
            drop(self.retries.get_or_create(&StageLabel { stage }));
        }
        for kind in Note::KINDS.map(Note::code) {
            drop(self.notes.get_or_create(&KindLabel { kind }));
        }
    }

    /// Counts a delivery that is acknowledged.
    pub(super) fn settled(&self, ending: Ending, platform: &'static str, took: Duration) {
        let now = Instant::now();
        match ending {
            Ending::Stored => {
                let platform = PlatformLabel { platform };
                self.processed.get_or_create(&platform).inc();
                self.seconds.get_or_create(&platform).observe(took.as_secs_f64());
                self.recent.note(now, |happened| {
                    happened.stored += 1;
                    happened.latency.record(took);
                });
            }
            Ending::DeadLettered(reason) => {
                let label = ReasonLabel { reason };
                self.failed.get_or_create(&label).inc();
                self.dead_letters.get_or_create(&label).inc();
                self.recent.note(now, |happened| happened.dead_lettered += 1);
            }
            Ending::Retried(stage) => {
                self.retries.get_or_create(&StageLabel { stage }).inc();
                self.recent.note(now, |happened| happened.retried += 1);
            }
            Ending::Renewed => {
                self.renewed.inc();
            }
            Ending::PutOff => {
                self.put_off.inc();
            }
        }
    }
}
