//! Streams.

use super::made_up::{Running, start};
use reqwest::Response;
use serde_json::Value;
use std::time::Duration;

/// Long enough for any machine; nothing waits for it unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// An open stream and what was read of it.
pub(crate) struct Reader {
    response: Response,
    text: String,
}

/// An event as a browser gets it.
#[derive(Debug)]
pub(crate) struct Received {
    name: String,
    pub(crate) id: u64,
    pub(crate) data: Value,
}

impl Reader {
    pub(crate) async fn open(service: &Running) -> Self {
        let response = reqwest::get(service.url("/api/v1/stream")).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self {
            response,
            text: String::new(),
        }
    }

    /// The next event with this name; `None` when the stream ends.
    pub(crate) async fn next(&mut self, name: &str) -> Option<Received> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = parse(event);
                self.text = rest.to_owned();
                if let Some(event) = event.filter(|event| event.name == name) {
                    return Some(event);
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk())
                .await
                .unwrap();
            self.text += std::str::from_utf8(&chunk.ok()??).unwrap();
        }
    }
}

fn parse(event: &str) -> Option<Received> {
    let field = |name: &str| {
        event
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    Some(Received {
        name: field("event")?.to_owned(),
        id: field("id")?.parse().unwrap(),
        data: serde_json::from_str(field("data")?).unwrap(),
    })
}

#[tokio::test]
async fn a_status_comes_at_once_and_again_and_again() {
    let service = start().await;
    let mut stream = Reader::open(&service).await;
    let first = stream.next("status").await.unwrap();
    assert_eq!((first.id, &first.data["replica"]), (1, &"millrace@test/1".into()));
    let second = stream.next("status").await.unwrap();
    assert!(second.id > first.id);
}

#[tokio::test]
async fn there_are_16_streams_at_most() {
    let service = start().await;
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(Reader::open(&service).await);
    }
    let (code, _, body) = service.get("/api/v1/stream").await;
    assert_eq!(code, 503);
    assert!(body["error"].as_str().unwrap().contains("16"), "{body}");
    open.pop();
    // The server notices with the next status that it cannot send.
    millrace_stack::wait_for("a place to be free", PATIENCE, async || {
        service.get_status("/api/v1/stream").await == 200
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let service = start().await;
    let mut stream = Reader::open(&service).await;
    assert!(stream.next("status").await.is_some());
    service.stop.cancel();
    let ended = tokio::time::timeout(PATIENCE, stream.next("never"));
    assert!(ended.await.unwrap().is_none());
    service.served.await.unwrap();
}
