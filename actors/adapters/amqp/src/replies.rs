//! The broker's own words when it closes a channel in answer to a question.

use amqprs::{
    Ack, BasicProperties, Cancel, CloseChannel, Nack, Return, callbacks::ChannelCallback, channel::Channel,
};
use async_trait::async_trait;
use std::{
    fmt,
    sync::{Arc, OnceLock},
};

type Handled<T> = Result<T, amqprs::error::Error>;

/// A "no" of the broker: 403 access refused, 404 not found, 405 resource locked, 406 precondition failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) text: String,
}

/// No right, or another connection has the queue for itself.
pub(super) const ACCESS_REFUSED: u16 = 403;
/// There is none of that name.
pub(super) const NOT_FOUND: u16 = 404;
/// It belongs to another connection.
pub(super) const RESOURCE_LOCKED: u16 = 405;
/// It is there, and other than was said; or what was said makes no sense.
pub(super) const PRECONDITION_FAILED: u16 = 406;

/// Remembers what was said of one channel.
#[derive(Clone, Debug, Default)]
pub(super) struct Replies(Arc<OnceLock<Reply>>);

// === impl Reply ===

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text)
    }
}

// === impl Replies ===

impl Replies {
    /// Why the broker closed the channel; none where it did not. It is known before the question fails.
    pub(super) fn last(&self) -> Option<Reply> {
        self.0.get().cloned()
    }
}

#[async_trait]
impl ChannelCallback for Replies {
    async fn close(&mut self, _: &Channel, close: CloseChannel) -> Handled<()> {
        let _ = self.0.set(Reply {
            code: close.reply_code(),
            text: close.reply_text().clone(),
        });
        Ok(())
    }

    async fn cancel(&mut self, _: &Channel, _: Cancel) -> Handled<()> {
        Ok(())
    }

    async fn flow(&mut self, _: &Channel, active: bool) -> Handled<bool> {
        Ok(active)
    }

    async fn publish_ack(&mut self, _: &Channel, _: Ack) {}

    async fn publish_nack(&mut self, _: &Channel, _: Nack) {}

    async fn publish_return(&mut self, _: &Channel, _: Return, _: BasicProperties, _: Vec<u8>) {}
}
