//! Private object storage: an S3 server inside this process, or a real MinIO where `MINIO_BIN` names one, one is on
//! the `PATH`, or one is asked for.

mod embedded;
mod minio;
mod storage;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::Signal;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as ObjectPath;
use object_store::signer::Signer;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use reqwest::{Method, StatusCode};

use self::embedded::Embedded;
use crate::home::Home;
use crate::ports::free_port;
use crate::process::Process;
use crate::tools::Tool;
use crate::wait::wait_for;

const READY_TIMEOUT: Duration = Duration::from_secs(30);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
const REGION: &str = "us-east-1";

const ACCESS_KEY: &str = "millrace";
const SECRET_KEY: &str = "millrace-objects";

/// A running object storage that belongs to one stack.
#[derive(Debug)]
pub struct Objects {
    port: u16,
    server: Server,
    client: reqwest::Client,
}

#[derive(Debug)]
enum Server {
    Embedded(Embedded),
    Minio(Process),
}

// === impl Objects ===

impl Objects {
    /// With `minio` it has to be a real one.
    pub(crate) async fn launch(home: &Home, minio: bool) -> anyhow::Result<Self> {
        let port = free_port()?;
        let program = if minio {
            Some(Tool::MINIO.find()?)
        } else {
            Tool::MINIO.given()?
        };
        let server = match program {
            Some(program) => Server::Minio(Process::new(minio::recipe(home, program, port)?)),
            None => Server::Embedded(Embedded::new(home.dir("objects")?, port)),
        };
        let objects = Self {
            port,
            server,
            client: crate::http::client(REQUEST_TIMEOUT)?,
        };
        objects.start().await?;
        Ok(objects)
    }

    /// Starts it, on the port and the data of before; returns when it answers.
    pub async fn start(&self) -> anyhow::Result<()> {
        match &self.server {
            Server::Embedded(server) => server.start(),
            Server::Minio(process) => {
                process.spawn()?;
                let url = format!("{}/minio/health/ready", self.endpoint());
                let ready = wait_for("minio to answer", READY_TIMEOUT, async || {
                    self.client.get(&url).send().await?.error_for_status()
                });
                tokio::select! {
                    ready = ready => ready.map(drop),
                    failure = process.ended_early() => Err(failure),
                }
            }
        }
    }

    /// Stops it. The embedded server cuts its connections, whether it is stopped or killed.
    pub async fn stop(&self) -> anyhow::Result<()> {
        match &self.server {
            Server::Embedded(server) => server.stop(),
            Server::Minio(process) => process.stop(Signal::SIGTERM).await.map(drop),
        }
    }

    /// SIGKILL, or its like for the embedded server.
    pub async fn kill(&self) -> anyhow::Result<()> {
        match &self.server {
            Server::Embedded(server) => server.stop(),
            Server::Minio(process) => process.kill().await,
        }
    }

    /// Freezes it: connections stay open, and nothing answers.
    pub fn pause(&self) -> anyhow::Result<()> {
        match &self.server {
            Server::Embedded(server) => server.pause(),
            Server::Minio(process) => process.pause(),
        }
    }

    /// Ends a pause.
    pub fn resume(&self) -> anyhow::Result<()> {
        match &self.server {
            Server::Embedded(server) => {
                server.resume();
                Ok(())
            }
            Server::Minio(process) => process.resume(),
        }
    }

    /// The process id; `None` while it does not run, and for the embedded server, which has no process of its own.
    pub fn pid(&self) -> Option<u32> {
        match &self.server {
            Server::Embedded(_) => None,
            Server::Minio(process) => process.pid(),
        }
    }

    /// What kind of server it is, for people.
    pub fn kind(&self) -> &'static str {
        match &self.server {
            Server::Embedded(_) => "embedded S3 server",
            Server::Minio(_) => "MinIO",
        }
    }

    /// The loopback port, the same over restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:port`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Access key and secret key.
    pub fn credentials(&self) -> (&'static str, &'static str) {
        (ACCESS_KEY, SECRET_KEY)
    }

    /// The settings with which `millrace` finds a bucket of this storage.
    pub fn env(&self, bucket: &str) -> Vec<(String, String)> {
        Self::env_at(self.port, bucket)
    }

    /// The same for one who comes through another port.
    pub(crate) fn env_at(port: u16, bucket: &str) -> Vec<(String, String)> {
        let pairs = [
            ("MINIO_ENDPOINT", format!("127.0.0.1:{port}")),
            ("MINIO_ACCESS_KEY", ACCESS_KEY.to_owned()),
            ("MINIO_SECRET_KEY", SECRET_KEY.to_owned()),
            ("MINIO_USE_SSL", "false".to_owned()),
            ("MINIO_CRAWL_RESULTS_BUCKET", bucket.to_owned()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    /// A client for one bucket.
    pub fn store(&self, bucket: &str) -> anyhow::Result<Arc<dyn ObjectStore>> {
        Ok(Arc::new(self.client_for(bucket)?))
    }

    /// Makes a bucket; it may exist already.
    pub async fn create_bucket(&self, bucket: &str) -> anyhow::Result<()> {
        // object_store cannot make buckets, but it can sign a PUT of the empty key, which is that request.
        let lifetime = Duration::from_secs(60);
        let url = self
            .client_for(bucket)?
            .signed_url(Method::PUT, &ObjectPath::default(), lifetime)
            .await?;
        let response = self.client.put(url).send().await?;
        let status = response.status();
        if status.is_success() || status == StatusCode::CONFLICT {
            return Ok(());
        }
        anyhow::bail!(
            "cannot make the bucket {bucket}: {status} {}",
            response.text().await?
        )
    }

    fn client_for(&self, bucket: &str) -> anyhow::Result<AmazonS3> {
        crate::http::install_crypto();
        let options = ClientOptions::new()
            .with_allow_http(true)
            .with_timeout(REQUEST_TIMEOUT);
        // A test that stops the server wants to see the failure, not minutes of retries.
        let retry = RetryConfig {
            max_retries: 2,
            retry_timeout: Duration::from_secs(10),
            ..RetryConfig::default()
        };
        AmazonS3Builder::new()
            .with_client_options(options)
            .with_retry(retry)
            .with_endpoint(self.endpoint())
            .with_region(REGION)
            .with_bucket_name(bucket)
            .with_access_key_id(ACCESS_KEY)
            .with_secret_access_key(SECRET_KEY)
            .build()
            .with_context(|| format!("cannot make a client for the bucket {bucket}"))
    }
}
