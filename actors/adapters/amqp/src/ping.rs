//! Asks the broker whether it is there, so that its silence shows long before the heartbeat ends the
//! connection. A silent broker may only be slow: deliveries go on and the session lives; only the status
//! says that nothing comes.

use super::{Events, Shared, depths, link::Link};
use amqprs::channel::{BasicQosArguments, Channel};
use millrace_engine::Fault;
use std::{sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

/// Questions that are asked until it is dropped.
pub(super) struct Ping {
    _asking: AbortOnDropHandle<()>,
    _measuring: AbortOnDropHandle<()>,
}

/// Pause between two questions.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long an answer may take before the broker counts as silent.
const TIMEOUT: Duration = Duration::from_millis(1_500);

/// Starts to ask, on channels of its own: an abandoned question spoils a channel. How long the queues are
/// is asked beside it, so that a queue that is slow to answer does not pass for a silent broker.
pub(super) async fn start<E: Events>(
    link: &Link,
    shared: &Arc<Shared<E>>,
    queues: &[String],
) -> Result<Ping, Fault> {
    let channel = link.quiet_channel().await?;
    let asking = keep_asking(channel, shared.clone());
    let measuring = depths::keep_measuring(link.questions(), queues.to_vec(), shared.clone());
    Ok(Ping {
        _asking: AbortOnDropHandle::new(tokio::spawn(asking)),
        _measuring: AbortOnDropHandle::new(tokio::spawn(measuring)),
    })
}

async fn keep_asking<E: Events>(channel: Channel, shared: Arc<Shared<E>>) {
    loop {
        sleep(INTERVAL).await;
        // A question without consequences: this channel consumes nothing.
        let mut answer = Box::pin(channel.basic_qos(BasicQosArguments::default()));
        let answered = match timeout(TIMEOUT, &mut answer).await {
            Ok(answered) => answered,
            Err(_) => {
                shared.status.silent(true);
                let answered = answer.await;
                shared.status.silent(false);
                answered
            }
        };
        if answered.is_err() {
            return; // the connection is lost, and the session knows
        }
    }
}
