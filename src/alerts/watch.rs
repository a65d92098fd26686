//! The watch: looks, remembers, tells.

use super::{
    channel::{Channel, Form, Pace},
    finding::Thresholds,
    metrics::{AlertMetrics, Outcome},
    notice::Notice,
    outbox::Outbox,
    pagerduty::PagerDuty,
    post::Sender,
    rule::Rule,
    slack::Slack,
    snapshot::Snapshot,
    state::{AlertState, Moment},
};
use crate::{config::AlertSettings, health::FiringAlert};
use anyhow::Context;
use jiff::Timestamp;
use millrace_engine::Drain;
use prometheus_client::registry::Registry;
use secrecy::SecretString;
use std::time::Duration;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

/// What fires, for the page and the API. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Alerts(watch::Receiver<Vec<FiringAlert>>);

/// Who speaks, and of what.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The broker, the virtual host and the queue: the same for all replicas, and for no other pipeline.
    pub name: String,
    /// This process.
    pub replica: String,
}

/// The tasks of the alerts; they end by themselves when a drain is ordered.
#[derive(Debug)]
pub struct Alerting(JoinSet<()>);

/// The outboxes of one receiver and the rules that it wants to hear of.
struct Receiver {
    channel: &'static str,
    outbox: Outbox,
    wants: Box<dyn Fn(Rule) -> bool + Send>,
}

struct Watch {
    state: AlertState,
    receivers: Vec<Receiver>,
    metrics: AlertMetrics,
    firing: watch::Sender<Vec<FiringAlert>>,
}

/// Looks with `look` until a drain is ordered, tells the receivers that are set, and counts in `registry`.
///
/// # Errors
/// The system's certificates cannot be read.
pub fn start(
    settings: &AlertSettings,
    origin: Origin,
    registry: &mut Registry,
    drain: Drain,
    look: impl Fn(std::time::Instant) -> Snapshot + Send + 'static,
) -> anyhow::Result<(Alerts, Alerting)> {
    start_at(Pace::default(), settings, origin, registry, drain, look)
}

/// The same at another pace.
pub(super) fn start_at(
    pace: Pace,
    settings: &AlertSettings,
    origin: Origin,
    registry: &mut Registry,
    drain: Drain,
    look: impl Fn(std::time::Instant) -> Snapshot + Send + 'static,
) -> anyhow::Result<(Alerts, Alerting)> {
    let metrics = AlertMetrics::register(registry);
    let channels = channels(settings, origin, pace, &metrics)?;
    let (firing, alerts) = watch::channel(Vec::new());
    let thresholds = Thresholds {
        error_percent: settings.error_percent,
        spike_factor: settings.spike_factor,
    };
    let watch = Watch {
        state: AlertState::new(thresholds, settings.hold),
        receivers: channels.iter().map(Receiver::of).collect(),
        metrics,
        firing,
    };
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    for channel in channels {
        tasks.spawn(channel.run(stop.clone()));
    }
    let interval = settings.interval;
    tasks.spawn(async move {
        // Whatever ends the watch, the channels end too.
        let _stop = stop.drop_guard();
        watch.run(interval, look, drain).await;
    });
    Ok((Alerts(alerts), Alerting(tasks)))
}

fn channels(
    settings: &AlertSettings,
    origin: Origin,
    pace: Pace,
    metrics: &AlertMetrics,
) -> anyhow::Result<Vec<Channel>> {
    let channel = |form: Box<dyn Form>, url: SecretString| {
        let sender = Sender::new(url, pace.timeout).context("the HTTP client of alerts")?;
        anyhow::Ok(Channel::new(form, sender, pace, metrics.clone()))
    };
    let mut channels = Vec::new();
    if let Some(webhook) = &settings.slack {
        channels.push(channel(Box::new(Slack::new(origin.clone())), webhook.clone())?);
    }
    if let Some(pagerduty) = &settings.pagerduty {
        let form = PagerDuty::new(origin, pagerduty.routing_key.clone(), pagerduty.least);
        channels.push(channel(Box::new(form), pagerduty.url.clone().into())?);
    }
    Ok(channels)
}

// === impl Alerts ===

impl Alerts {
    /// What fires now, the worst first.
    pub fn firing(&self) -> Vec<FiringAlert> {
        self.0.borrow().clone()
    }
}

// === impl Alerting ===

impl Alerting {
    /// Waits until what is to be told at the end is told, or a moment has passed.
    pub async fn ended(self) {
        self.0.join_all().await;
    }
}

// === impl Watch ===

impl Watch {
    /// A drain stops deliveries on purpose, so nothing is evaluated from then on.
    async fn run(mut self, interval: Duration, look: impl Fn(std::time::Instant) -> Snapshot, drain: Drain) {
        let mut tick = tokio::time::interval(interval);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = drain.ordered() => return,
                _ = tick.tick() => {}
            }
            let now = Moment {
                at: Instant::now().into_std(),
                wall: Timestamp::now(),
            };
            let snapshot = look(now.at);
            // Ordered while it looked: then what it saw may be the drain.
            if drain.is_ordered() {
                return;
            }
            let notices = self.state.look(&snapshot, now);
            self.publish();
            self.tell(&notices);
        }
    }

    fn publish(&self) {
        let firing = self.state.firing().map(|(rule, since, summary)| FiringAlert {
            rule: rule.name(),
            since,
            summary: summary.to_owned(),
        });
        let firing: Vec<_> = firing.collect();
        for rule in Rule::ALL {
            let fires = firing.iter().any(|alert| alert.rule == rule.name());
            self.metrics.fires(rule, fires);
        }
        self.firing.send_if_modified(|known| {
            let news = *known != firing;
            *known = firing;
            news
        });
    }

    fn tell(&self, notices: &[Notice]) {
        notices.iter().for_each(Notice::log);
        for receiver in &self.receivers {
            let wanted = notices.iter().filter(|notice| (receiver.wants)(notice.rule));
            let replaced = receiver.outbox.put(wanted.cloned());
            self.metrics.count(receiver.channel, Outcome::Replaced, replaced);
        }
    }
}

// === impl Receiver ===

impl Receiver {
    fn of(channel: &Channel) -> Self {
        let (outbox, wants) = channel.outbox();
        Self {
            channel: channel.name(),
            outbox,
            wants: Box::new(wants),
        }
    }
}
