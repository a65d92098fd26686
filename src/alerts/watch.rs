//! The watch: looks, remembers, tells.

use super::{
    channel::{Channel, Form, Pace},
    metrics::{AlertMetrics, Outcome},
    notice::Notice,
    outbox::Outbox,
    pagerduty::PagerDuty,
    post::Sender,
    slack::Slack,
    state::{AlertState, Moment},
    watched::Watched,
};
use crate::{
    config::AlertSettings,
    health::{DependencyStatus, FiringAlert},
};
use anyhow::Context;
use jiff::Timestamp;
use millrace_engine::Drain;
use prometheus_client::registry::Registry;
use secrecy::SecretString;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

/// What fires, for the page and the API. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Alerts(watch::Receiver<Vec<FiringAlert>>);

/// The dependencies of a pipeline, as readiness sees them.
pub type DependencyView = Box<dyn Fn() -> Vec<DependencyStatus> + Send>;

/// The tasks of the alerts; they end by themselves when a drain is ordered.
#[derive(Debug)]
pub struct Alerting(JoinSet<()>);

/// One receiver, and where notices for it are put.
struct Receiver {
    form: Arc<dyn Form>,
    outbox: Outbox,
}

struct Watch {
    state: AlertState,
    receivers: Vec<Receiver>,
    metrics: AlertMetrics,
    firing: watch::Sender<Vec<FiringAlert>>,
}

/// Looks at what is `watched` until a drain is ordered, tells the receivers that are set, and counts in `registry`.
/// `replica` is this process.
///
/// # Errors
/// The system's certificates cannot be read.
pub fn start(
    settings: &AlertSettings,
    replica: Arc<str>,
    watched: Vec<(Watched, DependencyView)>,
    registry: &mut Registry,
    drain: Drain,
) -> anyhow::Result<(Alerts, Alerting)> {
    start_at(Pace::default(), settings, replica, watched, registry, drain)
}

/// The same at another pace.
pub(super) fn start_at(
    pace: Pace,
    settings: &AlertSettings,
    replica: Arc<str>,
    watched: Vec<(Watched, DependencyView)>,
    registry: &mut Registry,
    drain: Drain,
) -> anyhow::Result<(Alerts, Alerting)> {
    let state = AlertState::new(watched, settings.hold);
    let metrics = AlertMetrics::register(registry, state.rules());
    let channels = channels(settings, &replica, pace, &metrics)?;
    let (firing, alerts) = watch::channel(Vec::new());
    let watch = Watch {
        state,
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
        watch.run(interval, drain).await;
    });
    Ok((Alerts(alerts), Alerting(tasks)))
}

fn channels(
    settings: &AlertSettings,
    replica: &Arc<str>,
    pace: Pace,
    metrics: &AlertMetrics,
) -> anyhow::Result<Vec<Channel>> {
    let channel = |form: Arc<dyn Form>, url: SecretString| {
        let sender = Sender::new(url, pace.timeout).context("the HTTP client of alerts")?;
        anyhow::Ok(Channel::new(form, sender, pace, metrics.clone()))
    };
    let mut channels = Vec::new();
    if let Some(webhook) = &settings.slack {
        channels.push(channel(Arc::new(Slack::new(replica.clone())), webhook.clone())?);
    }
    if let Some(pagerduty) = &settings.pagerduty {
        let form = PagerDuty::new(replica.clone(), pagerduty.routing_key.clone(), pagerduty.least);
        channels.push(channel(Arc::new(form), pagerduty.url.clone().into())?);
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
    async fn run(mut self, interval: Duration, drain: Drain) {
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
            let found = self.state.look(now.at);
            // Ordered while it looked: then what it saw may be the drain.
            if drain.is_ordered() {
                return;
            }
            let notices = self.state.learn(found, now);
            self.publish();
            self.tell(&notices);
        }
    }

    fn publish(&self) {
        let firing = self
            .state
            .firing()
            .into_iter()
            .map(|(rule, since, summary)| FiringAlert {
                rule: rule.name,
                since,
                summary: summary.to_owned(),
            });
        let firing: Vec<_> = firing.collect();
        for rule in self.state.rules() {
            let fires = firing.iter().any(|alert| alert.rule == rule.name);
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
            let wanted = notices.iter().filter(|notice| receiver.form.wants(notice.rule));
            let replaced = receiver.outbox.put(wanted.cloned());
            self.metrics
                .count(receiver.form.name(), Outcome::Replaced, replaced);
        }
    }
}

// === impl Receiver ===

impl Receiver {
    fn of(channel: &Channel) -> Self {
        let (form, outbox) = channel.receiver();
        Self { form, outbox }
    }
}
