//! What `millrace check` asks the broker beyond "are you there": whether queues are such as can be worked with, and
//! whether this user may do what `run` will do. Nothing is made, taken or published by it: the broker looks at
//! rights before it looks at sense, so a request without sense tells whether there is the right.

use super::{
    findings::{Assessment, assess},
    inspection::{self, Known},
    link::{Link, broker, lost},
    replies::{PRECONDITION_FAILED, Reply},
    session::work_queues,
    signals::Signal,
    topology::{Queue, Topology, key, text},
};
use crate::AmqpSettings;
use amqprs::{
    BasicProperties, FieldTable, FieldValue,
    channel::{
        BasicCancelArguments, BasicConsumeArguments, BasicPublishArguments, BasicQosArguments,
        ConfirmSelectArguments, QueueDeclareArguments,
    },
};
use millrace_engine::Fault;
use std::time::Duration;
use tokio::sync::mpsc::unbounded_channel;

/// A queue that does not exist.
const NOWHERE: &str = "millrace.check.no-such-queue";

/// Looks at queues and rights; what may be lost, for people.
///
/// # Errors
/// What `run` could not work with, all of it.
pub(super) async fn check(link: &Link, settings: &AmqpSettings) -> Result<Vec<String>, Fault> {
    let mut topology = Topology::open(link).await?;
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    for name in work_queues(settings) {
        for queue in [Queue::Work(name.clone()), Queue::DeadLetters(name.clone())] {
            if !topology.has_queue(&queue.name()).await? {
                problems.extend(may_make(&mut topology, &queue).await?);
                continue;
            }
            if matches!(queue, Queue::Work(_)) {
                problems.extend(may_consume(&mut topology, &name).await?);
            }
            let looks = inspection::look(&mut topology, [queue], &Known::default()).await?;
            let Assessment {
                refusals,
                warnings: may_lose,
            } = assess(&looks);
            problems.extend(refusals);
            warnings.extend(may_lose);
        }
        let delay = settings.retry.delay_at_age(Duration::ZERO);
        let retries = Queue::Retry { of: name, delay };
        problems.extend(may_make(&mut topology, &retries).await?);
    }
    if settings.new_mode && !topology.has_exchange(&settings.exchange).await? {
        warnings.push(format!(
            "exchange {} does not exist; run makes it",
            settings.exchange
        ));
    }
    problems.extend(may_publish(link).await?);
    match problems.is_empty() {
        true => Ok(warnings),
        false => Err(lost(problems.join("; "))),
    }
}

/// The priority of a consumer is a number.
async fn may_consume(topology: &mut Topology<'_>, name: &str) -> Result<Option<String>, Fault> {
    let mut arguments = FieldTable::new();
    arguments.insert(key("x-priority"), text("no number"));
    let consume = BasicConsumeArguments::new(name, "millrace check")
        .arguments(arguments)
        .finish();
    let qos = BasicQosArguments::new(0, 1, false);
    if let Err(error) = topology.channel.basic_qos(qos).await {
        return Err(lost(topology.refusal(error).await?.to_string()));
    }
    match topology.channel.basic_consume_rx(consume).await {
        Ok((tag, _unread)) => {
            let _ = topology
                .channel
                .basic_cancel(BasicCancelArguments::new(&tag))
                .await;
            Ok(None)
        }
        Err(error) => {
            let reply = topology.refusal(error).await?;
            Ok(unless_senseless(
                reply,
                &format!("queue {name} cannot be consumed (right: read)"),
            ))
        }
    }
}

/// A message lives for no negative time.
async fn may_make(topology: &mut Topology<'_>, queue: &Queue) -> Result<Option<String>, Fault> {
    let name = queue.name();
    let mut arguments = queue.arguments();
    arguments.remove(&key("x-message-ttl"));
    arguments.insert(key("x-message-ttl"), FieldValue::l(-1));
    let declare = QueueDeclareArguments::durable_client_named(&name)
        .arguments(arguments)
        .finish();
    match topology.channel.queue_declare(declare).await {
        Ok(_) => Ok(None),
        Err(error) => {
            let reply = topology.refusal(error).await?;
            let what = format!(
                "queue {name} cannot be made (rights: configure, read, and write for the default exchange, amq.default)"
            );
            Ok(unless_senseless(reply, &what))
        }
    }
}

/// A message that no queue takes comes back.
async fn may_publish(link: &Link) -> Result<Option<String>, Fault> {
    let (signal_tx, mut signals) = unbounded_channel();
    let channel = link.channel_heard_by(signal_tx).await?;
    let confirm = ConfirmSelectArguments::new(false);
    channel.confirm_select(confirm).await.map_err(broker)?;
    let nowhere = BasicPublishArguments::new("", NOWHERE).mandatory(true).finish();
    let empty = channel.basic_publish(BasicProperties::default(), Vec::new(), nowhere);
    empty.await.map_err(broker)?;
    Ok(match signals.recv().await {
        Some(Signal::Lost(why)) => Some(format!(
            "retries and dead letters cannot be published (right: write for the default exchange, amq.default): {why}"
        )),
        _ => None,
    })
}

/// The broker found no sense in it: so it had looked at the rights.
fn unless_senseless(reply: Reply, what: &str) -> Option<String> {
    (reply.code != PRECONDITION_FAILED).then(|| format!("{what}: {reply}"))
}
