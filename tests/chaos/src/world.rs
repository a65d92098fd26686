//! Servers, the proxies before them, and the product behind those.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use millrace_oracle::Expected;
use millrace_stack::{Order, Proxies, Proxy, Stack, Tenant, built_millrace, wait_for};
use serde_json::json;
use tokio::sync::Mutex;

use crate::fault::Target;
use crate::replica::Replica;
use crate::schedule::Schedule;

pub(crate) const QUEUE: &str = "analytics.data.collected";
pub(crate) const DEAD_LETTERS: &str = "analytics.data.collected.dlq";
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The product has a user of its own, so that its password can be changed.
pub(crate) const USER: &str = "chaos";
pub(crate) const PASSWORD: &str = "chaos-password";

/// Without it the objects of this machine are there at once, and hardly an event is in flight when a fault comes.
const STORE_IS_FAR: Order = Order::Latency(Duration::from_millis(60));

/// Settings of the product; what is not here has its default, `MAX_RETRY_ATTEMPTS` above all.
const SETTINGS: [(&str, &str); 11] = [
    // The caps that the corpus exceeds where it is to be refused: small, so that its objects are.
    ("MAX_OBJECT_MB", "2"),
    ("MAX_DECOMPRESSED_MB", "4"),
    ("MAX_ITEMS_PER_BATCH", "500"),
    ("MAX_TEXT_BYTES", "65536"),
    // Few retry queues, and no long waits at the end.
    ("RETRY_INITIAL_DELAY", "0.5"),
    ("RETRY_MAX_DELAY", "2"),
    // Slow enough for a queue that is seldom empty.
    ("MAX_CONCURRENT_BATCH_PROCESSING", "2"),
    ("EVENT_PREFETCH_COUNT", "24"),
    ("MEMORY_BUDGET_MB", "32"),
    ("SHUTDOWN_GRACE_SECONDS", "15"),
    ("LOG_FORMAT", "json"),
];

/// All there is.
pub(crate) struct World<'a> {
    pub(crate) tenant: Tenant<'a>,
    /// The second bucket that events may name.
    pub(crate) extra_bucket: String,
    pub(crate) proxies: Proxies,
    pub(crate) replicas: Vec<Replica>,
    /// Held by the task that does something to a server itself.
    broker: Mutex<()>,
    database: Mutex<()>,
    store: Mutex<()>,
    classic_queues: bool,
    /// Messages were published whose properties are no text.
    pub(crate) undecodable: AtomicBool,
}

// === impl World ===

impl<'a> World<'a> {
    pub(crate) async fn start(stack: &'a Stack, schedule: &Schedule) -> anyhow::Result<Self> {
        let tenant = stack.tenant("chaos").await?;
        if schedule.classic_queues {
            for queue in [QUEUE, DEAD_LETTERS] {
                tenant
                    .declare_queue(queue, json!({"x-queue-type": "classic"}))
                    .await?;
            }
        }
        let extra_bucket = format!("{}-archive", tenant.bucket());
        stack.objects.create_bucket(&extra_bucket).await?;
        let management = stack.rabbitmq.management();
        management.put_user(USER, PASSWORD).await?;
        management.permit(tenant.vhost(), USER).await?;
        let proxies = Proxies::start(stack).await?;
        proxies.objects.order(STORE_IS_FAR);
        let url = format!(
            "amqp://{USER}:{PASSWORD}@127.0.0.1:{}/{}",
            proxies.rabbitmq.port(),
            tenant.vhost()
        );
        let mut settings = SETTINGS.to_vec();
        settings.extend([
            ("RABBITMQ_URL", url.as_str()),
            ("MINIO_EXTRA_BUCKETS", &extra_bucket),
        ]);
        let millrace = built_millrace()?;
        let start = |_| {
            tenant
                .service_through(&proxies, &millrace, &settings)
                .map(Replica::new)
        };
        let replicas = (0..schedule.replicas)
            .map(start)
            .collect::<anyhow::Result<Vec<_>>>()?;
        for replica in &replicas {
            replica.service.wait_ready(PATIENCE).await?;
        }
        Ok(Self {
            tenant,
            extra_bucket,
            proxies,
            replicas,
            broker: Mutex::default(),
            database: Mutex::default(),
            store: Mutex::default(),
            classic_queues: schedule.classic_queues,
            undecodable: AtomicBool::new(false),
        })
    }

    /// What must come of the load and of what faults published beside it.
    pub(crate) fn expected(&self, mut of_load: Expected) -> Expected {
        if self.undecodable.load(Ordering::Relaxed) {
            let letter = (None, "malformed_event".to_owned());
            of_load.dead_letters.push(letter);
        }
        of_load
    }

    pub(crate) fn stack(&self) -> &'a Stack {
        self.tenant.stack()
    }

    /// The proxy before a server, and what it does on a good day.
    pub(crate) fn way(&self, to: Target) -> anyhow::Result<(&Proxy, Order)> {
        match to {
            Target::Rabbitmq => Ok((&self.proxies.rabbitmq, Order::Pass)),
            Target::Postgres => Ok((&self.proxies.postgres, Order::Pass)),
            Target::Objects => Ok((&self.proxies.objects, STORE_IS_FAR)),
            Target::Millrace(_) => anyhow::bail!("no proxy stands before the product"),
        }
    }

    /// The right to do something to a server or to a replica itself.
    pub(crate) fn hands(&self, on: Target) -> anyhow::Result<&Mutex<()>> {
        Ok(match on {
            Target::Rabbitmq => &self.broker,
            Target::Postgres => &self.database,
            Target::Objects => &self.store,
            Target::Millrace(index) => &self.replica(index)?.hands,
        })
    }

    pub(crate) fn replica(&self, index: usize) -> anyhow::Result<&Replica> {
        self.replicas.get(index).context("there is no such replica")
    }

    /// The ladder of retry queues.
    pub(crate) async fn retry_queues(&self) -> anyhow::Result<Vec<millrace_stack::QueueInfo>> {
        let queues = self
            .stack()
            .rabbitmq
            .management()
            .queues(self.tenant.vhost())
            .await?;
        let prefix = format!("{QUEUE}.retry");
        Ok(queues
            .into_iter()
            .filter(|queue| queue.name.starts_with(&prefix))
            .collect())
    }

    /// Waits until all queues would survive a SIGKILL of the broker: RabbitMQ 3.10 loses quorum queues younger than that.
    ///
    /// A product that makes no retry queues is told on by the oracle, in the end.
    pub(crate) async fn wait_until_registered(&self, retry_queues: usize) -> anyhow::Result<()> {
        let enough = wait_for("the retry queues", PATIENCE / 2, async || {
            let found = self.retry_queues().await?.len();
            anyhow::ensure!(found >= retry_queues, "there are {found}");
            Ok(())
        });
        if let Err(error) = enough.await {
            println!("going on without them: {error:#}");
        }
        let ladder = self.retry_queues().await?;
        let names = ladder.iter().map(|queue| queue.name.as_str());
        let quorum = if self.classic_queues {
            [].as_slice()
        } else {
            &[QUEUE, DEAD_LETTERS]
        };
        for name in names.chain(quorum.iter().copied()) {
            self.tenant.wait_until_registered(name).await?;
        }
        Ok(())
    }
}
