//! Copies on their way to other queues: published, and confirmed before the original is acknowledged.

use super::{
    confirms::Confirms,
    link::{Link, broker},
    signals::Signal,
    topology::{Queue, Topology},
};
use crate::{ingress::AmqpSettings, supervision::Fault};
use amqprs::{
    BasicProperties,
    channel::{BasicPublishArguments, Channel, ConfirmSelectArguments},
};
use std::{collections::HashSet, time::Duration};
use tokio::{sync::mpsc::UnboundedSender, time::Instant};

/// A broker that has not confirmed a copy after this long is taken for lost; the originals are still
/// unacknowledged, so nothing is. A broker in alarm (memory, disk) confirms nothing until it is over, and
/// is not to redeliver everything more often than this.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(60);

/// A publishing connection of its own: a broker in alarm stops reading from connections that publish,
/// and acknowledgements must still get through.
pub(super) struct Outbox {
    link: Link,
    channel: Channel,
    /// Copies the broker has not answered for.
    copies: Confirms<Copied>,
    /// Queues seen or made on this connection.
    ensured: HashSet<String>,
}

/// A copy on its way.
struct Copied {
    /// Delivery tag of the original.
    tag: u64,
    since: Instant,
}

// === impl Outbox ===

impl Outbox {
    pub(super) async fn open(
        settings: &AmqpSettings,
        name: &str,
        signals: &UnboundedSender<Signal>,
    ) -> Result<Self, Fault> {
        let link = Link::open(settings, name, signals).await?;
        let channel = link.channel().await?;
        channel
            .confirm_select(ConfirmSelectArguments::new(false))
            .await
            .map_err(broker)?;
        Ok(Self {
            link,
            channel,
            copies: Confirms::default(),
            ensured: HashSet::new(),
        })
    }

    /// Publishes a copy of delivery `tag`.
    pub(super) async fn send(
        &mut self,
        tag: u64,
        queue: &Queue,
        properties: BasicProperties,
        body: &[u8],
    ) -> Result<(), Fault> {
        let name = queue.name();
        if !self.ensured.contains(&name) {
            Topology::open(&self.link).await?.ensure(queue).await?;
            self.ensured.insert(name.clone());
        }
        let to_queue = BasicPublishArguments::new("", &name).mandatory(true).finish();
        self.channel
            .basic_publish(properties, body.to_vec(), to_queue)
            .await
            .map_err(broker)?;
        self.copies.published(Copied {
            tag,
            since: Instant::now(),
        });
        Ok(())
    }

    /// The originals that may be acknowledged now.
    ///
    /// # Errors
    /// When the broker refused a copy.
    pub(super) fn confirmed(&mut self, seq: u64, multiple: bool, stored: bool) -> Result<Vec<u64>, Fault> {
        let answered = self.copies.answered(seq, multiple, stored)?;
        Ok(answered.into_iter().map(|copy| copy.tag).collect())
    }

    /// How many copies an answer of the broker is about.
    pub(super) fn unconfirmed(&self, seq: u64, multiple: bool) -> u64 {
        self.copies.concerned(seq, multiple) as u64
    }

    /// How many copies the broker has not answered for in time.
    pub(super) fn overdue(&self, now: Instant) -> u64 {
        self.copies.count(|copy| now >= copy.since + CONFIRM_TIMEOUT) as u64
    }

    /// When the oldest unconfirmed copy is overdue.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.copies.oldest().map(|oldest| oldest.since + CONFIRM_TIMEOUT)
    }

    /// The largest frame that the broker takes; 0 when any.
    pub(super) fn frame_max(&self) -> u32 {
        self.link.connection.frame_max()
    }

    pub(super) async fn lost(&self) {
        self.link.lost().await;
    }

    pub(super) async fn close(self) {
        self.link.close().await;
    }
}
