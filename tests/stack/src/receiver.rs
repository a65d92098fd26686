//! A receiver of webhooks: keeps what is posted to it and answers as it is told.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::ports::free_port;

/// An HTTP server on a loopback port of its own. It ends when it is dropped.
#[derive(Debug)]
pub struct Receiver {
    port: u16,
    shared: Arc<Mutex<Shared>>,
    server: Option<JoinHandle<()>>,
}

/// Something that was posted.
#[derive(Clone, Debug)]
pub struct Post {
    /// Path and query.
    pub path: String,
    /// What was posted; null when it was no JSON.
    pub body: Value,
    /// Whether it was answered with 200.
    pub taken: bool,
}

/// How to answer.
#[derive(Clone, Debug)]
pub enum Reply {
    /// With this status.
    Status(u16),
    /// With this status and `Retry-After`, in seconds.
    RetryAfter(u16, u64),
    /// With a redirect to this address.
    Redirect(String),
    /// Not at all.
    Silence,
}

#[derive(Debug, Default)]
struct Shared {
    posts: Vec<Post>,
    /// For the next posts; then 200.
    replies: VecDeque<Reply>,
}

// === impl Receiver ===

impl Receiver {
    /// Starts it.
    pub async fn start() -> anyhow::Result<Self> {
        let mut receiver = Self::absent()?;
        receiver.come().await?;
        Ok(receiver)
    }

    /// One that is not there yet: its port is known, and nothing listens.
    pub fn absent() -> anyhow::Result<Self> {
        Ok(Self {
            port: free_port()?,
            shared: Arc::default(),
            server: None,
        })
    }

    /// Listens from now on.
    pub async fn come(&mut self) -> anyhow::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))
            .await
            .context("the receiver's port")?;
        let routes = Router::new().fallback(take).with_state(self.shared.clone());
        self.server = Some(tokio::spawn(async move {
            // Ends only with the task.
            let _ = axum::serve(listener, routes).await;
        }));
        Ok(())
    }

    /// `http://127.0.0.1:port` and this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Answers the next posts in this way, and all after them with 200.
    pub fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.shared).replies.extend(replies);
    }

    /// All that was posted so far.
    pub fn posts(&self) -> Vec<Post> {
        lock(&self.shared).posts.clone()
    }

    /// What it took: the bodies of the posts below this path that were answered with 200.
    pub fn taken(&self, path: &str) -> Vec<Value> {
        let posts = self.posts().into_iter();
        let taken = posts.filter(|post| post.taken && post.path.starts_with(path));
        taken.map(|post| post.body).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

async fn take(State(shared): State<Arc<Mutex<Shared>>>, uri: Uri, body: String) -> Response {
    let reply = {
        let mut shared = lock(&shared);
        let reply = shared.replies.pop_front();
        shared.posts.push(Post {
            path: uri.to_string(),
            body: serde_json::from_str(&body).unwrap_or_default(),
            taken: reply.is_none(),
        });
        reply
    };
    let status = |code| StatusCode::from_u16(code).unwrap_or(StatusCode::IM_A_TEAPOT);
    match reply {
        None => StatusCode::OK.into_response(),
        Some(Reply::Status(code)) => status(code).into_response(),
        Some(Reply::RetryAfter(code, seconds)) => {
            (status(code), [(header::RETRY_AFTER, seconds.to_string())]).into_response()
        }
        Some(Reply::Redirect(to)) => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response()
        }
        Some(Reply::Silence) => std::future::pending().await,
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
