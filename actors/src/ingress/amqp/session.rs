//! One connection's worth of work. A single task owns it: deliveries in, verdicts out, the broker's
//! signals, the order to drain. When anything about it is lost the whole session ends, its desk closes
//! with it, and a new one starts from nothing.

use super::{
    in_flight::InFlight,
    link::{Link, broker, lost},
    outbox::Outbox,
    signals::Signal,
    topology::Topology,
};
use crate::{
    ingress::{AmqpSettings, IngressMetrics, IngressStatus, event, metrics as labels},
    messages::BatchRef,
    supervision::{Desk, Envelope, Fault, Intake, Receipt, Settlement, Verdict},
};
use amqprs::channel::{
    BasicCancelArguments, BasicConsumeArguments, BasicQosArguments, Channel, ConsumerMessage,
};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream, SelectAll},
};
use jiff::Timestamp;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::Instant,
};
use tracing::{Span, debug, error_span, info, warn};

/// Time kept back from the grace period for flushing telemetry and leaving.
const LEAVING: Duration = Duration::from_secs(3);

/// A message of a queue, or none when its consumer ended.
type Delivered = (Arc<str>, Option<ConsumerMessage>);

pub(super) struct Session<'a> {
    pub(super) settings: &'a AmqpSettings,
    pub(super) metrics: &'a IngressMetrics,
    pub(super) status: &'a IngressStatus,
    pub(super) link: Link,
    pub(super) channel: Channel,
    pub(super) outbox: Outbox,
    pub(super) consumer_tags: Vec<String>,
    pub(super) deliveries: SelectAll<BoxStream<'static, Delivered>>,
    pub(super) signals: UnboundedReceiver<Signal>,
    pub(super) desk: Desk,
    pub(super) settlements: UnboundedReceiver<Settlement>,
    pub(super) in_flight: HashMap<u64, InFlight>,
    /// While draining: when to leave, done or not.
    pub(super) leave_at: Option<Instant>,
}

// === impl Session ===

impl<'a> Session<'a> {
    /// Connects, prepares the topology and subscribes.
    pub(super) async fn open(
        settings: &'a AmqpSettings,
        metrics: &'a IngressMetrics,
        status: &'a IngressStatus,
        name: &str,
    ) -> Result<Self, Fault> {
        let (signal_tx, signals) = unbounded_channel();
        let link = Link::open(settings, name, &signal_tx).await?;
        let queues = work_queues(settings);
        Topology::open(&link).await?.prepare(settings, &queues).await?;
        let outbox = Outbox::open(settings, &format!("{name} copies"), &signal_tx).await?;
        let channel = link.channel().await?;
        channel
            .basic_qos(BasicQosArguments::new(0, settings.prefetch, false))
            .await
            .map_err(broker)?;
        let (desk, settlements) = unbounded_channel();
        let mut session = Self {
            settings,
            metrics,
            status,
            link,
            channel,
            outbox,
            consumer_tags: Vec::new(),
            deliveries: SelectAll::new(),
            signals,
            desk,
            settlements,
            in_flight: HashMap::new(),
            leave_at: None,
        };
        for queue in queues {
            session.subscribe(&queue, name).await?;
        }
        Ok(session)
    }

    async fn subscribe(&mut self, queue: &str, name: &str) -> Result<(), Fault> {
        let tag = format!("{name} {queue}");
        let consume = BasicConsumeArguments::new(queue, &tag).manual_ack(true).finish();
        let (tag, receiver) = self.channel.basic_consume_rx(consume).await.map_err(broker)?;
        self.consumer_tags.push(tag);
        let queue: Arc<str> = queue.into();
        let messages = stream::unfold((receiver, Some(queue)), |(mut receiver, queue)| async move {
            let queue = queue?;
            let message = receiver.recv().await;
            let next = message.is_some().then(|| queue.clone());
            Some(((queue, message), (receiver, next)))
        });
        self.deliveries.push(messages.boxed());
        Ok(())
    }

    /// Works until drained.
    ///
    /// # Errors
    /// An outage when the connection, a channel or a consumer is lost.
    pub(super) async fn run(mut self, intake: Intake<BatchRef>) -> Result<(), Fault> {
        let ended = self.work(&intake).await;
        self.status.moved(0);
        self.metrics.in_flight.set(0);
        if ended.is_ok() && !self.in_flight.is_empty() {
            warn!(
                events = self.in_flight.len(),
                "the grace period is over; unfinished events stay unacknowledged and will be delivered again"
            );
        }
        self.outbox.close().await;
        self.link.close().await;
        ended
    }

    async fn work(&mut self, intake: &Intake<BatchRef>) -> Result<(), Fault> {
        loop {
            if self.leave_at.is_some() && self.in_flight.is_empty() {
                return Ok(());
            }
            let overdue = self.outbox.deadline();
            tokio::select! {
                Some(signal) = self.signals.recv() => self.hear(signal).await?,
                Some(settlement) = self.settlements.recv() => self.settle(settlement).await?,
                Some((queue, message)) = self.deliveries.next(), if self.leave_at.is_none() => match message {
                    Some(message) => self.receive(queue, message, intake).await?,
                    None => return Err(self.why_lost(&format!("the consumer of {queue} ended"))),
                },
                () = self.link.lost() => return Err(self.why_lost("connection lost")),
                () = self.outbox.lost() => return Err(self.why_lost("publishing connection lost")),
                () = intake.drain.ordered(), if self.leave_at.is_none() => self.stop_consuming().await,
                () = until(self.leave_at) => return Ok(()),
                () = until(overdue) => return Err(lost("the broker does not confirm what we publish")),
            }
        }
    }

