//! What a source counts. A pipeline registers it under its own prefix.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// How a delivery ended.
#[derive(Clone, Copy, Debug)]
pub enum Ending {
    /// All is stored.
    Stored,
    /// In the dead-letter queue, for this reason.
    DeadLettered(&'static str),
    /// To be tried again, because this stage asked for it.
    Retried(&'static str),
    /// A copy took its place.
    Renewed,
    /// A dead letter that went round, because its queue took none.
    PutOff,
}

/// Counters and gauges of the way in and of the outcomes.
#[derive(Clone, Debug)]
pub struct AmqpMetrics {
    pub(super) received: Counter,
    pub(super) redeliveries: Counter,
    pub(super) isolated: Counter,
    pub(super) quarantined: Gauge,
    pub(super) quarantine_statements: Family<StatementLabel, Counter>,
    pub(super) quarantine_errors: Counter,
    /// The writer's: it finds the others.
    pub(super) ledger_questions: Counter,
    pub(super) fetches_spared: Counter,
    pub(super) retries: Family<StageLabel, Counter>,
    pub(super) dead_letters: Family<ReasonLabel, Counter>,
    pub(super) in_flight: Gauge,
    pub(super) connected: Gauge,
    pub(super) publish_errors: Counter,
    pub(super) renewed: Counter,
    pub(super) copies_held: Gauge,
    pub(super) put_off: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ReasonLabel {
    pub(super) reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct StageLabel {
    pub(super) stage: &'static str,
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

// === impl AmqpMetrics ===

impl AmqpMetrics {
    /// Makes the metrics and registers them without a prefix. `stages` may ask for a retry, `reasons` are those for
    /// which a message may be dead-lettered.
    pub fn register(
        registry: &mut Registry,
        stages: &[&'static str],
        reasons: impl Iterator<Item = &'static str>,
    ) -> Self {
        let metrics = Self {
            received: Counter::default(),
            redeliveries: Counter::default(),
            isolated: Counter::default(),
            quarantined: Gauge::default(),
            quarantine_statements: Family::default(),
            quarantine_errors: Counter::default(),
            ledger_questions: Counter::default(),
            fetches_spared: Counter::default(),
            retries: Family::default(),
            dead_letters: Family::default(),
            in_flight: Gauge::default(),
            connected: Gauge::default(),
            publish_errors: Counter::default(),
            renewed: Counter::default(),
            copies_held: Gauge::default(),
            put_off: Counter::default(),
        };
        metrics.show_from_the_start(stages, reasons);
        let all = metrics.clone();
        registry.register(
            "events_received",
            "Deliveries taken from the broker",
            all.received,
        );
        registry.register(
            "redeliveries",
            "Deliveries the broker had delivered before",
            all.redeliveries,
        );
        registry.register(
            "suspects",
            "Quarantined events worked on alone, because one of them may have killed two processes",
            all.isolated,
        );
        registry.register(
            "quarantined_events",
            "Events in quarantine, here or in a retry queue",
            all.quarantined,
        );
        registry.register(
            "quarantine_statements",
            "Statements about redelivered events, each about many",
            all.quarantine_statements,
        );
        registry.register(
            "quarantine_errors",
            "Such statements that failed; redelivered events wait meanwhile",
            all.quarantine_errors,
        );
        registry.register(
            "ledger_questions",
            "Questions to the ledger before a fetch, each about many events",
            all.ledger_questions,
        );
        registry.register(
            "fetches_spared",
            "Events that were acknowledged without a fetch, because they are stored",
            all.fetches_spared,
        );
        registry.register(
            "retries",
            "Events sent back to be tried again, by the stage that asked",
            all.retries,
        );
        registry.register(
            "dead_letters",
            "Messages put into a dead-letter queue",
            all.dead_letters,
        );
        registry.register("inflight_events", "Deliveries not settled yet", all.in_flight);
        registry.register(
            "rabbitmq_connection_status",
            "1 while connected, else 0",
            all.connected,
        );
        registry.register(
            "publish_errors",
            "Messages that the broker refused, returned or did not confirm in time",
            all.publish_errors,
        );
        registry.register(
            "messages_renewed",
            "Messages replaced by a copy before their quorum queue gives up on them",
            all.renewed,
        );
        registry.register(
            "copies_held",
            "Deliveries held because no queue takes their copy, a retry or a dead letter",
            all.copies_held,
        );
        registry.register(
            "dead_letters_put_off",
            "Dead letters sent round through the retry queue, because the dead-letter queue took none",
            all.put_off,
        );
        metrics
    }

    /// A series that is there from the start shows its first increase.
    fn show_from_the_start(&self, stages: &[&'static str], reasons: impl Iterator<Item = &'static str>) {
        for reason in reasons {
            drop(self.dead_letters.get_or_create(&ReasonLabel { reason }));
        }
        for statement in Statement::ALL {
            drop(
                self.quarantine_statements
                    .get_or_create(&StatementLabel { statement }),
            );
        }
        for stage in ["none", "quarantine"].iter().chain(stages) {
            drop(self.retries.get_or_create(&StageLabel { stage }));
        }
    }

    /// Counts a delivery that is acknowledged.
    pub(super) fn settled(&self, ending: Ending) {
        match ending {
            Ending::Stored => {}
            Ending::DeadLettered(reason) => {
                self.dead_letters.get_or_create(&ReasonLabel { reason }).inc();
            }
            Ending::Retried(stage) => {
                self.retries.get_or_create(&StageLabel { stage }).inc();
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
