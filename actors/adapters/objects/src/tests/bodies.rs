//! Bodies: whole, cut, stalled, too large, too many at once.

use super::{
    KEY, PATH,
    fault_server::{Answer, FaultServer, Request, patiently},
    fetch_from, fetcher_of, healthy_but, is_poison, minio, outage_detail, run,
};
use millrace_engine::{ByteBudget, Fault};

#[tokio::test]
async fn an_object_arrives_with_its_etag_and_its_claim() {
    let server = FaultServer::start(|_: &Request| {
        let headers = [("ETag", "\"e1\""), ("x-amz-meta-Compressed", "TRUE")];
        Answer::with_headers("200 OK", &headers, "[]")
    })
    .await;
    let budget = ByteBudget::new(100);
    let mut fetcher = fetcher_of(&minio(&server.endpoint), &budget);
    let path = format!("http://{}/crawl-results/a%20b/%C3%BC.json", server.endpoint);
    let batch = run(&mut fetcher, &path).await.unwrap();
    assert_eq!(batch.body, "[]");
    assert_eq!(batch.info.path, "crawl-results/a b/ü.json");
    assert_eq!(batch.info.etag.as_deref(), Some("e1"));
    assert!(batch.info.claims_zstd);
    assert_eq!(budget.used(), 2);
    assert_eq!(server.requests()[0].path, "/crawl-results/a%20b/%C3%BC.json");
}

#[tokio::test]
async fn too_large_an_object_is_poison_before_its_body_is_read() {
    let server = FaultServer::start(|_: &Request| {
        // A reader of the body would wait for ever.
        Answer::raw("200 OK", &[("Content-Length", "1001")], "").then_silence()
    })
    .await;
    let found = fetch_from(&server).await;
    assert!(is_poison(&found, "object_too_large"), "{found:?}");
}

#[tokio::test]
async fn a_cut_body_is_resumed_where_it_was_cut() {
    let server = FaultServer::start(|request: &Request| match request.range.as_deref() {
        None => Answer::raw("200 OK", &[("ETag", "\"e1\""), ("Content-Length", "10")], "[1234"),
        Some(_) => Answer::with_headers(
            "206 Partial Content",
            &[("ETag", "\"e1\""), ("Content-Range", "bytes 5-9/10")],
            "56789",
        ),
    })
    .await;
    assert_eq!(fetch_from(&server).await.unwrap().body, "[123456789");
    assert_eq!(server.requests()[1].range.as_deref(), Some("bytes=5-9"));
}

#[tokio::test]
async fn a_body_that_is_always_cut_or_stalls_is_the_objects_fault_while_the_store_serves() {
    fn half() -> Answer {
        Answer::raw("200 OK", &[("ETag", "\"e1\""), ("Content-Length", "10")], "[1234")
    }
    for answer in [half as fn() -> Answer, || half().then_silence()] {
        let well = FaultServer::start(healthy_but(move |_| answer())).await;
        let found = fetch_from(&well).await;
        assert!(
            matches!(
                found,
                Err(Fault::Transient {
                    cause: "object_unreadable",
                    ..
                })
            ),
            "{found:?}"
        );

        let failing = FaultServer::start(move |request: &Request| match request.path.as_str() {
            KEY => answer(),
            _ => Answer::error("503 Slow Down", "SlowDown"),
        })
        .await;
        outage_detail(fetch_from(&failing).await);
    }
}

#[tokio::test]
async fn an_answer_without_a_length_is_no_outage() {
    let server = FaultServer::start(healthy_but(|_| Answer::raw("200 OK", &[], "[]"))).await;
    let found = fetch_from(&server).await;
    assert!(matches!(found, Err(Fault::Transient { .. })), "{found:?}");
}

#[tokio::test]
async fn an_object_that_does_not_fit_now_is_let_go_and_asked_for_again() {
    let server = FaultServer::start(|_: &Request| Answer::object(&"[".repeat(50))).await;
    let budget = ByteBudget::new(200);
    let others = budget.reserve(80).await;
    let mut fetcher = fetcher_of(&minio(&server.endpoint), &budget);
    let fetch = tokio::spawn(async move { run(&mut fetcher, PATH).await });
    server.wait_for_requests(1).await;
    // The waiter holds the turn: from then on no other gets a share.
    while budget.try_reserve(1).is_some() {
        tokio::task::yield_now().await;
    }
    assert!(!fetch.is_finished());
    assert_eq!(budget.used(), 80);
    drop(others);
    let batch = patiently(fetch).await.unwrap().unwrap();
    assert_eq!((batch.body.len(), budget.used()), (50, 50));
    assert_eq!(server.requests().len(), 2);
    drop(batch);
    assert_eq!(budget.used(), 0);
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up() {
    let server = FaultServer::start(healthy_but(|_| {
        Answer::raw("200 OK", &[("ETag", "\"e1\""), ("Content-Length", "1000")], "").then_trickle()
    }))
    .await;
    let found = fetch_from(&server).await;
    assert!(
        matches!(
            found,
            Err(Fault::Transient {
                cause: "object_unreadable",
                ..
            })
        ),
        "{found:?}"
    );
}

#[tokio::test]
async fn an_object_that_grows_with_every_request_is_not_chased_for_ever() {
    let server = FaultServer::start(|request: &Request| Answer::object(&"[".repeat(50 + request.nth))).await;
    let budget = ByteBudget::new(200);
    let others = budget.reserve(80).await;
    let mut fetcher = fetcher_of(&minio(&server.endpoint), &budget);
    let fetch = async {
        let found = run(&mut fetcher, PATH).await;
        assert!(
            matches!(
                found,
                Err(Fault::Transient {
                    cause: "object_changes",
                    ..
                })
            ),
            "{found:?}"
        );
    };
    // Each time the fetcher waits for room, room is made and taken away again.
    let churn = async {
        let mut others = Some(others);
        for requests in 1.. {
            server.wait_for_requests(requests).await;
            while budget.try_reserve(1).is_some() {
                tokio::task::yield_now().await;
            }
            drop(others.take());
            others = Some(budget.reserve(80).await);
        }
    };
    tokio::select! { () = fetch => {}, () = churn => {} }
}
