//! More replicas: all of it is stored once, the work is shared, and they come and go under load without a trace.
//!
//! Evenness needs two conditions, and both are set here because they hold in production: all replicas are there when
//! the work begins, and there is more work than they may hold at once. The broker then gives each consumer its
//! prefetch, and one more event for each that it acknowledges, so a replica's share is its share of the speed.

use crate::{
    oracle::wait_until_settled,
    running::{DLQ, PATIENCE, Running, copies, fresh_id, millrace},
    trial::Trial,
};
use futures_util::{StreamExt as _, future::join_all, stream};
use millrace_corpus::{CorpusSettings, CrawlBatch, Platform};
use millrace_oracle::{Actual, Expected, compare, compare_dead_letters, report};
use millrace_stack::{Service, Stack, Tenant, wait_for};
use std::collections::BTreeMap;

/// A replica may have so much more or less than the even share.
const TOLERANCE: f64 = 0.2;
/// For each replica half as many again as it may hold at once by default, which is 34.
const EVENTS_A_REPLICA: usize = 50;
/// So often the same batches are announced again under new ids, until the shares are even: what else the machine does
/// evens out over time.
const ROUNDS: usize = 5;
/// What a batch of [`plain`] holds.
const ITEMS_A_BATCH: usize = 20;
/// At one time.
const PUBLICATIONS: usize = 8;

/// Batches of good crawlers, of which nothing must be dead-lettered.
async fn plain(tenant: &Tenant<'_>, seed: u64, items: usize) -> Trial {
    let corpus = CorpusSettings {
        seed,
        items,
        comments_per_item: 1,
        platform: Some(Platform::Youtube),
        ..CorpusSettings::default()
    };
    Trial::of(tenant, corpus).await
}

/// Replicas on one queue and one database.
struct Fleet<'a> {
    /// The first one, with the servers.
    pipeline: Running<'a>,
    others: Vec<Service>,
}

// === impl Fleet ===

impl Fleet<'static> {
    /// So many replicas, all ready, and a load that is in the store and not announced yet.
    async fn start(replicas: usize, trial: &Trial, tenant: Tenant<'static>, extra: &[(&str, &str)]) -> Self {
        // The broker must not give up on who is frozen for a while.
        let patient = ("RABBITMQ_HEARTBEAT_SECONDS", "60");
        let extra = extra.iter().copied().chain([patient]);
        let settings: Vec<_> = trial.settings().into_iter().chain(extra).collect();
        let mut services: Vec<_> = (0..replicas)
            .map(|_| tenant.service(millrace(), &settings).unwrap())
            .collect();
        trial.upload(&tenant).await;
        let first = services.remove(0);
        for service in &services {
            ready(service).await;
        }
        Self {
            pipeline: Running::with(tenant, first).await,
            others: services,
        }
    }

    fn services(&self) -> impl Iterator<Item = &Service> {
        [&self.pipeline.service].into_iter().chain(&self.others)
    }

    /// Announces a part of the load, in no certain order, while none can begin: all begin with all of it before them.
    async fn announce(&self, trial: &Trial, part: &[usize]) {
        self.announce_as(trial, part, |batch| batch.event.to_vec()).await;
    }

    async fn announce_as(&self, trial: &Trial, part: &[usize], event: impl Fn(&CrawlBatch) -> Vec<u8>) {
        for service in self.services() {
            service.pause().unwrap();
        }
        stream::iter(part)
            .for_each_concurrent(PUBLICATIONS, async |&position| {
                self.pipeline.publish(event(&trial.batches[position])).await;
            })
            .await;
        for service in self.services() {
            service.resume().unwrap();
        }
    }

    /// Waits until all is stored or dead-lettered, and compares every row and every dead letter.
    async fn is_as_computed(&self, expected: &Expected) {
        let dead = wait_until_settled(&self.pipeline, expected).await;
        let differences = compare(expected, &Actual::read(&self.pipeline.database).await.unwrap());
        assert!(differences.is_empty(), "{}", report(&differences));
        let differences = compare_dead_letters(expected, &dead, copies(self.services()));
        assert!(differences.is_empty(), "{}", report(&differences));
    }

    /// What a replica gave back when it went, read or not, costs no event an attempt and leaves none under suspicion.
    async fn none_is_in_quarantine(&self) {
        let charged = self
            .pipeline
            .count("ingested_batches WHERE attempts > 1", &[])
            .await;
        assert_eq!(charged, 0, "events were charged an attempt");
        wait_for("the crash notes to be cleared", PATIENCE, async || {
            match self.pipeline.count("suspects", &[]).await {
                0 => Ok(()),
                left => Err(format!("{left} are left")),
            }
        })
        .await
        .unwrap();
    }

    /// Waits until so many events are processed; each replica's part of them, by the even part.
    async fn shares(&self, events: usize) -> Vec<f64> {
        wait_for("all events to be counted", PATIENCE, async || {
            let processed = self.counted("analytics_events_processed_total").await;
            let sum: f64 = processed.iter().sum();
            let even = events as f64 / processed.len() as f64;
            let all = (sum == events as f64).then(|| processed.iter().map(|one| one / even).collect());
            all.ok_or_else(|| format!("{sum} of {events}"))
        })
        .await
        .unwrap()
    }

    /// What each replica has counted.
    async fn counted(&self, name: &str) -> Vec<f64> {
        join_all(self.services().map(|service| counted(service, name))).await
    }
}

