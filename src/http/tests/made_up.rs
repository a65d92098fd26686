//! A service that is made up: its state is what a test says, its database what a test puts in.

use crate::config::HttpSettings;
use crate::health::{
    ActorStatus, Consuming, DependencyStatus, FiringAlert, HealthView, Inflight, Queues, StageStatus, Summary,
};
use crate::http::*;
use crate::telemetry::Lines;
use futures_util::FutureExt;
use jiff::Timestamp;
use millrace_batches::recent::Recent;
use millrace_batches::reports::{
    Answer, BatchReport, CategoryCount, CodeCount, ErrorReport, ErrorsOf, JobReport, Page, Position,
    ProjectReport, RejectedReport, ReportQueries, StoredBatch, Sums, Unavailable,
};
use prometheus_client::metrics::counter::Counter;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use tokio::task::JoinHandle;

/// A service whose state the test sets.
#[derive(Default)]
pub(super) struct MadeUp(pub(super) Mutex<Situation>);

#[derive(Clone, Default)]
pub(super) struct Situation {
    pub(super) stuck: Option<String>,
    pub(super) idle: Option<String>,
    pub(super) database_down: bool,
}

/// A database that holds so many of everything.
pub(super) struct Books {
    rows: usize,
    health: Arc<MadeUp>,
}

pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) health: Arc<MadeUp>,
    pub(super) state: HttpState,
    pub(super) stop: CancellationToken,
    pub(super) served: JoinHandle<()>,
}

/// Rows of everything in the made-up database.
pub(super) const ROWS: usize = 123;

pub(super) fn settings() -> HttpSettings {
    HttpSettings {
        enabled: true,
        address: Ipv4Addr::LOCALHOST.into(),
        port: 0,
        token: None,
        jaeger_ui: Some("http://jaeger:16686".to_owned()),
    }
}

pub(super) async fn start() -> Running {
    start_with(settings()).await
}

pub(super) async fn start_with(settings: HttpSettings) -> Running {
    start_bounded(settings, BOUNDS).await
}

pub(super) async fn start_bounded(settings: HttpSettings, bounds: Bounds) -> Running {
    // Others may have installed it before: any one will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut registry = Registry::default();
    let counter = Counter::<u64>::default();
    registry.register("analytics_events_received", "Events received", counter.clone());
    counter.inc();
    let health = Arc::new(MadeUp::default());
    let state = HttpState {
        replica: Replica::new("millrace@test/1"),
        registry: Arc::new(registry),
        health: health.clone(),
        alerts: Arc::new(|| {
            vec![FiringAlert {
                rule: "broker_lost",
                since: Timestamp::UNIX_EPOCH,
                summary: "RabbitMQ is gone".to_owned(),
            }]
        }),
        recent: Recent::default(),
        lines: Lines::default(),
        reports: Arc::new(Books {
            rows: ROWS,
            health: health.clone(),
        }),
    };
    let mut server = HttpServer::bind(&settings, state.clone()).await.unwrap();
    server.bounds = bounds;
    let address = server.address().unwrap();
    let stop = CancellationToken::new();
    let served = tokio::spawn(server.run(stop.clone()));
    Running {
        address,
        health,
        state,
        stop,
        served,
    }
}

// === impl Running ===

impl Running {
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The status alone: a stream has no end to wait for.
    pub(super) async fn get_status(&self, path: &str) -> u16 {
        reqwest::get(self.url(path)).await.unwrap().status().as_u16()
    }

    pub(super) async fn get(&self, path: &str) -> (u16, String, serde_json::Value) {
        let response = reqwest::get(self.url(path)).await.unwrap();
        let code = response.status().as_u16();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text));
        (code, kind, body)
    }
}

// === impl MadeUp ===

impl MadeUp {
    fn situation(&self) -> Situation {
        self.0.lock().unwrap().clone()
    }
}

impl HealthView for MadeUp {
    fn live(&self) -> Result<(), String> {
        self.situation().stuck.map_or(Ok(()), Err)
    }

    fn consuming(&self) -> Consuming {
        let why = self.situation().idle;
        Consuming {
            ok: why.is_none(),
            why,
            since: Timestamp::UNIX_EPOCH,
        }
    }

    fn dependencies(&self) -> Vec<DependencyStatus> {
        let down = self.situation().database_down;
        let status = |name, ok, why: &str| DependencyStatus {
            name,
            ok,
            why: Some(why.to_owned()),
            since: Timestamp::UNIX_EPOCH,
        };
        let database = if down {
            "connection refused"
        } else {
            "PostgreSQL 15.5"
        };
        vec![
            status("rabbitmq", true, "RabbitMQ 3.10.8"),
            status("object_store", true, "minio:9000"),
            status("database", !down, database),
        ]
    }