    /// The broker's own words, if it had any, say more than a closed socket.
    fn why_lost(&mut self, otherwise: &str) -> Fault {
        while let Ok(signal) = self.signals.try_recv() {
            if let Signal::Lost(why) = signal {
                return lost(why);
            }
        }
        lost(otherwise)
    }

    async fn hear(&mut self, signal: Signal) -> Result<(), Fault> {
        match signal {
            Signal::Lost(why) => Err(lost(why)),
            // The queue was deleted under us: a new session makes it again, the originals come back.
            Signal::Returned { routing_key, text } => {
                Err(lost(format!("queue {routing_key} takes no copies: {text}")))
            }
            Signal::Confirm {
                seq,
                multiple,
                stored,
            } => {
                for tag in self.outbox.confirmed(seq, multiple, stored)? {
                    self.acknowledge(tag).await?;
                }
                Ok(())
            }
            Signal::Blocked(Some(reason)) => {
                warn!(
                    reason,
                    "the broker is in alarm and blocks publishing; retries and dead letters wait"
                );
                Ok(())
            }
            Signal::Blocked(None) => {
                info!("the broker's alarm is over");
                Ok(())
            }
        }
    }

    async fn receive(
        &mut self,
        queue: Arc<str>,
        message: ConsumerMessage,
        intake: &Intake<BatchRef>,
    ) -> Result<(), Fault> {
        let (Some(deliver), Some(properties), Some(body)) =
            (message.deliver, message.basic_properties, message.content)
        else {
            return Err(lost("the client library delivered half a message"));
        };
        let mut delivery = InFlight::new(queue, &deliver, properties, body, Timestamp::now());
        self.metrics.received.inc();
        if delivery.redelivered {
            self.metrics.redeliveries.inc();
        }
        let legacy = *delivery.queue != *self.settings.queue;
        let origin = legacy.then(|| delivery.queue.to_string());
        let tag = delivery.tag;
        match event::decode(&delivery.body, origin.as_deref(), delivery.facts.clone()) {
            Ok(decoded) => {
                for note in &decoded.notes {
                    self.count_note(note);
                }
                let event = &decoded.event;
                delivery.event_id = Some(event.event_id.clone());
                delivery.platform = event.platform.label();
                delivery.span = span_of(event);
                debug!(parent: &delivery.span, attempt = event.delivery.attempt, redelivered = delivery.redelivered, "event received");
                let (subject, span) = (event.event_id.clone(), delivery.span.clone());
                self.hold(delivery);
                let batch = BatchRef {
                    event: Arc::new(decoded.event),
                    source: decoded.source,
                };
                intake.out.post(Envelope::new(
                    batch,
                    subject,
                    span,
                    Receipt::new(tag, self.desk.clone()),
                ));
                Ok(())
            }
            Err(refusal) => {
                delivery.event_id = refusal.event_id;
                delivery.span = error_span!("event", event_id = delivery.event_id.as_deref());
                self.hold(delivery);
                let verdict = Verdict::DeadLetter {
                    reason: refusal.reason.code(),
                    detail: refusal.detail,
                };
                self.settle(Settlement { tag, verdict }).await
            }
        }
    }

    fn count_note(&self, note: &event::Note) {
        let kind = note.code();
        self.metrics
            .notes
            .get_or_create(&labels::KindLabel { kind })
            .inc();
        if matches!(note, event::Note::JobIdUnparsed) {
            self.metrics.job_ids_unparsed.inc();
        }
    }

    fn hold(&mut self, delivery: InFlight) {
        self.in_flight.insert(delivery.tag, delivery);
        self.count_in_flight();
    }

    pub(super) fn count_in_flight(&self) {
        let open = self.in_flight.len();
        self.status.moved(open);
        self.metrics
            .in_flight
            .set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    async fn stop_consuming(&mut self) {
        let grace = self.settings.shutdown_grace.saturating_sub(LEAVING);
        self.leave_at = Some(Instant::now() + grace);
        self.status.set(false, "draining");
        self.metrics.connected.set(0);
        info!(
            in_flight = self.in_flight.len(),
            grace_s = grace.as_secs_f64(),
            "draining: no more deliveries are taken"
        );
        for tag in std::mem::take(&mut self.consumer_tags) {
            if let Err(error) = self.channel.basic_cancel(BasicCancelArguments::new(&tag)).await {
                warn!(%error, "could not cancel the consumer; what it still delivers is left to the next one");
            }
        }
    }
}

/// The queues this replica consumes.
fn work_queues(settings: &AmqpSettings) -> Vec<String> {
    let new = settings.new_mode.then(|| settings.queue.clone());
    new.into_iter()
        .chain(settings.legacy_queues.iter().cloned())
        .collect()
}

/// At error level, so that every line about the event carries these fields whatever `LOG_LEVEL` is.
fn span_of(event: &crate::domain::CrawlEvent) -> Span {
    error_span!(
        "event",
        event_id = event.event_id,
        job_id = event.job_id,
        project_id = event.project_id(),
        trace_id = event.delivery.trace_id,
    )
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
