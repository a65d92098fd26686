//! Google's object storage for tests: a real fake-gcs-server, and before it a front with the one thing that this server
//! has no words for. It answers `Not Found` in plain text for a missing object and for a missing bucket alike, as an
//! ingress without a route does; the front asks it which of the two it is and says so as Google documents it.

use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio_util::task::AbortOnDropHandle;

use crate::ports::free_port;
use crate::tools::Tool;
use crate::wait::wait_for;

const PATIENCE: Duration = Duration::from_secs(30);
/// What the server says of all that it does not find.
const NOT_FOUND: &[u8] = b"Not Found";

/// A running server; it ends when it is dropped.
#[derive(Debug)]
pub struct GoogleStorage {
    /// The server itself.
    behind: String,
    /// The front.
    before: String,
    client: reqwest::Client,
    _server: Child,
    _front: AbortOnDropHandle<()>,
}

#[derive(Clone)]
struct Front {
    behind: String,
    client: reqwest::Client,
}

// === impl GoogleStorage ===

impl GoogleStorage {
    /// Starts both on the current runtime.
    ///
    /// # Errors
    /// There is no such server, or it does not start.
    pub async fn start() -> anyhow::Result<Self> {
        let program = Tool::GOOGLE.find()?;
        let client = crate::http::client(PATIENCE)?;
        let port = free_port()?;
        let host = format!("127.0.0.1:{port}");
        let server = Command::new(program)
            .args(["-scheme=http", "-backend=memory", "-host=127.0.0.1"])
            // Objects are served only to who asks for this host.
            .args([format!("-port={port}"), format!("-public-host={host}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start fake-gcs-server")?;
        let behind = format!("http://{host}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let before = format!("http://{}", listener.local_addr()?);
        let front = Front {
            behind: behind.clone(),
            client: client.clone(),
        };
        let routes = Router::new().fallback(pass).with_state(front);
        let front = AbortOnDropHandle::new(tokio::spawn(async move {
            let _ = axum::serve(listener, routes).await;
        }));
        let storage = Self {
            behind,
            before,
            client,
            _server: server,
            _front: front,
        };
        wait_for("fake-gcs-server", PATIENCE, async || {
            let up = storage.client.get(format!("{}/storage/v1/b", storage.behind));
            up.send().await.is_ok()
        })
        .await?;
        Ok(storage)
    }

    /// Where it answers as Google documents it.
    pub fn url(&self) -> &str {
        &self.before
    }

    /// Where the server answers in its own words.
    pub fn bare_url(&self) -> &str {
        &self.behind
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn create_bucket(&self, name: &str) -> anyhow::Result<()> {
        let url = format!("{}/storage/v1/b?project=tests", self.behind);
        let body = serde_json::json!({ "name": name }).to_string();
        let answer = self.client.post(url).body(body).send().await?;
        answer.error_for_status()?;
        Ok(())
    }

    /// Stores an object.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn put(&self, bucket: &str, key: &str, body: impl Into<Vec<u8>>) -> anyhow::Result<()> {
        let url = format!("{}/upload/storage/v1/b/{bucket}/o", self.behind);
        let query = [("uploadType", "media"), ("name", key)];
        let url = reqwest::Url::parse_with_params(&url, &query)?;
        let answer = self.client.post(url).body(body.into()).send().await?;
        answer.error_for_status()?;
        Ok(())
    }
}

// === impl Front ===

impl Front {
    /// The error of Google's XML API for what is not there.
    async fn missing(&self, path: &str) -> Response {
        let bucket = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let asked = self.client.get(format!("{}/storage/v1/b/{bucket}", self.behind));
        let there = asked
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success());
        let (code, message) = match there {
            true => ("NoSuchKey", "The specified key does not exist."),
            false => ("NoSuchBucket", "The specified bucket does not exist."),
        };
        let body = format!(
            "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        );
        let kind = [(header::CONTENT_TYPE, "application/xml; charset=UTF-8")];
        (StatusCode::NOT_FOUND, kind, body).into_response()
    }
}

async fn pass(
    State(front): State<Front>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    headers.remove(header::HOST);
    let asked = front.client.request(method, format!("{}{uri}", front.behind));
    let Ok(answer) = asked.headers(headers).body(body).send().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let Ok(body) = answer.bytes().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    if status == StatusCode::NOT_FOUND && body.trim_ascii() == NOT_FOUND {
        return front.missing(uri.path()).await;
    }
    (status, headers, body).into_response()
}
