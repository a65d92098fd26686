//! How long the queues are, for health and metrics. A passive declaration asks without changing anything;
//! the broker answers it for a queue that does not exist by closing the channel.

use super::{Events, Shared, link::Questions, topology::Queue};
use crate::Depths;
use amqprs::channel::{Channel, QueueDeclareArguments};
use std::{sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// Pause between two looks.
const INTERVAL: Duration = Duration::from_secs(2);
/// After this long without an answer what was known is no longer true.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks again and again how long the work queues and their dead-letter queues are.
pub(super) async fn keep_measuring<E: Events>(
    questions: Questions,
    queues: Vec<String>,
    shared: Arc<Shared<E>>,
) {
    let dead: Vec<_> = queues
        .iter()
        .map(|queue| Queue::DeadLetters(queue.clone()).name())
        .collect();
    let mut channel = None;
    loop {
        let mut look = Box::pin(async {
            Depths {
                work: sum(&questions, &mut channel, &queues).await,
                dead_letters: sum(&questions, &mut channel, &dead).await,
            }
        });
        // A question is never abandoned: that would spoil its channel.
        let depths = match timeout(TIMEOUT, &mut look).await {
            Ok(depths) => depths,
            Err(_) => {
                shared.status.measured(Depths::default());
                look.await
            }
        };
        shared.status.measured(depths);
        sleep(INTERVAL).await;
    }
}

/// Messages in all of these queues; a queue that does not exist holds none.
async fn sum(questions: &Questions, channel: &mut Option<Channel>, queues: &[String]) -> Option<u64> {
    let mut all = 0;
    for queue in queues {
        let asked = match channel.take() {
            Some(open) => open,
            None => questions.channel().await.ok()?,
        };
        let look = QueueDeclareArguments::new(queue).passive(true).finish();
        if let Ok(answer) = asked.queue_declare(look).await {
            all += answer.map_or(0, |(_, messages, _)| u64::from(messages));
            *channel = Some(asked);
        }
    }
    Some(all)
}
