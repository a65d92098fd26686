//! Publishes copies and tells what became of each. It has a connection, and gets another when it is lost.

use super::{
    confirms::Confirms,
    link::{Link, bounded, broker, in_its_words, lost},
    outbox::{Answer, Copy},
    signals::Signal,
    topology::Topology,
};
use crate::AmqpSettings;
use amqprs::channel::{BasicPublishArguments, Channel, ConfirmSelectArguments};
use millrace_engine::Fault;
use std::{collections::HashSet, time::Duration};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender},
    time::{Instant, sleep_until},
};

/// A copy that the broker has not confirmed after this long counts as refused, so that it is told and
/// tried again. A broker in alarm (memory, disk) confirms nothing until it is over.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause before a connection that could not be had is tried again.
const RECONNECT: Duration = Duration::from_secs(1);

pub(super) struct Copier {
    settings: AmqpSettings,
    /// How the broker's operators see the connection.
    name: String,
    link: Option<Link>,
    channel: Option<Channel>,
    signal_tx: UnboundedSender<Signal>,
    signals: UnboundedReceiver<Signal>,
    /// Copies the broker has not answered for.
    waiting: Confirms<Waiting>,
    /// Queues seen or made since something was last amiss.
    ensured: HashSet<String>,
    answers: UnboundedSender<Answer>,
    /// Why there is no connection, and until when none is tried.
    closed: Option<(String, Instant)>,
}

/// A copy on its way.
struct Waiting {
    tag: u64,
    queue: String,
    since: Instant,
    /// What the broker said when it gave a copy for this queue back.
    returned: Option<String>,
    /// Answered as refused for want of a confirm; one that comes late is still welcome.
    overdue: bool,
}

// === impl Copier ===

impl Copier {
    pub(super) fn new(
        settings: AmqpSettings,
        name: String,
        answers: UnboundedSender<Answer>,
        (signal_tx, signals): (UnboundedSender<Signal>, UnboundedReceiver<Signal>),
    ) -> Self {
        Self {
            settings,
            name,
            link: None,
            channel: None,
            signal_tx,
            signals,
            waiting: Confirms::default(),
            ensured: HashSet::new(),
            answers,
            closed: None,
        }
    }

    /// Gets connection and channel for the first time.
    pub(super) async fn connect_first(&mut self) -> Result<(), Fault> {
        let connected = self.connect().await.map(drop);
        connected.map_err(|fault| in_its_words(&mut self.signals, fault))
    }

    /// Gets what is missing of a connection and a channel in confirm mode.
    async fn connect(&mut self) -> Result<&Channel, Fault> {
        let link = match self.link.take() {
            Some(link) if link.connection.is_open() => link,
            _ => {
                self.channel = None;
                Link::open(&self.settings, &self.name, &self.signal_tx).await?
            }
        };
        let channel = match self.channel.take() {
            Some(channel) if channel.is_open() => channel,
            _ => {
                let why = self.last_words();
                self.forget_channel(&why.unwrap_or_else(|| "channel closed".to_owned()));
                self.waiting = Confirms::default(); // the broker counts from 1 on each channel
                let channel = link.channel().await?;
                let confirm = ConfirmSelectArguments::new(false);
                channel.confirm_select(confirm).await.map_err(broker)?;
                channel
            }
        };
        self.link = Some(link);
        Ok(self.channel.insert(channel))
    }

    /// The largest frame that the broker takes; 0 when any.
    pub(super) fn frame_max(&self) -> u32 {
        self.link.as_ref().map_or(0, |link| link.connection.frame_max())
    }

    /// Works until nothing can order anything any more.
    pub(super) async fn run(mut self, mut orders: UnboundedReceiver<Copy>) {
        loop {
            let overdue = self.next_overdue();
            tokio::select! {
                biased;
                Some(signal) = self.signals.recv() => self.hear(signal),
                () = lost_link(self.link.as_ref()) => self.lose("publishing connection lost").await,
                () = sleep_until(overdue.unwrap_or_else(Instant::now)), if overdue.is_some() => self.give_up_waiting(),
                copy = orders.recv() => match copy {
                    Some(copy) => self.publish(copy).await,
                    None => break,
                },
            }
        }
        if let Some(link) = self.link.take() {
            link.close().await;
        }
    }

    async fn publish(&mut self, copy: Copy) {
        let (tag, queue) = (copy.tag, copy.queue.name());
        if let Some((why, until)) = &self.closed
            && Instant::now() < *until
        {
            let why = why.clone();
            return self.refuse(tag, queue, why);
        }
        let settings = self.settings.clone();
        if let Err(fault) = bounded(&settings, self.try_to_publish(copy)).await {
            // A request that was given up spoils its connection, and the broker's own words say more.
            let why = self.last_words().unwrap_or_else(|| fault.to_string());
            self.lose(&why).await;
            self.refuse(tag, queue, why);
        }
    }

