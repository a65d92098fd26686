//! One connection's worth of work. A single task owns it: deliveries in, outcomes out, the broker's
//! signals, the order to drain. When anything about it is lost the whole session ends, its acks close
//! with it, and a new one starts from nothing.

mod holding;
mod lookup;
mod redelivered;
mod renewal;
mod settling;

use super::failpoints;
use super::{
    Shared,
    consumers::Consumers,
    copies,
    held::Held,
    in_flight::InFlight,
    inspection,
    link::{Link, bounded, in_its_words, lost},
    outbox::Outbox,
    ping::{self, Ping},
    quarantine::Quarantine,
    signals::Signal,
    spans,
    topology::{Queue, Topology},
    undecodable,
};
use crate::{AmqpSettings, Event, Events, Refusal};
use amqprs::{
    Deliver,
    channel::{Channel, ConsumerMessage},
};
use jiff::Timestamp;
use lookup::Lookup;
use millrace_engine::failpoints::reached;
use millrace_engine::trace;
use millrace_engine::{Acks, Fault, Intake, Outcome, Settlement};
use redelivered::{Redelivered, Waiting};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::Instant,
};
use tracing::{debug, info, warn};

/// Time kept back from the grace period for flushing telemetry and leaving.
const LEAVING: Duration = Duration::from_secs(3);

pub(super) struct Session<'a, E: Events> {
    shared: &'a Shared<E>,
    link: Link,
    _ping: Ping,
    channel: Channel,
    outbox: Outbox,
    consumers: Consumers,
    signals: UnboundedReceiver<Signal>,
    acks: Acks,
    settlements: UnboundedReceiver<Settlement>,
    in_flight: HashMap<u64, InFlight>,
    held: Held,
    quarantine: Quarantine<Waiting<E::Message>>,
    redelivered: Redelivered<E::Message>,
    lookup: Lookup<E::Message>,
    /// While draining: when to leave, done or not.
    leave_at: Option<Instant>,
}

// === impl Session ===

impl<'a, E: Events> Session<'a, E> {
    /// Connects and prepares the topology. Takes no deliveries yet.
    pub(super) async fn open(shared: &'a Arc<Shared<E>>) -> Result<Self, Fault> {
        let (settings, name) = (&shared.settings, &shared.name);
        let (signal_tx, mut signals) = unbounded_channel();
        let link = Link::open(settings, name, &signal_tx).await?;
        match Self::set_up(shared, &link).await {
            Ok((outbox, ping, channel)) => {
                let (acks, settlements) = unbounded_channel();
                Ok(Self {
                    shared,
                    link,
                    _ping: ping,
                    channel,
                    outbox,
                    consumers: Consumers::new(name, &work_queues(settings), settings.prefetch),
                    signals,
                    acks,
                    settlements,
                    in_flight: HashMap::new(),
                    held: Held::default(),
                    quarantine: Quarantine::new(settings.prefetch, Instant::now()),
                    redelivered: Redelivered::default(),
                    lookup: Lookup::default(),
                    leave_at: None,
                })
            }
            Err(fault) => Err(in_its_words(&mut signals, fault)),
        }
    }

    async fn set_up(shared: &Arc<Shared<E>>, link: &Link) -> Result<(Outbox, Ping, Channel), Fault> {
        let (settings, name) = (&shared.settings, &shared.name);
        let queues = work_queues(settings);
        let mut topology = Topology::open(link).await?;
        topology.prepare(settings, &queues).await?;
        let both = |name: &String| [Queue::Work(name.clone()), Queue::DeadLetters(name.clone())];
        let kinds = queues.iter().flat_map(both);
        let looks = inspection::look(&mut topology, kinds, &shared.traits).await?;
        shared.findings.tell(&looks)?;
        let outbox = Outbox::open(settings, &format!("{name} copies")).await?;
        let ping = ping::start(link, shared, &queues).await?;
        Ok((outbox, ping, link.channel().await?))
    }

    /// Works until drained.
    ///
    /// # Errors
    /// An outage when the connection, a channel or a consumer is lost.
    pub(super) async fn run(mut self, intake: Intake<E::Message>) -> Result<(), Fault> {
        let ended = tokio::select! {
            ended = self.work(&intake) => ended,
            // Whatever it waits for, a silent broker among it.
            () = intake.drain.shortened() => Ok(()),
        };
        let ended = ended.map_err(|fault| in_its_words(&mut self.signals, fault));
        self.shared.status.moved(0);
        self.shared.status.copies_held(&[], 0, false);
        self.shared.metrics.in_flight.set(0);
        self.shared.metrics.copies_held.set(0);
        if ended.is_ok() && !self.in_flight.is_empty() {
            warn!(
                events = self.in_flight.len(),
                "leaving; unfinished events stay unacknowledged and will be delivered again"
            );
        }
        self.release(&intake).await;
        let Self { outbox, link, .. } = self;
        tokio::join!(outbox.close(), link.close());
        ended
    }

