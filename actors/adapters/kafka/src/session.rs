//! One membership in the group: the client, its partitions, and what is in flight.

mod assignment;
mod flow;
mod health;

use crate::{
    Chunk, KafkaMetrics, KafkaSettings, KafkaSource, KafkaStatus, PositionStore, TopicPartition,
    client_config,
    context::{Listener, Told, is_cooperative},
    partition::{Partition, Phase},
    placing::{Client, Placed, Placing},
};
use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use millrace_engine::{Acks, ByteBudget, Fault, Intake, Reservation, Settlement};
use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{
        Notify,
        mpsc::{UnboundedReceiver, unbounded_channel},
    },
    task::spawn_blocking,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tracing::{debug, info, warn};

/// The client is looked at so often, whatever it says.
const TICK: Duration = Duration::from_millis(100);
/// Events of the client that are served in a row.
const SERVED: usize = 64;
/// Offsets are committed together.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// For leaving the group.
const CLOSE: Duration = Duration::from_secs(10);

/// One membership.
pub(crate) struct Session<S> {
    pipeline: &'static str,
    settings: Arc<KafkaSettings>,
    store: S,
    budget: Arc<ByteBudget>,
    status: KafkaStatus,
    metrics: KafkaMetrics,
    client: Client,
    told: UnboundedReceiver<Told>,
    wake: Arc<Notify>,
    partitions: BTreeMap<TopicPartition, Partition>,
    /// The assignment that is not answered yet.
    taking_up: Option<u64>,
    /// Partitions that are being given up, until when that may take.
    leaving: Option<Leaving>,
    steps: FuturesUnordered<BoxFuture<'static, Step>>,
    acks: Acks,
    settled: UnboundedReceiver<Settlement>,
    tags: HashMap<u64, TopicPartition>,
    last_tag: u64,
    last_serial: u64,
    committed_at: Instant,
    suspended: bool,
    draining: bool,
    said_consuming: bool,
    left: bool,
    /// What was said about troubles, so that it is said once.
    said: std::collections::BTreeSet<String>,
}

/// Partitions that are being given up.
struct Leaving {
    partitions: Vec<TopicPartition>,
    until: Instant,
    /// They are finished, and their offsets are being committed.
    committing: bool,
    /// Which of them: a commit for an earlier one gives nothing up.
    serial: u64,
}

/// Something that took its time.
enum Step {
    /// The ends of the logs of what is being assigned are known.
    TakeUp(u64, Vec<(TopicPartition, rdkafka::Offset)>),
    Placed(Vec<(TopicPartition, u64, Placed)>),
    /// A chunk may go.
    Ready(TopicPartition, u64, Reservation),
    /// What was finished is committed, as far as that was possible; the partitions can go.
    Committed(u64),
}

// === impl Session ===

impl<S: PositionStore> Session<S> {
    /// Joins the group.
    pub(crate) fn open(source: &KafkaSource<S>, partitions: usize) -> Result<Self, Fault> {
        let settings = source.settings.clone();
        let config = client_config::consumer(&settings, source.budget.limit(), partitions);
        let (tell, told) = unbounded_channel();
        let listener = Listener::new(tell, settings.access.sasl.clone());
        let outage = |error: rdkafka::error::KafkaError| Fault::outage(crate::DEPENDENCY, error.to_string());
        let mut client: BaseConsumer<Listener> = config.create_with_context(listener).map_err(outage)?;
        let wake = Arc::new(Notify::new());
        let waker = wake.clone();
        client.set_nonempty_callback(move || waker.notify_one());
        let topics: Vec<_> = settings.topics.iter().map(String::as_str).collect();
        client.subscribe(&topics).map_err(outage)?;
        let (acks, settled) = unbounded_channel();
        info!(
            pipeline = source.pipeline,
            kafka.group = settings.group,
            kafka.topics = settings.topics.join(","),
            "joining the group"
        );
        Ok(Self {
            pipeline: source.pipeline,
            store: source.store.clone(),
            budget: source.budget.clone(),
            status: source.status.clone(),
            metrics: source.metrics.clone(),
            settings,
            client: Arc::new(client),
            told,
            wake,
            partitions: BTreeMap::new(),
            taking_up: None,
            leaving: None,
            steps: FuturesUnordered::new(),
            acks,
            settled,
            tags: HashMap::new(),
            last_tag: 0,
            last_serial: 0,
            committed_at: Instant::now(),
            suspended: false,
            draining: false,
            said_consuming: false,
            left: false,
            said: std::collections::BTreeSet::new(),
        })
    }

    /// Works until the drain is ordered and what is in flight is settled.
    pub(crate) async fn run(&mut self, intake: &Intake<Chunk>) -> Result<(), Fault> {
        let mut breaker = intake.breaker.subscribe();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let wake = self.wake.clone();
        loop {
            self.suspended = breaker.borrow_and_update().is_some();
            self.draining = intake.drain.is_ordered();
            self.serve(intake)?;
            if self.draining && self.tags.is_empty() {
                return Ok(());
            }
            self.give_up_what_is_finished();
            self.take(intake);
            self.commit_now_and_then();
            tokio::select! {
                () = wake.notified() => {}
                _ = ticks.tick() => {}
                Some(settlement) = self.settled.recv() => self.settle(settlement),
                Some(step) = self.steps.next(), if !self.steps.is_empty() => self.go_on(step, intake),
                _ = breaker.changed() => {}
                () = intake.drain.ordered(), if !self.draining => {}
                // What is unfinished is left: its position is not stored.
                () = intake.drain.shortened() => return Ok(()),
            }
        }
    }

