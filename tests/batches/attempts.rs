//! Trouble with one event alone is tried again a limited number of times; others do not notice.

use crate::running::{PATIENCE, QUEUE, Running, batch_of, event, fresh_id, millrace};
use millrace_stack::{Stack, wait_for};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// An object store whose objects break off after ten bytes, and that otherwise answers properly.
async fn store_of_torn_objects() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                // A client that leaves early is part of the test.
                let _ = answer(socket).await;
            });
        }
    });
    address
}

async fn answer(mut socket: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(&mut socket).lines();
    let request = lines.next_line().await?.unwrap_or_default();
    while lines.next_line().await?.is_some_and(|line| !line.is_empty()) {}
    let reply = if request.contains("torn") {
        "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: \"1\"\r\nLast-Modified: Sat, 06 Dec 2025 10:00:00 GMT\r\n\r\n[1,2,3,4,5"
    } else {
        "HTTP/1.1 404 Not Found\r\nContent-Type: application/xml\r\nContent-Length: 37\r\nConnection: close\r\n\r\n\
         <Error><Code>NoSuchKey</Code></Error>"
    };
    socket.write_all(reply.as_bytes()).await?;
    socket.shutdown().await
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_last_attempt_it_is_a_dead_letter_that_says_so() {
    let tenant = Stack::shared().await.tenant("attempts").await.unwrap();
    let endpoint = store_of_torn_objects().await.to_string();
    let settings = [
        ("MINIO_ENDPOINT", endpoint.as_str()),
        ("MINIO_REQUEST_ATTEMPTS", "1"),
        ("MAX_RETRY_ATTEMPTS", "3"),
        ("RETRY_INITIAL_DELAY", "0.1"),
    ];
    let service = tenant.service(millrace(), &settings).unwrap();
    let pipeline = Running::with(tenant, service).await;
    let id = fresh_id();
    pipeline
        .publish(event(&id, &format!("{}/torn.json", pipeline.tenant.bucket())).to_string())
        .await;
    let letters = pipeline.dead_letters(1).await;
    assert_eq!(
        letters[0].header("x-millrace-reason").as_deref(),
        Some("attempts_exhausted"),
        "{letters:?}"
    );
    assert_eq!(letters[0].header("x-millrace-attempts").as_deref(), Some("3"));
    assert_eq!(letters[0].header("x-millrace-event-id"), Some(id));
    let metrics = pipeline.service.metrics().await.unwrap();
    assert_eq!(
        metrics.sum("analytics_retries_total", &[("stage", "fetcher")]),
        Some(2.0)
    );
    pipeline.queue_empties().await;
}

/// A delay of nothing is 0.1 s: no event goes round as fast as the broker can.
#[tokio::test(flavor = "multi_thread")]
async fn delays_of_zero_are_a_tenth_of_a_second() {
    let settings = [("RETRY_INITIAL_DELAY", "0"), ("RETRY_MAX_DELAY", "0")];
    let pipeline = Running::shared("no-delay", &settings).await;
    let id = fresh_id();
    pipeline
        .announce(&id, &format!("{}/{id}.json", pipeline.tenant.bucket()))
        .await;
    wait_for("the retry queue", PATIENCE, async || {
        let queues = [0, 100].map(|delay| format!("{QUEUE}.retry.{delay}ms"));
        let [none, least] = [&queues[0], &queues[1]];
        assert!(pipeline.tenant.queue(none).await.unwrap().is_none(), "a hot loop");
        pipeline
            .tenant
            .queue(least)
            .await
            .is_ok_and(|queue| queue.is_some())
    })
    .await
    .unwrap();
    pipeline.put(&format!("{id}.json"), batch_of(&id, 1)).await;
    pipeline.stored(&[id]).await;
}
