//! A server of the DynamoDB API for tests: a real Moto, and before it a front that can refuse as the service does when
//! it is busy or broken.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::home::Home;
use crate::ports::free_port;
use crate::process::{Process, Recipe};
use crate::tools::Tool;
use crate::wait::wait_for;

const PATIENCE: Duration = Duration::from_secs(60);
const TARGET: &str = "x-amz-target";
const BATCH_WRITE: &str = "BatchWriteItem";

/// A running server, in a directory of its own. Its tables are in memory and die with it.
#[derive(Debug)]
pub struct DynamoDb {
    process: Process,
    /// Of the server itself.
    port: u16,
    front: Front,
    before: String,
    _serving: AbortOnDropHandle<()>,
    /// Last: it ends what still works in it.
    _home: Home,
}

/// How the front treats requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refusal {
    /// It passes all on.
    #[default]
    None,
    /// Every other request is throttled, and of the items of a `BatchWriteItem` that is not, every other comes back
    /// as unprocessed.
    Half,
    /// All are throttled.
    Throttled,
    /// All end with 500.
    Broken,
    /// All end with 400 and this name of an exception.
    Named(&'static str),
}

#[derive(Clone, Debug)]
struct Front {
    behind: String,
    client: reqwest::Client,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    refusal: Refusal,
    /// Operations that were asked for, in their order.
    asked: Vec<String>,
    refused: usize,
    access_key: Option<String>,
}

// === impl DynamoDb ===

impl DynamoDb {
    /// Starts it on the current runtime.
    ///
    /// # Errors
    /// There is no such server, or it does not start.
    pub async fn launch() -> anyhow::Result<Self> {
        let home = Home::new()?;
        let port = free_port()?;
        let recipe = Recipe {
            name: "moto_server",
            program: Tool::MOTO.find()?,
            args: ["-H", "127.0.0.1", "-p", &port.to_string()]
                .map(Into::into)
                .into(),
            env: vec![("HOME".to_owned(), home.path().into())],
            log: home.path().join("moto.log"),
            dir: home.dir("moto")?,
        };
        let front = Front {
            behind: format!("http://127.0.0.1:{port}"),
            client: crate::http::client(PATIENCE)?,
            shared: Arc::default(),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let before = format!("http://{}", listener.local_addr()?);
        let routes = Router::new().fallback(pass).with_state(front.clone());
        let serving = tokio::spawn(async move {
            // Ends only with the task.
            let _ = axum::serve(listener, routes).await;
        });
        let server = Self {
            process: Process::new(recipe),
            port,
            front,
            before,
            _serving: AbortOnDropHandle::new(serving),
            _home: home,
        };
        server.start().await?;
        Ok(server)
    }

    /// Starts it, empty and on the port of before; returns when it answers.
    pub async fn start(&self) -> anyhow::Result<()> {
        self.process.spawn()?;
        let ready = wait_for("moto to answer", PATIENCE, async || {
            self.ask("ListTables", &json!({})).await
        });
        tokio::select! {
            ready = ready => ready.map(drop),
            failure = self.process.ended_early() => Err(failure),
        }
    }

    /// Ends it; its tables are gone.
    pub async fn stop(&self) -> anyhow::Result<()> {
        self.process.stop(Signal::SIGTERM).await.map(drop)
    }

    /// Freezes it: connections stay open, and nothing answers.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.process.pause()
    }

