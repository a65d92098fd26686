//! Answers that are not the store's: none of them costs an event anything.

use super::{
    KEY, PATH,
    fault_server::{Answer, FaultServer, Request},
    fetch_from, fetcher_of, healthy_but, is_poison, minio, outage_detail, run, transient_detail,
};
use crate::{Fetcher, Stores};
use millrace_engine::{ByteBudget, Fault};

const HTML: &str = "<!DOCTYPE html><html><body>Sign in</body></html>";
const PAGE: (&str, &str) = ("Content-Type", "text/html; charset=utf-8");
const TEXT: (&str, &str) = ("Content-Type", "text/plain");
const SIGNED: (&str, &str) = ("x-amz-request-id", "17D5A2B3C4");

/// What stands before a store, or in its place, answers to everything.
fn other_servers() -> Vec<(&'static str, Answer)> {
    let page = |status| Answer::with_headers(status, &[PAGE], HTML);
    vec![
        (
            "an ingress without a route",
            Answer::with_headers("404 Not Found", &[TEXT], "404 page not found"),
        ),
        ("nginx has no such page", page("404 Not Found")),
        ("an empty 404", Answer::with_headers("404 Not Found", &[], "")),
        (
            "a gateway in JSON",
            Answer::with_headers(
                "404 Not Found",
                &[],
                r#"{"message":"no Route matched with those values"}"#,
            ),
        ),
        ("the console of MinIO", page("200 OK")),
        (
            "an application of one page",
            Answer::with_headers("200 OK", &[PAGE, ("ETag", "\"6570\"")], HTML),
        ),
        ("an empty 200", Answer::with_headers("200 OK", &[], "")),
        (
            "a default backend",
            Answer::with_headers("200 OK", &[TEXT], "default backend - 200"),
        ),
        (
            "another service",
            Answer::with_headers(
                "200 OK",
                &[("Content-Type", "application/json")],
                r#"{"login":"needed"}"#,
            ),
        ),
        ("an ingress that wants to know us", page("401 Unauthorized")),
        ("a firewall of applications", page("403 Forbidden")),
        ("a service that takes no GET", page("405 Method Not Allowed")),
        ("a proxy that finds no upstream", page("502 Bad Gateway")),
        (
            "a redirect to nowhere",
            Answer::with_headers("302 Found", &[], ""),
        ),
        (
            "a redirect in a circle",
            Answer::with_headers("302 Found", &[("Location", "/login")], ""),
        ),
    ]
}

fn script(name: &'static str) -> impl Fn(&Request) -> Answer {
    move |_| {
        let mut all = other_servers().into_iter();
        all.find(|(known, _)| *known == name).expect("a known server").1
    }
}

fn is_left_for_later(found: &Result<crate::Object, Fault>) -> bool {
    matches!(
        found,
        Err(Fault::Deferred {
            cause: "not_the_store",
            ..
        })
    )
}

#[tokio::test]
async fn what_is_not_the_store_is_an_outage_and_a_ping_says_so() {
    for (name, _) in other_servers() {
        let server = FaultServer::start(script(name)).await;
        let ping = Stores::new(&minio(&server.endpoint)).unwrap().ping().await;
        assert!(ping.is_err(), "{name}");
        // Long after the grace of a missing object.
        let late = |fetcher: Fetcher| fetcher.with_clock(|| "2026-02-01T00:00:00Z".parse().unwrap());
        let mut fetcher = late(fetcher_of(&minio(&server.endpoint), &ByteBudget::new(10_000)));
        let detail = outage_detail(run(&mut fetcher, PATH).await);
        assert!(
            detail.contains("MINIO_ENDPOINT") || detail.contains("between"),
            "{name}: {detail}"
        );
    }
}

#[tokio::test]
async fn an_error_of_another_server_costs_no_attempt_while_the_store_serves() {
    for name in [
        "an ingress without a route",
        "nginx has no such page",
        "an ingress that wants to know us",
        "a firewall of applications",
        "a redirect in a circle",
    ] {
        let answer = script(name);
        let server = FaultServer::start(move |request: &Request| match request.path.as_str() {
            KEY | "/login" => answer(request),
            _ => Answer::error("404 Not Found", "NoSuchKey"),
        })
        .await;
        let found = fetch_from(&server).await;
        assert!(is_left_for_later(&found), "{name}: {found:?}");
    }
}

/// One of two ways to the store ends elsewhere: a store that signs its answers does not forget to.
#[tokio::test]
async fn an_unsigned_page_costs_no_attempt_where_the_store_signs() {
    for name in [
        "the console of MinIO",
        "an empty 200",
        "a default backend",
        "another service",
    ] {
        let answer = script(name);
        let server = FaultServer::start(move |request: &Request| match request.path.as_str() {
            KEY => answer(request),
            _ => Answer::signed_error("404 Not Found", "NoSuchKey"),
        })
        .await;
        let found = fetch_from(&server).await;
        assert!(is_left_for_later(&found), "{name}: {found:?}");
    }
}