    async fn work(&mut self, intake: &Intake<E::Message>) -> Result<(), Fault> {
        let mut breaker = intake.breaker.subscribe();
        loop {
            if self.leave_at.is_some() && self.in_flight.is_empty() {
                return Ok(());
            }
            let settings = &self.shared.settings;
            bounded(settings, self.obey_breaker(intake)).await?;
            self.let_in(intake);
            let again = self.held.next();
            let turn = self.quarantine.deadline(intake.breaker.suspension().is_some());
            tokio::select! {
                Some(signal) = self.signals.recv() => self.hear(signal)?,
                Some(settlement) = self.settlements.recv() => self.conclude(settlement).await?,
                answer = self.redelivered.answered() => self.sort(answer, intake).await?,
                looked = self.lookup.answered() => self.looked_up(looked).await?,
                delivered = self.consumers.next(), if self.leave_at.is_none() => {
                    if let Some((queue, round, message)) = delivered? {
                        self.receive((queue, round), message).await?;
                    }
                }
                // The loop begins with a look at the breaker.
                _ = breaker.changed() => {}
                () = self.link.lost() => return Err(lost("connection lost")),
                answer = self.outbox.answer() => match answer {
                    Some(answer) => self.answered(answer).await?,
                    None => return Err(lost("copies are no longer published")),
                },
                () = until(again) => self.try_again(),
                () = intake.drain.ordered(), if self.leave_at.is_none() => self.stop_consuming().await,
                () = until(self.leave_at) => return Ok(()),
                // The loop lets in whose turn it is.
                () = until(turn) => {}
            }
        }
    }

    /// Subscribes while the dependencies serve, whatever is still held, and takes nothing while one is down.
    async fn obey_breaker(&mut self, intake: &Intake<E::Message>) -> Result<(), Fault> {
        let status = &self.shared.status;
        let subscribed = self.consumers.subscribed();
        match intake.breaker.suspension() {
            _ if self.leave_at.is_some() => {}
            Some(down) if subscribed => {
                self.consumers.cancel(&self.channel).await?;
                status.paused(&down);
                debug!(held = self.in_flight.len(), "consumers cancelled");
                self.give_back_while_waiting();
            }
            // A session that was opened during an outage.
            Some(down) => status.paused(&down),
            None => {
                self.consumers.gather(&self.channel).await?;
                self.consumers.subscribe(&self.channel).await?;
                if !subscribed && self.consumers.subscribed() {
                    status.consuming_now();
                    let AmqpSettings { queue, prefetch, .. } = &self.shared.settings;
                    info!(queue, prefetch, held = self.in_flight.len(), "consuming");
                    intake.consuming();
                }
            }
        }
        Ok(())
    }

    /// Takes an outcome in: the delivery is out of the pipeline, and the broker is told.
    async fn conclude(&mut self, settlement: Settlement) -> Result<(), Fault> {
        self.leave_pipeline(settlement.tag);
        self.settle(settlement).await
    }

    fn hear(&self, signal: Signal) -> Result<(), Fault> {
        match signal {
            Signal::Lost(why) => Err(lost(why)),
            // Nothing is published on the channel that these came from.
            Signal::Returned { .. } | Signal::Confirm { .. } => Ok(()),
        }
    }

    async fn receive(
        &mut self,
        (queue, round): (Arc<str>, u64),
        message: ConsumerMessage,
    ) -> Result<(), Fault> {
        let (Some(deliver), Some(properties), Some(body)) =
            (message.deliver, message.basic_properties, message.content)
        else {
            return Err(lost("the client library delivered half a message"));
        };
        reached(failpoints::DELIVERED, "");
        let repair = self.link.repairs().take(deliver.delivery_tag());
        let properties = undecodable::with_original(properties, repair.as_ref());
        let delivery = InFlight::new((queue, round), &deliver, properties, body, Timestamp::now());
        self.shared.metrics.received.inc();
        if delivery.redelivered {
            self.shared.metrics.redeliveries.inc();
        }
        let legacy = *delivery.queue != *self.shared.settings.queue;
        let origin = legacy.then(|| delivery.queue.to_string());
        let events = &self.shared.events;
        let decoded = events.decode(&delivery.body, origin.as_deref(), delivery.facts.clone());
        match undecodable::refuse(decoded, repair) {
            Ok(event) => self.accept(delivery, &deliver, event).await,
            Err(refusal) => self.refuse(delivery, &deliver, refusal).await,
        }
    }

