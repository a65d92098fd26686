//! Headers that are not needed, and answers without those that one would expect.

use super::{
    KEY,
    fault_server::{Answer, FaultServer, Request},
    fetch_from, healthy_but, is_poison, transient_detail,
};

#[tokio::test]
async fn a_header_that_is_not_needed_makes_no_object_unreadable() {
    for odd in [
        ("x-amz-meta-keyword", "xe điện"),
        ("Last-Modified", "gestern"),
        ("Last-Modified", "2026-01-01T00:00:00Z"),
        ("x-amz-version-id", "phiên bản"),
        ("Content-Disposition", "attachment; filename=\"điện.json\""),
        ("Content-Type", "application/jsön"),
        ("Content-Language", "tiếng Việt"),
        ("Cache-Control", "không"),
        ("Content-Encoding", "không"),
    ] {
        let server = FaultServer::start(healthy_but(move |_| {
            let headers = [odd, ("ETag", "\"e1\""), ("x-amz-meta-compressed", "true")];
            Answer::with_headers("200 OK", &headers, "[]")
        }))
        .await;
        let batch = fetch_from(&server)
            .await
            .unwrap_or_else(|fault| panic!("{odd:?}: {fault}"));
        assert_eq!(batch.body, "[]", "{odd:?}");
        assert_eq!(batch.info.etag.as_deref(), Some("e1"), "{odd:?}");
        assert!(batch.info.claims_zstd, "{odd:?}: what is needed is still there");
    }
}

#[tokio::test]
async fn an_object_without_a_readable_etag_is_stored_without_one() {
    for headers in [&[][..], &[("ETag", "\"ü\"")]] {
        let server = FaultServer::start(healthy_but(move |_| {
            Answer::with_headers("200 OK", headers, "[]")
        }))
        .await;
        let batch = fetch_from(&server).await.unwrap();
        assert_eq!(batch.info.etag, None);
    }
}

fn chunked(body: &str) -> Answer {
    let headers = [("Transfer-Encoding", "chunked"), ("ETag", "\"e1\"")];
    Answer::raw("200 OK", &headers, body)
}

#[tokio::test]
async fn an_object_without_a_length_is_read_to_its_end_and_up_to_the_cap() {
    let server = FaultServer::start(healthy_but(|_| chunked("2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n"))).await;
    let batch = fetch_from(&server).await.unwrap();
    assert_eq!(
        (batch.body.as_ref(), batch.info.etag.as_deref()),
        (b"[1]".as_slice(), Some("e1"))
    );

    let large = format!("7d0\r\n[{}]\r\n0\r\n\r\n", " ".repeat(1_998));
    let server = FaultServer::start(healthy_but(move |_| chunked(&large))).await;
    let found = fetch_from(&server).await;
    assert!(is_poison(&found, "object_too_large"), "{found:?}");
}

/// Half of an object is not an object: without a length, only the framing says where it ends.
#[tokio::test]
async fn an_object_without_a_length_that_is_cut_is_not_taken_for_whole() {
    let cut: fn(&Request) -> Answer = |_| chunked("2\r\n[1\r\n");
    let unframed: fn(&Request) -> Answer = |_| Answer::raw("200 OK", &[("ETag", "\"e1\"")], "[1");
    for answer in [cut, unframed] {
        let server = FaultServer::start(healthy_but(answer)).await;
        transient_detail(fetch_from(&server).await, "object_unreadable");
        assert!(server.asked_for(KEY) >= 1);
    }
}
