//! Something else than the store answers for it: an ingress without a route, a console, a login page. The store is
//! still there, so nothing of it may cost an event.

use crate::running::{DLQ, PATIENCE, Running, batch_of, fresh_id, millrace};
use millrace_stack::{Stack, wait_for};
use object_store::ObjectStoreExt as _;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What answers in the store's place; `None` leads to the store.
type Page = Option<&'static str>;

const NO_ROUTE: &str = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 18\r\n\r\n404 page not found";
const CONSOLE: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/html\r\nETag: \"6570\"\r\nContent-Length: 22\r\n\r\n<html><p>Login</html>\n";
const EMPTY: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// An ingress that leads to the store or answers itself.
async fn ingress(store: u16, page: watch::Receiver<Page>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let mut page = page.clone();
            tokio::spawn(async move {
                let shown = *page.borrow_and_update();
                // Who changes the route cuts the connections of the old one.
                tokio::select! {
                    _ = page.changed() => {}
                    _ = answer(socket, store, shown) => {}
                }
            });
        }
    });
    address
}

async fn answer(mut socket: TcpStream, store: u16, page: Page) -> std::io::Result<()> {
    let Some(page) = page else {
        let mut store = TcpStream::connect(("127.0.0.1", store)).await?;
        return tokio::io::copy_bidirectional(&mut socket, &mut store)
            .await
            .map(drop);
    };
    let mut lines = BufReader::new(&mut socket).lines();
    while lines.next_line().await?.is_some_and(|line| !line.is_empty()) {}
    socket.write_all(page.as_bytes()).await?;
    socket.shutdown().await
}

async fn costs_waiting_only(name: &str, page: &'static str) {
    let tenant = Stack::shared().await.tenant(name).await.unwrap();
    let (route, shown) = watch::channel(None);
    let endpoint = ingress(tenant.stack().objects.port(), shown).await.to_string();
    let settings = [
        ("MINIO_ENDPOINT", endpoint.as_str()),
        ("OBJECT_GRACE_SECONDS", "0"),
        ("MINIO_REQUEST_ATTEMPTS", "1"),
        ("MAX_RETRY_ATTEMPTS", "1"),
    ];
    let pipeline = Running::start(tenant, &settings).await;
    let ids: Vec<_> = (0..6).map(|_| fresh_id()).collect();
    for id in &ids {
        pipeline.put(&format!("tiktok/{id}.json"), batch_of(id, 1)).await;
    }
    route.send_replace(Some(page));
    for id in &ids {
        pipeline
            .announce(id, &format!("{}/tiktok/{id}.json", pipeline.tenant.bucket()))
            .await;
    }
    wait_for("readiness to say so", PATIENCE, async || {
        let answer = pipeline
            .service
            .get("/readyz")
            .await
            .map_err(|error| error.to_string())?;
        match &answer {
            (status, body) if *status == 503 && body.contains("no object store") => Ok(()),
            _ => Err(format!("{answer:?}")),
        }
    })
    .await
    .unwrap();
    let check = pipeline
        .tenant
        .command(millrace(), &["check"], &settings)
        .await
        .unwrap();
    assert_eq!(check.status.code(), Some(69), "{check:?}");
    wait_for("events to be held", PATIENCE, async || {
        pipeline.service.logs().iter().any(|log| log["fate"] == "held")
    })
    .await
    .unwrap();
    route.send_replace(None);
    pipeline.stored(&ids).await;
    pipeline.queue_empties().await;
    assert_eq!(pipeline.tenant.peek(DLQ, 1).await.unwrap().len(), 0);
    let charged = pipeline.count("ingested_batches WHERE attempts <> 1", &[]).await;
    assert_eq!(charged, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stray_404_is_no_missing_object() {
    costs_waiting_only("stray-404", NO_ROUTE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_no_object() {
    costs_waiting_only("stray-page", CONSOLE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_200_is_no_object() {
    costs_waiting_only("stray-empty", EMPTY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extra_bucket_that_does_not_exist_is_named_and_holds_its_own_events_only() {
    let tenant = Stack::shared().await.tenant("no-extra").await.unwrap();
    let settings = [
        ("MINIO_EXTRA_BUCKETS", "no-extra-late"),
        ("MAX_RETRY_ATTEMPTS", "1"),
        ("RETRY_INITIAL_DELAY", "0.1"),
        ("RETRY_MAX_DELAY", "0.5"),
    ];
    let pipeline = Running::start(tenant, &settings).await;
    let (waits, goes) = (fresh_id(), fresh_id());
    pipeline.announce(&waits, "no-extra-late/a.json").await;
    pipeline.batch(&goes, 1).await;
    pipeline.stored(&[goes]).await;
    wait_for("its event to be sent back", PATIENCE, async || {
        let logs = pipeline.service.logs();
        logs.iter()
            .any(|log| log["cause"] == "bucket_unavailable" && log["fate"] == "retried")
    })
    .await
    .unwrap();
    let (status, body) = pipeline.service.get("/readyz").await.unwrap();
    assert!(
        status == 200 && body.contains("no bucket no-extra-late"),
        "{status} {body}"
    );
    let check = pipeline
        .tenant
        .command(millrace(), &["check"], &settings)
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(check.status.success() && said.contains("no-extra-late"), "{said}");

    pipeline
        .tenant
        .stack()
        .objects
        .create_bucket("no-extra-late")
        .await
        .unwrap();
    let late = pipeline.tenant.object_store("no-extra-late").unwrap();
    late.put(&"a.json".into(), batch_of(&waits, 1).into_bytes().into())
        .await
        .unwrap();
    pipeline.stored(&[waits]).await;
    assert_eq!(pipeline.tenant.peek(DLQ, 1).await.unwrap().len(), 0);
}