    fn stages(&self) -> Vec<StageStatus> {
        let actor = |name: &str| ActorStatus {
            name: name.to_owned(),
            state: "up",
            since: Timestamp::UNIX_EPOCH,
            restarts: BTreeMap::from([("outage".to_owned(), 1)]),
            mailbox_depth: 2,
            last_error: None,
        };
        let stage = |name: &str, actors| StageStatus {
            name: name.to_owned(),
            actors,
        };
        vec![
            stage("ingress", vec![actor("ingress")]),
            stage("writer", vec![actor("writer-0")]),
        ]
    }

    fn inflight(&self) -> Inflight {
        Inflight {
            events: 3,
            prefetch: 40,
            bytes: 1_234,
            budget_bytes: 1 << 28,
        }
    }

    fn queues(&self) -> Queues {
        Queues {
            waiting: Some(7),
            dead_letters: None,
        }
    }

    fn summary(&self) -> Summary {
        Summary::from([("items_processed".to_owned(), 42.into())])
    }
}

// === impl Books ===

impl Books {
    /// The part of so many rows that a page asks for, each with its number, newest first.
    fn part<T: Send + 'static>(&self, page: &Page, row: impl Fn(i64) -> T) -> Answer<Vec<T>> {
        let first = match &page.after {
            Some(Position(at, ..)) => self.rows as i64 - at.as_second() + 1,
            None => 0,
        };
        let numbers = (first..self.rows as i64).take(page.limit);
        self.answer(numbers.map(|n| row(self.rows as i64 - n)).collect())
    }

    fn answer<T: Send + 'static>(&self, found: T) -> Answer<T> {
        let down = self.health.situation().database_down;
        let answer = if down {
            Err(Unavailable("connection refused".to_owned()))
        } else {
            Ok(found)
        };
        async move { answer }.boxed()
    }
}

/// Sums of now.
fn sums<T: Send + 'static>(found: Answer<T>) -> Answer<Sums<T>> {
    let of_now = |of| Sums { as_of: time(9), of };
    async move { found.await.map(of_now) }.boxed()
}

fn time(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

impl ReportQueries for Books {
    fn projects(&self, page: Page) -> Answer<Sums<Vec<ProjectReport>>> {
        sums(self.part(&page, |n| ProjectReport {
            project_id: (n != 1).then(|| format!("p{n}")),
            jobs: 1,
            batches_done: n,
            batches_expected: None,
            percent: None,
            items: 50,
            successes: 40,
            errors: 9,
            rejected: 1,
            last_committed_at: time(n),
        }))
    }

    fn jobs(&self, project_id: String, page: Page) -> Answer<Sums<Vec<JobReport>>> {
        if project_id != "p1" {
            return sums(self.answer(Vec::new()));
        }
        sums(self.part(&page, |n| JobReport {
            job_id: format!("p1-brand-{n}"),
            platform: "tiktok".to_owned(),
            batches_done: 1,
            batches_expected: Some(2),
            percent: Some(50.0),
            items: 50,
            successes: 40,
            errors: 9,
            rejected: 1,
            last_committed_at: time(n),
        }))
    }

    fn errors(&self, of: ErrorsOf) -> Answer<Sums<ErrorReport>> {
        let platform = of.platform.unwrap_or_else(|| "tiktok".to_owned());
        let category = || "network".to_owned();
        sums(self.answer(ErrorReport {
            codes: vec![CodeCount {
                error_code: "TIMEOUT".to_owned(),
                category: category(),
                platform,
                errors: 4,
            }],
            categories: vec![CategoryCount {
                category: category(),
                errors: 4,
            }],
        }))
    }

    fn batches(&self, prefix: Option<String>, page: Page) -> Answer<Option<Vec<BatchReport>>> {
        let found = self.part(&page, |n| BatchReport {
            event_id: format!("{}{n}", prefix.as_deref().unwrap_or("e")),
            job_id: "j".to_owned(),
            project_id: None,
            platform: "tiktok".to_owned(),
            items: 1,
            errors: 0,
            rejected: 0,
            committed_at: time(n),
            attempts: 0,
        });
        let too_many = prefix.as_deref() == Some("too-many");
        async move { Ok(found.await?).map(|found| (!too_many).then_some(found)) }.boxed()
    }

    fn batch(
        &self,
        event_id: String,
        most_rejected: usize,
    ) -> Answer<Option<(StoredBatch, Vec<RejectedReport>)>> {
        if event_id != "e1" {
            return self.answer(None);
        }
        let rejected = (0..most_rejected as i64).map(|item_index| RejectedReport {
            item_index,
            reason: "missing_id".to_owned(),
            detail: "no id".to_owned(),
        });
        let stored = StoredBatch {
            event_id,
            object_path: "b/k".to_owned(),
            object_etag: None,
            project_id: None,
            job_id: "j".to_owned(),
            platform: "tiktok".to_owned(),
            batch_index: None,
            total_batches: None,
            content_count: None,
            item_count: 1,
            success_count: 0,
            error_count: 0,
            rejected_count: 1,
            error_distribution: BTreeMap::new(),
            event_at: time(1),
            received_at: time(1),
            committed_at: time(1),
            attempts: 0,
            trace_id: Some("abc".to_owned()),
        };
        self.answer(Some((stored, rejected.collect())))
    }
}
