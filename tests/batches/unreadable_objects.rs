//! A store that is well but for some objects: they alone are charged, and they hold no others.

use crate::running::{Running, batch_of, event, fresh_id, millrace};
use millrace_stack::Stack;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// Answers before the throttled object is served: more than one fetch makes, and more than there are attempts.
const THROTTLED: usize = 8;

/// A store that denies `denied`, fails on `broken`, throttles `busy` for a while, and serves what is called `good`.
async fn store_with_unreadable_objects() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked_for_busy = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let asked_for_busy = asked_for_busy.clone();
            tokio::spawn(async move {
                // A client that leaves early costs only its own answer.
                let _ = answer(socket, &asked_for_busy).await;
            });
        }
    });
    address
}

async fn answer(mut socket: TcpStream, asked_for_busy: &AtomicUsize) -> std::io::Result<()> {
    let mut lines = BufReader::new(&mut socket).lines();
    let request = lines.next_line().await?.unwrap_or_default();
    while lines.next_line().await?.is_some_and(|line| !line.is_empty()) {}
    let (status, body) = if request.contains("/denied") {
        ("403 Forbidden", error("AccessDenied"))
    } else if request.contains("/broken") {
        ("500 Internal Server Error", error("InternalError"))
    } else if request.contains("/busy") && asked_for_busy.fetch_add(1, Relaxed) < THROTTLED {
        ("503 Slow Down", error("SlowDown"))
    } else if request.contains("/good") || request.contains("/busy") {
        let name = request.split(['/', '.']).nth(2).unwrap_or_default();
        ("200 OK", batch_of(name, 2))
    } else {
        ("404 Not Found", error("NoSuchKey"))
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\nETag: \"1\"\r\n\
         Last-Modified: Sat, 06 Dec 2025 10:00:00 GMT\r\n\r\n"
    );
    socket.write_all(format!("{head}{body}").as_bytes()).await?;
    socket.shutdown().await
}

fn error(code: &str) -> String {
    format!("<Error><Code>{code}</Code><Message>on purpose</Message></Error>")
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_objects_cost_themselves_and_hold_no_others() {
    let tenant = Stack::shared().await.tenant("unreadable-objects").await.unwrap();
    let endpoint = store_with_unreadable_objects().await.to_string();
    let settings = [
        ("MINIO_ENDPOINT", endpoint.as_str()),
        ("MINIO_REQUEST_ATTEMPTS", "1"),
        ("MAX_CONCURRENT_BATCH_PROCESSING", "1"),
        ("MAX_RETRY_ATTEMPTS", "3"),
        ("RETRY_INITIAL_DELAY", "0.1"),
        ("RETRY_MAX_DELAY", "0.2"),
    ];
    let service = tenant.service(millrace(), &settings).unwrap();
    let pipeline = Running::with(tenant, service).await;
    let mut stored = Vec::new();
    let mut dead = Vec::new();
    for key in ["denied", "broken", "busy", "good-1", "good-2", "good-3"] {
        let id = fresh_id();
        let path = format!("{}/{key}.json", pipeline.tenant.bucket());
        pipeline.publish(event(&id, &path).to_string()).await;
        match key {
            "denied" | "broken" => dead.push(id),
            _ => stored.push(id),
        }
    }
    pipeline.stored(&stored).await;
    let letters = pipeline.dead_letters(dead.len()).await;
    for letter in &letters {
        assert_eq!(
            letter.header("x-millrace-reason").as_deref(),
            Some("attempts_exhausted")
        );
        assert_eq!(letter.header("x-millrace-attempts").as_deref(), Some("3"));
        assert!(
            dead.contains(&letter.header("x-millrace-event-id").unwrap()),
            "{letter:?}"
        );
    }
    pipeline.queue_empties().await;
    let charged = pipeline.count("ingested_batches WHERE attempts <> 1", &[]).await;
    assert_eq!(charged, 0, "being throttled costs no attempt");
    let held = pipeline
        .service
        .logs()
        .into_iter()
        .filter(|log| log["fate"] == "held");
    assert_eq!(held.count(), 0, "the store was well all the time");
}