    async fn accept(
        &mut self,
        mut delivery: InFlight,
        deliver: &Deliver,
        event: Event<E::Message>,
    ) -> Result<(), Fault> {
        let Event {
            mut message,
            id,
            label,
            fields,
            attributes,
            notes,
        } = event;
        for note in notes {
            self.shared.events.noted(note);
        }
        delivery.event_id = Some(id.clone());
        delivery.label = label;
        let named = (E::NAME, &fields);
        delivery.span = spans::process(&delivery, deliver, named, attributes, &self.shared.settings);
        // Ours where the producer sent none.
        if let Some(trace_id) = trace::id(&delivery.span) {
            E::traced(&mut message, trace_id);
        }
        let attempt = delivery.facts.attempt;
        info!(parent: &delivery.span, attempt, redelivered = delivery.redelivered, "event received");
        let tag = delivery.tag;
        if let Some(outcome) = put_off::<E>(&delivery) {
            self.hold(delivery);
            return self.settle(Settlement { tag, outcome }).await;
        }
        let unknown = delivery.redelivered && !self.shared.survived.take(&id);
        let ask = unknown || copies::is_quarantined(&delivery.properties);
        let waiting = Waiting {
            tag,
            span: delivery.span.clone(),
            event_id: id,
            retried: attempt > 1,
            message,
        };
        let renewed = renewal::is_due(&delivery.properties);
        self.hold(delivery);
        match (renewed, ask) {
            (true, _) => self.renew(tag),
            (false, true) => self.redelivered.gather(waiting),
            (false, false) => self.lookup.gather(waiting),
        }
        Ok(())
    }

    async fn refuse(
        &mut self,
        mut delivery: InFlight,
        deliver: &Deliver,
        refusal: Refusal,
    ) -> Result<(), Fault> {
        let Refusal {
            reason,
            detail,
            event_id,
        } = refusal;
        delivery.event_id = event_id;
        let fields = spans::unread(E::PIPELINE, delivery.event_id.as_deref());
        let named = (E::NAME, &fields);
        delivery.span = spans::process(&delivery, deliver, named, Vec::new(), &self.shared.settings);
        let tag = delivery.tag;
        let outcome = put_off::<E>(&delivery).unwrap_or(Outcome::DeadLetter { reason, detail });
        self.hold(delivery);
        self.settle(Settlement { tag, outcome }).await
    }

    fn hold(&mut self, delivery: InFlight) {
        self.in_flight.insert(delivery.tag, delivery);
        self.count_in_flight();
    }

    pub(super) fn count_in_flight(&self) {
        let open = self.in_flight.len();
        self.shared.status.moved(open);
        self.shared
            .metrics
            .in_flight
            .set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    async fn stop_consuming(&mut self) {
        let grace = self.shared.settings.shutdown_grace.saturating_sub(LEAVING);
        self.leave_at = Some(Instant::now() + grace);
        self.shared.status.not_consuming("draining");
        info!(
            in_flight = self.in_flight.len(),
            grace_s = grace.as_secs_f64(),
            "draining: no more deliveries are taken"
        );
        let cancelled = bounded(&self.shared.settings, self.consumers.cancel(&self.channel)).await;
        if let Err(error) = cancelled {
            warn!(%error, "could not cancel the consumer; what it still delivers is left to the next one");
        }
    }
}

/// The outcome on a dead letter that was put off.
fn put_off<E: Events>(delivery: &InFlight) -> Option<Outcome> {
    let (code, detail) = copies::was_put_off(&delivery.properties)?;
    Some(Outcome::DeadLetter {
        reason: E::reason(code)?,
        detail: detail.to_owned(),
    })
}

/// The queues this replica consumes.
pub(super) fn work_queues(settings: &AmqpSettings) -> Vec<String> {
    let new = settings.new_mode.then(|| settings.queue.clone());
    new.into_iter()
        .chain(settings.legacy_queues.iter().cloned())
        .collect()
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