/// What a producer uploaded is the producer's, be it a page.
#[tokio::test]
async fn a_page_that_the_store_itself_gives_is_taken() {
    let signed = |_: &Request| Answer::with_headers("200 OK", &[PAGE, SIGNED, ("ETag", "\"1\"")], HTML);
    let server = FaultServer::start(healthy_but(signed)).await;
    assert_eq!(fetch_from(&server).await.unwrap().body, HTML);
    assert_eq!(server.requests().len(), 1, "a signed answer is believed");

    // A store that never signs is asked for an object that does not exist.
    let plain = |_: &Request| Answer::with_headers("200 OK", &[("ETag", "\"1\"")], HTML);
    let server = FaultServer::start(healthy_but(plain)).await;
    assert_eq!(fetch_from(&server).await.unwrap().body, HTML);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn an_honest_batch_costs_one_request() {
    for body in ["[]", " \n{\"items\":[]}", "\u{feff}[1]"] {
        let server = FaultServer::start(healthy_but(move |_| Answer::object(body))).await;
        assert_eq!(fetch_from(&server).await.unwrap().body, body);
        assert_eq!(server.requests().len(), 1, "{body}");
    }
}

/// Only its own words say that an object is missing, whatever else it says with a 404.
#[tokio::test]
async fn another_code_of_a_404_is_not_a_missing_object() {
    let server = FaultServer::start(healthy_but(|_| Answer::error("404 Not Found", "NoSuchUpload"))).await;
    transient_detail(fetch_from(&server).await, "object_unreadable");
    let server = FaultServer::start(|_: &Request| Answer::error("404 Not Found", "NoSuchUpload")).await;
    outage_detail(fetch_from(&server).await);
}

/// An object of the name that a ping asks for proves nothing; one of a name that was just drawn does.
#[tokio::test]
async fn a_ping_that_finds_an_object_asks_for_one_that_cannot_exist() {
    let server = FaultServer::start(|request: &Request| match request.path.as_str() {
        "/crawl-results/.millrace-ping" | "/extra/.millrace-ping" => Answer::object("[]"),
        _ => Answer::error("404 Not Found", "NoSuchKey"),
    })
    .await;
    Stores::new(&minio(&server.endpoint))
        .unwrap()
        .ping()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_bucket_that_is_missing_holds_its_own_events_only() {
    for code in ["NoSuchBucket", "AccessDenied"] {
        let server = FaultServer::start(move |request: &Request| {
            match (request.path.split('/').nth(1), request.path.ends_with("/a.json")) {
                (Some("extra"), _) if code == "NoSuchBucket" => Answer::error("404 Not Found", code),
                (Some("extra"), _) => Answer::error("403 Forbidden", code),
                (_, true) => Answer::object("[]"),
                _ => Answer::error("404 Not Found", "NoSuchKey"),
            }
        })
        .await;
        let settings = minio(&server.endpoint);
        let mut fetcher = fetcher_of(&settings, &ByteBudget::new(100));
        match run(&mut fetcher, "extra/a.json").await {
            Err(Fault::Deferred {
                cause: "bucket_unavailable",
                detail,
            }) => {
                assert!(detail.contains("bucket extra"), "{detail}");
            }
            found => panic!("{code}: {found:?}"),
        }
        run(&mut fetcher, "crawl-results/a.json").await.unwrap();
        let served = Stores::new(&settings).unwrap().ping().await.unwrap();
        assert!(served.first_is_there(), "{served:?}");
        assert!(served.troubles()[0].contains("bucket extra"), "{served:?}");
    }
}

#[tokio::test]
async fn a_missing_main_bucket_is_named_while_another_serves() {
    let server = FaultServer::start(|request: &Request| match request.path.split('/').nth(1) {
        Some("extra") => Answer::error("404 Not Found", "NoSuchKey"),
        _ => Answer::error("404 Not Found", "NoSuchBucket"),
    })
    .await;
    let served = Stores::new(&minio(&server.endpoint))
        .unwrap()
        .ping()
        .await
        .unwrap();
    assert!(!served.first_is_there());
    assert!(served.troubles()[0].contains("crawl-results"), "{served:?}");
    let found = run(
        &mut fetcher_of(&minio(&server.endpoint), &ByteBudget::new(100)),
        PATH,
    )
    .await;
    assert!(!is_poison(&found, "object_missing"), "{found:?}");
}
