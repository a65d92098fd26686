//! A private Jaeger that takes traces over OTLP and is asked about them over HTTP.

mod trace;

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use tokio::net::TcpStream;

pub use self::trace::{Reference, Span, Trace};
use crate::home::Home;
use crate::ports::free_port;
use crate::process::{Process, Recipe};
use crate::tools::Tool;
use crate::wait::wait_for;

const CONFIGURATION: &str = include_str!("jaeger.yaml");
const READY_TIMEOUT: Duration = Duration::from_secs(60);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// More than any test makes, so that an answer holds all there is.
const MOST_TRACES: &str = "100000";

/// A running Jaeger that belongs to one stack. Its traces are in memory and die with it.
#[derive(Debug)]
pub struct Jaeger {
    process: Process,
    ports: Ports,
    client: reqwest::Client,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    query: u16,
    query_grpc: u16,
    otlp_grpc: u16,
    otlp_http: u16,
}

/// How the query API wraps what it answers.
#[derive(Deserialize)]
struct Answer<T> {
    data: Option<Vec<T>>,
}

// === impl Jaeger ===

impl Jaeger {
    pub(crate) async fn launch(home: &Home) -> anyhow::Result<Self> {
        let program = Tool::JAEGER.find()?;
        let ports = Ports {
            query: free_port()?,
            query_grpc: free_port()?,
            otlp_grpc: free_port()?,
            otlp_http: free_port()?,
        };
        // A signal to one goes to all that works in its directory.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("jaeger-{}", COUNT.fetch_add(1, Ordering::Relaxed) + 1);
        let dir = home.dir(&name)?;
        let configuration = dir.join("jaeger.yaml");
        std::fs::write(&configuration, CONFIGURATION).context("cannot write Jaeger's configuration")?;
        let recipe = Recipe {
            name: "jaeger",
            program,
            args: vec!["--config".into(), configuration.into()],
            env: ports.env(),
            log: home.path().join(format!("{name}.log")),
            dir,
        };
        let jaeger = Self {
            process: Process::new(recipe),
            ports,
            client: crate::http::client(REQUEST_TIMEOUT)?,
        };
        jaeger.start().await?;
        Ok(jaeger)
    }

    /// Starts it, empty and on the ports of before; returns when it takes traces and answers questions.
    pub async fn start(&self) -> anyhow::Result<()> {
        self.process.spawn()?;
        let ready = wait_for("jaeger to answer", READY_TIMEOUT, async || {
            self.services().await?;
            // It opens the receivers after the query API.
            for port in [self.ports.otlp_grpc, self.ports.otlp_http] {
                TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
            }
            anyhow::Ok(())
        });
        tokio::select! {
            ready = ready => ready,
            failure = self.process.ended_early() => Err(failure),
        }
    }

    /// SIGKILL; its traces are gone.
    pub async fn kill(&self) -> anyhow::Result<()> {
        self.process.kill().await
    }

    /// Freezes it: connections stay open, and nothing answers.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.process.pause()
    }

    /// Ends a pause.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.process.resume()
    }

    /// Where traces go over gRPC.
    pub fn otlp_grpc(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.otlp_grpc)
    }

    /// Where traces go over HTTP.
    pub fn otlp_http(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.otlp_http)
    }

    /// The viewer and its API.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.query)
    }

    /// The services that sent traces.
    pub async fn services(&self) -> anyhow::Result<Vec<String>> {
        self.ask("services", &[]).await
    }

    /// The traces of a service that hold a span with all these attributes.
    pub async fn find(&self, service: &str, tags: &[(&str, &str)]) -> anyhow::Result<Vec<Trace>> {
        let tags: std::collections::BTreeMap<_, _> = tags.iter().copied().collect();
        let tags = serde_json::to_string(&tags)?;
        let query = [
            ("service", service),
            ("tags", &tags),
            ("lookback", "1d"),
            ("limit", MOST_TRACES),
        ];
        self.ask("traces", &query).await
    }

    /// One trace by its id; `None` where there is none.
    pub async fn trace(&self, id: &str) -> anyhow::Result<Option<Trace>> {
        Ok(self.ask(&format!("traces/{id}"), &[]).await?.pop())
    }

    async fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        what: &str,
        query: &[(&str, &str)],
    ) -> anyhow::Result<Vec<T>> {
        let url = reqwest::Url::parse_with_params(&format!("{}/api/{what}", self.url()), query)?;
        let response = self.client.get(url).send().await?;
        if response.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(Vec::new());
        }
        let status = response.status();
        let body = response.text().await?;
        anyhow::ensure!(
            status.is_success(),
            "jaeger answered {what} with {status}: {body}"
        );
        let answer: Answer<T> =
            serde_json::from_str(&body).with_context(|| format!("jaeger's answer to {what}: {body}"))?;
        Ok(answer.data.unwrap_or_default())
    }
}

// === impl Ports ===

impl Ports {
    /// The names that the configuration asks for.
    fn env(self) -> Vec<(String, std::ffi::OsString)> {
        [
            ("QUERY_HTTP_PORT", self.query),
            ("QUERY_GRPC_PORT", self.query_grpc),
            ("OTLP_GRPC_PORT", self.otlp_grpc),
            ("OTLP_HTTP_PORT", self.otlp_http),
        ]
        .map(|(name, port)| (name.to_owned(), port.to_string().into()))
        .to_vec()
    }
}