async fn ready(service: &Service) {
    let ready = service.wait_ready(PATIENCE).await;
    ready.unwrap_or_else(|error| panic!("{error:#}\n{}", service.lines().join("\n")));
}

async fn counted(service: &Service, name: &str) -> f64 {
    let metrics = service.metrics().await.unwrap();
    metrics.sum(name, &[]).unwrap_or_else(|| panic!("no {name}"))
}

/// Waits until a replica has deliveries in hand.
async fn holds_events(service: &Service) {
    wait_for("a replica to hold events", PATIENCE, async || {
        let metrics = service.metrics().await.map_err(|error| error.to_string())?;
        match metrics.sum("analytics_inflight_events", &[]) {
            Some(held) if held > 0.0 => Ok(()),
            held => Err(format!("{held:?}")),
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_two_four_and_eight_replicas_store_all_once_and_share_the_work() {
    for replicas in [1, 2, 4, 8] {
        let name = format!("scale-{replicas}");
        let tenant = Stack::shared().await.tenant(&name).await.unwrap();
        let items = replicas * EVENTS_A_REPLICA * ITEMS_A_BATCH;
        let trial = plain(&tenant, replicas as u64, items).await;
        let fleet = Fleet::start(replicas, &trial, tenant, &[]).await;
        fleet.announce(&trial, &trial.order).await;
        fleet.is_as_computed(&trial.expected()).await;

        let mut shares = fleet.shares(trial.order.len()).await;
        for round in 2..=ROUNDS {
            if shares.iter().all(is_fair) {
                break;
            }
            let anew = |batch: &CrawlBatch| {
                let id = batch.event_id.as_deref().unwrap();
                let event = String::from_utf8(batch.event.to_vec()).unwrap();
                event.replace(id, &format!("{id}-{round}")).into_bytes()
            };
            fleet.announce_as(&trial, &trial.order, anew).await;
            shares = fleet.shares(round * trial.order.len()).await;
        }
        println!("{replicas} replicas: {shares:.2?} of the even share");
        assert!(shares.iter().all(is_fair), "{shares:.2?} of the even share");
    }
}

fn is_fair(share: &f64) -> bool {
    (1.0 - TOLERANCE..=1.0 + TOLERANCE).contains(share)
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_replicas_dead_letter_what_has_to_be_and_store_the_rest_once() {
    let tenant = Stack::shared().await.tenant("scale-hostile").await.unwrap();
    let trial = Trial::make(&tenant, 20_251_208, 1_500).await;
    let fleet = Fleet::start(8, &trial, tenant, &[]).await;
    fleet.announce(&trial, &trial.order).await;
    let expected = trial.expected();
    assert!(!expected.dead_letters.is_empty(), "a load worth trying");
    fleet.is_as_computed(&expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load_dead_letters_nothing_and_charges_nothing() {
    const REPLICAS: usize = 3;
    let tenant = Stack::shared().await.tenant("rolling").await.unwrap();
    let trial = plain(&tenant, 11, REPLICAS * 80 * ITEMS_A_BATCH).await;
    let fleet = Fleet::start(REPLICAS, &trial, tenant, &[]).await;
    let parts = trial.order.chunks(trial.order.len().div_ceil(REPLICAS));
    for (service, part) in fleet.services().zip(parts) {
        fleet.announce(&trial, part).await;
        holds_events(service).await;
        let code = service.terminate().await.unwrap();
        assert_eq!(code, Some(0), "{}", service.lines().join("\n"));
        service.start_again().unwrap();
        ready(service).await;
    }
    fleet.is_as_computed(&trial.expected()).await;
    fleet.none_is_in_quarantine().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_become_two_during_the_work_five_in_order_and_one_by_force() {
    let tenant = Stack::shared().await.tenant("scale-down").await.unwrap();
    let trial = plain(&tenant, 12, 300 * ITEMS_A_BATCH).await;
    // Most events wait, so the broker fills each hand again that gives something back.
    let small_hands = [("EVENT_PREFETCH_COUNT", "8")];
    let fleet = Fleet::start(8, &trial, tenant, &small_hands).await;
    fleet.announce(&trial, &trial.order).await;
    let [leaving @ .., killed] = &fleet.others[1..] else {
        unreachable!("eight")
    };
    holds_events(killed).await;
    // Frozen it gives nothing back, so there is no moment at which it holds nothing.
    killed.pause().unwrap();
    killed.kill().await.unwrap();
    for service in leaving {
        service.signal_terminate().unwrap();
    }
    for service in leaving {
        let code = service.wait_exit(PATIENCE).await.unwrap();
        assert_eq!(code, Some(0), "{}", service.lines().join("\n"));
    }
    fleet.is_as_computed(&trial.expected()).await;
    let mut redelivered = 0.0;
    for service in [&fleet.pipeline.service, &fleet.others[0]] {
        redelivered += counted(service, "analytics_redeliveries_total").await;
    }
    assert!(redelivered > 0.0, "what the killed one held was delivered again");
    fleet.none_is_in_quarantine().await;
}

/// Starts eight at once; how often each migration was applied.
async fn applied_by_eight(tenant: &Tenant<'_>) -> BTreeMap<u64, usize> {
    let services: Vec<_> = (0..8).map(|_| tenant.service(millrace(), &[]).unwrap()).collect();
    for service in &services {
        ready(service).await;
    }
    let mut applied = BTreeMap::new();
    for line in services.iter().flat_map(Service::logs) {
        if line["message"] == "applied migration" {
            *applied.entry(line["version"].as_u64().unwrap()).or_default() += 1;
        }
    }
    assert!(
        tenant.peek(DLQ, 1).await.unwrap().is_empty(),
        "the queues are there too"
    );
    applied
}

/// The migrations of the repository, by version.
fn migrations() -> BTreeMap<u64, String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/batches/migrations");
    let files = std::fs::read_dir(folder).unwrap();
    files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let version = name[1..].split("__").next().unwrap().parse().unwrap();
            (version, std::fs::read_to_string(&path).unwrap())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_that_start_at_once_migrate_once_from_nothing_and_from_an_earlier_version() {
    const EARLIER: u64 = 3;
    let stack = Stack::shared().await;
    let known = migrations();
    let empty = stack.tenant("migrate-from-nothing").await.unwrap();
    let once = |from: u64| -> BTreeMap<u64, usize> {
        known.range(from..).map(|(version, _)| (*version, 1)).collect()
    };
    assert_eq!(applied_by_eight(&empty).await, once(1));

    // The earlier version as it was: its files, and its history as the program has just written it.
    let earlier = stack.tenant("migrate-from-earlier").await.unwrap();
    let (source, target) = (
        empty.connect_postgres().await.unwrap(),
        earlier.connect_postgres().await.unwrap(),
    );
    for (_, sql) in known.range(..=EARLIER) {
        target.batch_execute(sql).await.unwrap();
    }
    let history = "millrace_schema_history (version int4 PRIMARY KEY, name varchar(255), applied_on varchar(255), checksum varchar(255))";
    target
        .batch_execute(&format!("CREATE TABLE {history}"))
        .await
        .unwrap();
    let rows = "SELECT format('(%s, %L, %L, %L)', version, name, applied_on, checksum) FROM millrace_schema_history WHERE version <= 3";
    for row in source.query(rows, &[]).await.unwrap() {
        let insert = format!(
            "INSERT INTO millrace_schema_history VALUES {}",
            row.get::<_, &str>(0)
        );
        target.batch_execute(&insert).await.unwrap();
    }
    assert_eq!(applied_by_eight(&earlier).await, once(EARLIER + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn size_looks_at_a_running_replica_and_refuses_an_idle_one() {
    let pipeline = Running::shared("size", &[]).await;
    let url = format!("{}/metrics", pipeline.service.url());
    let args = [
        "size",
        "--items-per-second",
        "100",
        "--metrics-seconds",
        "0.5",
        "--json",
        "--metrics-url",
        &url,
    ];
    let look = async || pipeline.tenant.command(millrace(), &args, &[]).await.unwrap();
    let idle = look().await;
    assert_eq!(idle.status.code(), Some(64), "{idle:?}");
    assert!(
        String::from_utf8_lossy(&idle.stderr).contains("no items"),
        "{idle:?}"
    );

    let busy = wait_for("a look at a busy replica", PATIENCE, async || {
        let looked = look().await;
        let stderr = String::from_utf8_lossy(&looked.stderr).into_owned();
        looked.status.success().then_some(looked.stdout).ok_or(stderr)
    });
    let work = async {
        loop {
            pipeline.batch(&fresh_id(), 5).await;
        }
    };
    let printed = tokio::select! {
        printed = busy => printed.unwrap(),
        () = work => unreachable!("it never ends"),
    };
    let plan: serde_json::Value = serde_json::from_slice(&printed).unwrap();
    let rate = &plan["arithmetic"][0];
    assert_eq!(rate["because"], "as seen", "{plan:#}");
    assert!(
        rate["value"].as_str().unwrap().parse::<f64>().unwrap() > 0.0,
        "{plan:#}"
    );
}

/// The statements that `docs/scaling.md` gives for tables of several partitions.
fn partitioning() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scaling.md");
    let page = std::fs::read_to_string(page).unwrap();
    let block = page
        .split("```sql\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    block.expect("a block of SQL").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_partitioned_by_hash_hold_what_plain_ones_would() {
    let tenant = Stack::shared().await.tenant("partitions").await.unwrap();
    let migrated = tenant.command(millrace(), &["migrate"], &[]).await.unwrap();
    assert!(migrated.status.success(), "{migrated:?}");
    let database = tenant.connect_postgres().await.unwrap();
    database.batch_execute(&partitioning()).await.unwrap();

    let trial = Trial::make(&tenant, 20_251_209, 1_000).await;
    let fleet = Fleet::start(2, &trial, tenant, &[]).await;
    fleet.announce(&trial, &trial.order).await;
    fleet.is_as_computed(&trial.expected()).await;
    let parts = "SELECT count(DISTINCT tableoid)::bigint FROM post_analytics";
    let parts: i64 = database.query_one(parts, &[]).await.unwrap().get(0);
    assert!(parts > 1, "{parts} partitions hold rows");
}
