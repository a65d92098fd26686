//! What is counted of events: the names of the contract.

use super::Note;
use crate::{
    domain::{Platform, Reason},
    recent::Recent,
};
use millrace_amqp::Ending;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};
use std::time::{Duration, Instant};

/// Seconds; from the documents the project started from, with finer steps below 100 ms.
const EVENT_SECONDS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// How events end, and what was odd about them.
#[derive(Clone, Debug)]
pub struct EventMetrics {
    processed: Family<PlatformLabel, Counter>,
    failed: Family<ReasonLabel, Counter>,
    seconds: Family<PlatformLabel, Histogram>,
    notes: Family<KindLabel, Counter>,
    job_ids_unparsed: Counter,
    recent: Recent,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PlatformLabel {
    platform: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

// === impl EventMetrics ===

impl EventMetrics {
    /// Makes the metrics and registers them, without the prefix of the pipeline.
    pub fn register(registry: &mut Registry, recent: Recent) -> Self {
        let metrics = Self {
            processed: Family::default(),
            failed: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(EVENT_SECONDS)),
            notes: Family::default(),
            job_ids_unparsed: Counter::default(),
            recent,
        };
        metrics.show_from_the_start();
        let all = metrics.clone();
        registry.register(
            "events_processed",
            "Events stored and acknowledged",
            all.processed,
        );
        registry.register("events_failed", "Events that ended as dead letters", all.failed);
        registry.register_with_unit(
            "event_processing_duration",
            "From delivery to acknowledgement",
            Unit::Seconds,
            all.seconds,
        );
        registry.register(
            "event_fields_repaired",
            "Event fields that were read with a fallback",
            all.notes,
        );
        registry.register(
            "job_id_unparsed",
            "Job ids that no rule could read",
            all.job_ids_unparsed,
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
        for reason in Reason::of_events() {
            drop(self.failed.get_or_create(&ReasonLabel { reason }));
        }
        for kind in Note::KINDS.map(Note::code) {
            drop(self.notes.get_or_create(&KindLabel { kind }));
        }
    }

    pub(super) fn noted(&self, kind: &'static str) {
        self.notes.get_or_create(&KindLabel { kind }).inc();
        if kind == Note::JobIdUnparsed.code() {
            self.job_ids_unparsed.inc();
        }
    }

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
                self.failed.get_or_create(&ReasonLabel { reason }).inc();
                self.recent.note(now, |happened| happened.dead_lettered += 1);
            }
            Ending::Retried(_) => self.recent.note(now, |happened| happened.retried += 1),
            Ending::Renewed | Ending::PutOff => {}
        }
    }
}
