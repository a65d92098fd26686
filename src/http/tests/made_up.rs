//! A service that is made up: its state is what a test says, its database what a test puts in.

use crate::config::HttpSettings;
use crate::health::{
    ActorStatus, Consuming, DependencyStatus, FiringAlert, HealthView, Inflight, Queues, StageStatus, Summary,
};
use crate::http::*;
use crate::telemetry::Lines;
use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use tokio::task::JoinHandle;

/// A service whose state the test sets.
#[derive(Default)]
pub(crate) struct MadeUp(pub(crate) Mutex<Situation>);

#[derive(Clone, Default)]
pub(crate) struct Situation {
    pub(crate) stuck: Option<String>,
    pub(crate) idle: Option<String>,
    pub(crate) database_down: bool,
    /// Deliveries are taken without the database too.
    pub(crate) database_spared: bool,
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) health: Arc<MadeUp>,
    pub(crate) state: HttpState,
    pub(crate) stop: CancellationToken,
    pub(crate) served: JoinHandle<()>,
}

pub(crate) fn settings() -> HttpSettings {
    HttpSettings {
        enabled: true,
        address: Ipv4Addr::LOCALHOST.into(),
        port: 0,
        token: None,
        jaeger_ui: Some("http://jaeger:16686".to_owned()),
    }
}

pub(crate) async fn start() -> Running {
    start_with(settings()).await
}

pub(crate) async fn start_with(settings: HttpSettings) -> Running {
    start_bounded(settings, BOUNDS, |_| Vec::new()).await
}

/// With what pipelines show of it.
pub(crate) async fn start_shown(shown: impl FnOnce(&Arc<MadeUp>) -> Vec<Arc<dyn Shown>>) -> Running {
    start_bounded(settings(), BOUNDS, shown).await
}

pub(super) async fn start_bounded(
    settings: HttpSettings,
    bounds: Bounds,
    shown: impl FnOnce(&Arc<MadeUp>) -> Vec<Arc<dyn Shown>>,
) -> Running {
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
        lines: Lines::default(),
        shown: shown(&health),
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
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The status alone: a stream has no end to wait for.
    pub(crate) async fn get_status(&self, path: &str) -> u16 {
        reqwest::get(self.url(path)).await.unwrap().status().as_u16()
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String, serde_json::Value) {
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
    pub(crate) fn situation(&self) -> Situation {
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
        let Situation {
            database_down: down,
            database_spared: spared,
            ..
        } = self.situation();
        let status = |name, ok, why: &str| DependencyStatus {
            needed: name != "database" || !spared,
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
