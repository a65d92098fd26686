//! A store that misbehaves on purpose: an HTTP server that answers with scripted bytes.

use std::{future::Future, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// What the server sends for one request, and what it does then.
pub(super) struct Answer {
    bytes: Vec<u8>,
    then: Then,
}

/// What the server does after its bytes.
#[derive(Clone, Copy)]
enum Then {
    Close,
    Hold,
    Trickle,
}

/// A running server; it and its connections end when it is dropped.
pub(super) struct FaultServer {
    /// `host:port`.
    pub(super) endpoint: String,
    requests: watch::Sender<Vec<Request>>,
    task: JoinHandle<()>,
}

/// One request, as far as the tests care.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// Path of the request line.
    pub(super) path: String,
    /// The `Range` header, where there is one.
    pub(super) range: Option<String>,
    /// Requests for the same path before this one.
    pub(super) nth: usize,
}

/// Longest wait for something that should have happened.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pause between two bytes of a trickle: well below what counts as silence.
const DRIP: Duration = Duration::from_millis(20);

// === impl Answer ===

impl Answer {
    /// An object.
    pub(super) fn object(body: &str) -> Self {
        Self::with_headers("200 OK", &[("ETag", "\"e1\"")], body)
    }

    /// An error as S3 writes it.
    pub(super) fn error(status: &str, code: &str) -> Self {
        let body = format!("<Error><Code>{code}</Code><Message>scripted</Message></Error>");
        Self::with_headers(status, &[], &body)
    }

    /// The same with the id that stores give to each request.
    pub(super) fn signed_error(status: &str, code: &str) -> Self {
        let body = format!("<Error><Code>{code}</Code><Message>scripted</Message></Error>");
        Self::with_headers(status, &[("x-amz-request-id", "17D5A2B3C4")], &body)
    }

    /// A complete answer.
    pub(super) fn with_headers(status: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let length = body.len().to_string();
        let headers = [headers, &[("Content-Length", length.as_str())]].concat();
        Self::raw(status, &headers, body)
    }

    /// An answer whose headers need not fit its body.
    pub(super) fn raw(status: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let mut text = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(body);
        Self {
            bytes: text.into_bytes(),
            then: Then::Close,
        }
    }

    /// Nothing at all.
    pub(super) fn silence() -> Self {
        Self {
            bytes: Vec::new(),
            then: Then::Hold,
        }
    }

    /// Keeps the connection open and silent after the bytes.
    pub(super) fn then_silence(mut self) -> Self {
        self.then = Then::Hold;
        self
    }

    /// Goes on a byte at a time: never silent, never done.
    pub(super) fn then_trickle(mut self) -> Self {
        self.then = Then::Trickle;
        self
    }
}

// === impl FaultServer ===

impl FaultServer {
    /// Starts a server that answers each request as `script` says.
    pub(super) async fn start(script: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = listener.local_addr().unwrap().to_string();
        let requests = watch::Sender::new(Vec::new());
        let seen = requests.clone();
        let script = Arc::new(script);
        let task = tokio::spawn(async move {
            // Connections end with the set, the set with this task.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                connections.spawn(serve(connection, script.clone(), seen.clone()));
            }
        });
        Self {
            endpoint,
            requests,
            task,
        }
    }

    /// Starts a server that understands no request: it closes each connection on its first byte.
    pub(super) async fn start_deaf() -> Self {
        let mut server = Self::start(|_: &Request| Answer::silence()).await;
        server.task.abort();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        server.endpoint = listener.local_addr().unwrap().to_string();
        server.task = tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                // A client that went away is as good as one that was turned away.
                let _ = connection.read_u8().await;
                let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
        });
        server
    }

    /// Requests for one path so far.
    pub(super) fn asked_for(&self, path: &str) -> usize {
        self.requests
            .borrow()
            .iter()
            .filter(|request| request.path == path)
            .count()
    }

    /// Every request so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.borrow().clone()
    }

    /// Waits until so many requests have come in.
    pub(super) async fn wait_for_requests(&self, count: usize) {
        let mut seen = self.requests.subscribe();
        patiently(seen.wait_for(|requests| requests.len() >= count))
            .await
            .unwrap();
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits for something that should happen soon, and fails the test if it does not.
pub(super) async fn patiently<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("nothing happened in time")
}

async fn serve(
    mut connection: TcpStream,
    script: Arc<impl Fn(&Request) -> Answer>,
    seen: watch::Sender<Vec<Request>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let range = head
        .lines()
        .find_map(|line| line.strip_prefix("range: "))
        .map(str::to_owned);
    let nth = seen
        .borrow()
        .iter()
        .filter(|request| request.path == path)
        .count();
    let request = Request { path, range, nth };
    let answer = script(&request);
    seen.send_modify(|requests| requests.push(request));
    // A client that went away is what some tests are about.
    let _ = connection.write_all(&answer.bytes).await;
    match answer.then {
        Then::Close => {}
        Then::Hold => std::future::pending().await,
        Then::Trickle => {
            while connection.write_all(b"x").await.is_ok() {
                tokio::time::sleep(DRIP).await;
            }
        }
    }
    let _ = connection.shutdown().await;
}
