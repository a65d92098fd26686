//! One membership in the group: the client, its partitions, and what is in flight.

mod assignment;
mod flow;
mod health;

use crate::{
    Chunk, KafkaMetrics, KafkaSettings, KafkaSource, KafkaStatus, PositionStore, TopicPartition,
    client_config,
    context::{Listener, Told},
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
use tracing::{info, warn};

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
    /// What was said about troubles, so that it is said once.
    said: std::collections::BTreeSet<String>,
}

/// Partitions that are being given up.
struct Leaving {
    partitions: Vec<TopicPartition>,
    until: Instant,
    /// They are finished, and their offsets are being committed.
    committing: bool,
}

/// Something that took its time.
enum Step {
    Placed(Vec<(TopicPartition, u64, Placed)>),
    /// A chunk may go.
    Ready(TopicPartition, u64, Reservation),
    /// What was finished is committed, as far as that was possible; the partitions can go.
    Committed,
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
        for _ in 0..SERVED {
            if let Some(Ok(_)) = self.client.poll(Duration::ZERO) {
                // It would be missing from its partition's order. What is stored is the truth, so a new start is safe.
                return Err(Fault::outage(
                    crate::DEPENDENCY,
                    "a record came by a queue that is not its partition's",
                ));
            }
            let Ok(told) = self.told.try_recv() else { continue };
            self.hear(told, intake)?;
        }
        Ok(())
    }

    fn go_on(&mut self, step: Step, intake: &Intake<Chunk>) {
        match step {
            Step::Placed(placed) => {
                for (name, serial, placed) in placed {
                    self.placed(&name, serial, placed);
                }
            }
            Step::Ready(name, serial, reservation) => self.send_prepared(&name, serial, reservation, intake),
            Step::Committed => self.let_go(),
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
        let list = self.take_uncommitted(None);
        let names: Vec<_> = self.partitions.keys().cloned().collect();
        let store = self.store.clone();
        // The queues hold the client too, so they go first; and from here on its last callbacks are not heard.
        self.partitions.clear();
        self.metrics.paused.set(0);
        self.show();
        let Self {
            client, told, steps, ..
        } = self;
        drop((told, steps));
        let closing = spawn_blocking(move || {
            if list.count() > 0
                && let Err(error) = client.commit(&list, rdkafka::consumer::CommitMode::Sync)
            {
                warn!(%error, "cannot commit offsets; the stored positions are the truth");
            }
            drop(client);
        });
        if timeout(CLOSE, closing).await.is_err() {
            warn!("the broker does not let us leave the group in time; it will notice that we are gone");
        }
        if !names.is_empty() {
            let _ = timeout(CLOSE, store.clear(&names)).await;
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