    /// Ends a pause.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.process.resume()
    }

    /// Where clients are to ask: the front.
    pub fn url(&self) -> &str {
        &self.before
    }

    /// How requests are treated from now on.
    pub fn refuse(&self, refusal: Refusal) {
        lock(&self.front.shared).refusal = refusal;
    }

    /// Requests that were refused so far, wholly or in part.
    pub fn refused(&self) -> usize {
        lock(&self.front.shared).refused
    }

    /// How often an operation was asked for, such as `PutItem`; refusals count.
    pub fn asked(&self, operation: &str) -> usize {
        let shared = lock(&self.front.shared);
        shared.asked.iter().filter(|asked| *asked == operation).count()
    }

    /// The access key that the last request was signed with.
    pub fn last_access_key(&self) -> Option<String> {
        lock(&self.front.shared).access_key.clone()
    }

    /// All items of a table, as the API tells them, asked of the server itself.
    pub async fn items(&self, table: &str) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut question = json!({"TableName": table, "ConsistentRead": true});
        loop {
            let mut page = self.ask("Scan", &question).await?;
            if let Value::Array(found) = page["Items"].take() {
                items.extend(found);
            }
            match page["LastEvaluatedKey"].take() {
                Value::Null => return Ok(items),
                last => question["ExclusiveStartKey"] = last,
            }
        }
    }

    /// Asks the server itself.
    pub async fn ask(&self, operation: &str, body: &Value) -> anyhow::Result<Value> {
        let headers = [
            (TARGET, format!("DynamoDB_20120810.{operation}")),
            ("content-type", "application/x-amz-json-1.0".to_owned()),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=fake/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"
                    .to_owned(),
            ),
        ];
        let mut asked = self.front.client.post(format!("http://127.0.0.1:{}/", self.port));
        for (name, value) in headers {
            asked = asked.header(name, value);
        }
        let answer = asked.body(body.to_string()).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        anyhow::ensure!(status.is_success(), "{operation}: {status} {text}");
        serde_json::from_str(&text).context("moto's answer")
    }
}

// === impl Front ===

impl Front {
    /// Whether a request is refused at once; else whether half of its items are.
    fn decide(&self, operation: &str) -> Result<bool, Box<Response>> {
        let mut shared = lock(&self.shared);
        let turn = shared.asked.len();
        shared.asked.push(operation.to_owned());
        let refused = match shared.refusal {
            Refusal::None => return Ok(false),
            Refusal::Half if turn % 2 == 1 => {
                let in_part = operation == BATCH_WRITE;
                shared.refused += usize::from(in_part);
                return Ok(in_part);
            }
            Refusal::Half | Refusal::Throttled => refusal(400, "ProvisionedThroughputExceededException"),
            Refusal::Broken => refusal(500, "InternalServerError"),
            Refusal::Named(name) => refusal(400, name),
        };
        shared.refused += 1;
        Err(Box::new(refused))
    }
}

async fn pass(State(front): State<Front>, mut headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get(TARGET).and_then(|target| target.to_str().ok());
    let operation = target.and_then(|target| target.split('.').next_back());
    let operation = operation.unwrap_or_default().to_owned();
    lock(&front.shared).access_key = access_key(&headers);
    let in_part = match front.decide(&operation) {
        Ok(in_part) => in_part,
        Err(refused) => return *refused,
    };
    let (body, kept_back) = match in_part {
        true => halve(&body),
        false => (body, Value::Null),
    };
    headers.remove(header::HOST);
    headers.remove(header::CONTENT_LENGTH);
    let asked = front.client.post(&front.behind).headers(headers);
    let Ok(answer) = asked.body(body).send().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let status = answer.status();
    let Ok(body) = answer.bytes().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let body = match serde_json::from_slice::<Value>(&body) {
        Ok(mut told) if status.is_success() && !kept_back.is_null() => {
            told["UnprocessedItems"] = kept_back;
            told.to_string().into()
        }
        _ => body,
    };
    (
        status,
        [(header::CONTENT_TYPE, "application/x-amz-json-1.0")],
        body,
    )
        .into_response()
}

/// As the signature names it.
fn access_key(headers: &HeaderMap) -> Option<String> {
    let signed = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (_, credential) = signed.split_once("Credential=")?;
    credential.split('/').next().map(str::to_owned)
}

/// A batch without every other item, and these in the form of the answer. The first is kept, so that work goes on.
fn halve(body: &Bytes) -> (Bytes, Value) {
    let mut question: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut kept_back = json!({});
    for (table, requests) in question["RequestItems"].as_object_mut().into_iter().flatten() {
        let all = std::mem::take(requests);
        let all = all.as_array().cloned().unwrap_or_default();
        let half = |rest| all.iter().skip(rest).step_by(2).cloned().collect::<Vec<_>>();
        *requests = Value::Array(half(0));
        if all.len() > 1 {
            kept_back[table] = Value::Array(half(1));
        }
    }
    (question.to_string().into(), kept_back)
}

fn refusal(status: u16, name: &str) -> Response {
    let body = json!({
        "__type": format!("com.amazonaws.dynamodb.v20120810#{name}"),
        "message": "refused by the front of the test server",
    });
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT);
    let kind = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
    (status, kind, body.to_string()).into_response()
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