    /// Lets the client do its callbacks, and hears what it tells. No record comes this way: each partition has a queue.
    fn serve(&mut self, intake: &Intake<Chunk>) -> Result<(), Fault> {
        // What was a callback is no answer, and another may wait behind it.
        let mut silent = 0;
        for _ in 0..SERVED {
            if let Some(Ok(_)) = self.client.poll(Duration::ZERO) {
                // It would be missing from its partition's order. What is stored is the truth, so a new start is safe.
                return Err(Fault::outage(
                    crate::DEPENDENCY,
                    "a record came by a queue that is not its partition's",
                ));
            }
            match self.told.try_recv() {
                Ok(told) => self.hear(told, intake)?,
                Err(_) if silent == 2 => break,
                Err(_) => silent += 1,
            }
        }
        Ok(())
    }

    fn go_on(&mut self, step: Step, intake: &Intake<Chunk>) {
        match step {
            Step::TakeUp(serial, ends) => self.take_up(serial, ends),
            Step::Placed(placed) => {
                for (name, serial, placed) in placed {
                    self.placed(&name, serial, placed);
                }
            }
            Step::Ready(name, serial, reservation) => self.send_prepared(&name, serial, reservation, intake),
            Step::Committed(serial) => {
                if self
                    .leaving
                    .as_ref()
                    .is_some_and(|leaving| leaving.serial == serial)
                {
                    self.let_go();
                }
            }
        }
    }

    /// The copy of the positions for lag tools and autoscalers.
    fn commit_now_and_then(&mut self) {
        if self.committed_at.elapsed() < COMMIT_EVERY {
            return;
        }
        self.committed_at = Instant::now();
        let list = self.take_uncommitted(None);
        if list.count() > 0
            && let Err(error) = self.client.commit(&list, rdkafka::consumer::CommitMode::Async)
        {
            warn!(pipeline = self.pipeline, %error, "cannot commit offsets; the stored positions are the truth");
        }
    }

    /// What is stored and not committed, of these partitions or of all.
    fn take_uncommitted(&mut self, of: Option<&[TopicPartition]>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (name, partition) in &mut self.partitions {
            if of.is_some_and(|of| !of.contains(name)) {
                continue;
            }
            if let Some(offset) = partition.to_commit.take() {
                // It fails only for an offset that is none.
                let _ =
                    list.add_partition_offset(&name.topic, name.partition, rdkafka::Offset::Offset(offset));
            }
        }
        list
    }

    /// Commits what is finished and leaves the group.
    pub(crate) async fn close(mut self) {
        let names: Vec<_> = self.partitions.keys().cloned().collect();
        let store = self.store.clone();
        self.metrics.paused.set(0);
        let closing = spawn_blocking(self.leave());
        self.show();
        drop(self);
        if timeout(CLOSE, closing).await.is_err() {
            warn!("the broker does not let us leave the group in time; it will notice that we are gone");
        }
        if !names.is_empty() {
            let _ = timeout(CLOSE, store.clear(&names)).await;
        }
    }

    /// What leaves the group; it blocks.
    fn leave(&mut self) -> impl FnOnce() + Send + 'static {
        self.left = true;
        let list = self.take_uncommitted(None);
        self.answer_late();
        let partitions = std::mem::take(&mut self.partitions);
        let steps = std::mem::take(&mut self.steps);
        let client = self.client.clone();
        move || {
            if list.count() > 0
                && let Err(error) = client.commit(&list, rdkafka::consumer::CommitMode::Sync)
            {
                warn!(%error, "cannot commit offsets; the stored positions are the truth");
            }
            // The queues and what is being asked hold the client too, so they go first.
            drop((steps, partitions));
            drop(client);
        }
    }

    fn placing(&self) -> Placing<S> {
        Placing {
            client: self.client.clone(),
            store: self.store.clone(),
            settings: self.settings.clone(),
        }
    }

    /// Whether a partition is not read now though it could be.
    fn is_paused(&self, partition: &Partition) -> bool {
        self.suspended || matches!(partition.phase, Phase::Waiting { .. })
    }
}

impl<S> Session<S> {
    /// Answers the rebalances that nothing will hear of any more. From here on the client's callbacks answer for themselves.
    fn answer_late(&mut self) {
        self.told.close();
        let assigned = self.taking_up.take().map(|_| Told::Assigned(Vec::new()));
        let revoked = self.leaving.take();
        let revoked = revoked.map(|leaving| Told::Revoked(leaving.partitions));
        let pending = assigned.into_iter().chain(revoked);
        let rest = std::iter::from_fn(|| self.told.try_recv().ok());
        for told in pending.chain(rest) {
            let done = match (told, is_cooperative(&self.client)) {
                (Told::Assigned(_), true) => self.client.incremental_assign(&TopicPartitionList::new()),
                (Told::Revoked(list), true) => self.client.incremental_unassign(&listed(&list)),
                (Told::Assigned(_) | Told::Revoked(_), false) => self.client.unassign(),
                _ => continue,
            };
            if let Err(error) = done {
                debug!(%error, "a rebalance that came too late");
            }
        }
    }
}

/// Partitions in the client's words.
fn listed(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for TopicPartition { topic, partition } in partitions {
        list.add_partition(topic, *partition);
    }
    list
}

impl<S> Drop for Session<S> {
    /// After a panic: the client's own end blocks, and is waited for elsewhere.
    fn drop(&mut self) {
        if self.left {
            return;
        }
        self.answer_late();
        let all = (
            std::mem::take(&mut self.steps),
            std::mem::take(&mut self.partitions),
            self.client.clone(),
        );
        std::thread::spawn(move || drop(all));
    }
}