    async fn try_to_publish(&mut self, copy: Copy) -> Result<(), Fault> {
        if let Err(fault) = self.connect().await.map(drop) {
            self.closed = Some((fault.to_string(), Instant::now() + RECONNECT));
            return Err(fault);
        }
        self.closed = None;
        let queue = copy.queue.name();
        if let (false, Some(link)) = (self.ensured.contains(&queue), &self.link) {
            Topology::open(link).await?.ensure(&copy.queue).await?;
            self.ensured.insert(queue.clone());
        }
        let Some(channel) = &self.channel else {
            return Err(lost("there is no channel to publish on"));
        };
        let to_queue = BasicPublishArguments::new("", &queue).mandatory(true).finish();
        let published = channel.basic_publish(copy.properties, copy.body.to_vec(), to_queue);
        published.await.map_err(broker)?;
        self.waiting.published(Waiting {
            tag: copy.tag,
            queue,
            since: Instant::now(),
            returned: None,
            overdue: false,
        });
        Ok(())
    }

    fn hear(&mut self, signal: Signal) {
        match signal {
            Signal::Confirm {
                seq,
                multiple,
                stored,
            } => {
                for copy in self.waiting.answered(seq, multiple) {
                    self.answer(copy, stored);
                }
            }
            // The confirm that follows says only that the broker is done with it. Which copy came back is
            // not said; one that is stored twice does no harm, and one that is not stored would be lost.
            Signal::Returned { routing_key, text } => {
                self.ensured.remove(&routing_key);
                for copy in self.waiting.waiting().filter(|copy| copy.queue == routing_key) {
                    copy.returned = Some(text.clone());
                }
            }
            Signal::Lost(why) => self.forget_channel(&why),
        }
    }

    fn answer(&mut self, copy: Waiting, stored: bool) {
        let Waiting {
            tag, queue, overdue, ..
        } = copy;
        match copy.returned {
            None if stored => {
                let _ = self.answers.send(Answer::Stored { tag, queue });
            }
            _ if overdue => {} // refused before
            Some(text) => self.refuse(tag, queue, format!("the broker gave it back: {text}")),
            None => self.refuse(
                tag,
                queue,
                "the broker refused to store it: the queue is full?".to_owned(),
            ),
        }
    }

    fn refuse(&mut self, tag: u64, queue: String, why: String) {
        // What was seen of it may no longer be so.
        self.ensured.remove(&queue);
        let _ = self.answers.send(Answer::Refused { tag, queue, why });
    }

    /// The channel is gone with all confirms: what became of the copies on it is unknown.
    fn forget_channel(&mut self, why: &str) {
        self.channel = None;
        self.ensured.clear();
        for copy in self.waiting.take_all().into_iter().filter(|copy| !copy.overdue) {
            self.refuse(copy.tag, copy.queue, why.to_owned());
        }
    }

    async fn lose(&mut self, why: &str) {
        let why = self.last_words().unwrap_or_else(|| why.to_owned());
        self.forget_channel(&why);
        if let Some(link) = self.link.take() {
            tokio::spawn(link.close());
        }
    }

    /// Why the broker ended the channel or the connection, where it said so; answers before that are heard.
    fn last_words(&mut self) -> Option<String> {
        let mut words = None;
        while let Ok(signal) = self.signals.try_recv() {
            if let Signal::Lost(why) = &signal {
                words = Some(why.clone());
            }
            self.hear(signal);
        }
        words
    }

    fn next_overdue(&mut self) -> Option<Instant> {
        let waiting = self.waiting.waiting().find(|copy| !copy.overdue)?;
        Some(waiting.since + CONFIRM_TIMEOUT)
    }

    fn give_up_waiting(&mut self) {
        let now = Instant::now();
        let mut late = Vec::new();
        for copy in self.waiting.waiting() {
            if !copy.overdue && now >= copy.since + CONFIRM_TIMEOUT {
                copy.overdue = true;
                late.push((copy.tag, copy.queue.clone()));
            }
        }
        for (tag, queue) in late {
            let limit = CONFIRM_TIMEOUT.as_secs();
            let why = format!(
                "not confirmed within {limit} s: is the broker in alarm, or the queue without a majority?"
            );
            self.refuse(tag, queue, why);
        }
    }
}

async fn lost_link(link: Option<&Link>) {
    match link {
        Some(link) => link.lost().await,
        None => std::future::pending().await,
    }
}
