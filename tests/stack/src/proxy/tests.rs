use std::io::ErrorKind;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::*;
use crate::wait::wait_for;

const PATIENCE: Duration = Duration::from_secs(10);
/// Long enough for an echo that is not held back.
const SILENCE: Duration = Duration::from_millis(100);

/// A server that says everything twice, and a proxy before it.
async fn echo() -> Proxy {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                // A client that hangs up is part of the tests.
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    Proxy::start(port).await.unwrap()
}

async fn client(proxy: &Proxy) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port()))
        .await
        .unwrap()
}

async fn say(client: &mut TcpStream, words: &[u8]) {
    client.write_all(words).await.unwrap();
}

async fn hear(client: &mut TcpStream, words: &[u8]) {
    let mut heard = vec![0; words.len()];
    timeout(PATIENCE, client.read_exact(&mut heard))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(heard, words);
}

#[tokio::test]
async fn it_carries_both_ways_to_the_end_and_counts() {
    let proxy = echo().await;
    let long = vec![7; 3 << 20];
    let mut one = client(&proxy).await;
    let (mut from, mut to) = one.split();
    let mut heard = Vec::new();
    let (sent, received) = tokio::join!(
        async {
            to.write_all(&long).await?;
            to.shutdown().await
        },
        from.read_to_end(&mut heard)
    );
    sent.unwrap();
    received.unwrap();
    assert_eq!(heard, long);
    let mut two = client(&proxy).await;
    say(&mut two, b"hello").await;
    hear(&mut two, b"hello").await;
    assert_eq!(proxy.accepted(), 2);
}

#[tokio::test]
async fn a_cut_resets_what_is_open_and_nothing_else() {
    let proxy = echo().await;
    let mut before = client(&proxy).await;
    say(&mut before, b"a").await;
    hear(&mut before, b"a").await;
    proxy.cut();
    let end = timeout(PATIENCE, before.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    let mut after = client(&proxy).await;
    say(&mut after, b"b").await;
    hear(&mut after, b"b").await;
}

#[tokio::test]
async fn refusing_spares_what_is_open_and_ends_with_the_order() {
    let proxy = echo().await;
    let mut before = client(&proxy).await;
    say(&mut before, b"a").await;
    hear(&mut before, b"a").await;
    proxy.order(Order::Refuse);
    wait_for("a refusal", PATIENCE, async || {
        let tried = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await;
        tried.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    })
    .await
    .unwrap();
    say(&mut before, b"b").await;
    hear(&mut before, b"b").await;
    proxy.order(Order::Pass);
    let mut after = wait_for("a connection", PATIENCE, async || {
        TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await
    })
    .await
    .unwrap();
    say(&mut after, b"c").await;
    hear(&mut after, b"c").await;
}

#[tokio::test]
async fn a_black_hole_is_silent_and_gives_everything_back() {
    let proxy = echo().await;
    let mut before = client(&proxy).await;
    say(&mut before, b"a").await;
    hear(&mut before, b"a").await;
    proxy.order(Order::BlackHole);
    let mut after = client(&proxy).await;
    for client in [&mut before, &mut after] {
        say(client, b"b").await;
        assert!(timeout(SILENCE, client.read_u8()).await.is_err(), "it answered");
    }
    proxy.order(Order::Pass);
    hear(&mut before, b"b").await;
    hear(&mut after, b"b").await;
}

#[tokio::test]
async fn a_cut_ends_a_black_hole_for_its_victims() {
    let proxy = echo().await;
    proxy.order(Order::BlackHole);
    let mut victim = client(&proxy).await;
    wait_for("the victim to be taken in", PATIENCE, async || {
        proxy.accepted() == 1
    })
    .await
    .unwrap();
    proxy.cut();
    assert!(timeout(PATIENCE, victim.read_u8()).await.unwrap().is_err());
}

// On a virtual clock: it jumps whenever nothing moves, so the time is never less than was ordered.
#[tokio::test(start_paused = true)]
async fn a_trickle_takes_its_time() {
    let proxy = echo().await;
    let mut client = client(&proxy).await;
    proxy.order(Order::Trickle(100));
    let started = Instant::now();
    let words = [1; 1_000];
    say(&mut client, &words).await;
    let mut heard = [0; 1_000];
    client.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, words);
    assert!(
        started.elapsed() >= Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn latency_is_paid_each_way_and_ends_with_the_order() {
    let proxy = echo().await;
    let mut client = client(&proxy).await;
    let delay = Duration::from_secs(3);
    proxy.order(Order::Latency(delay));
    let started = Instant::now();
    say(&mut client, b"a").await;
    let mut heard = [0; 1];
    client.read_exact(&mut heard).await.unwrap();
    assert!(started.elapsed() >= delay * 2, "{:?}", started.elapsed());
    proxy.order(Order::Pass);
    say(&mut client, b"b").await;
    client.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"b");
}

#[tokio::test]
async fn it_ends_with_its_owner() {
    let proxy = echo().await;
    let port = proxy.port();
    let mut client = client(&proxy).await;
    say(&mut client, b"a").await;
    hear(&mut client, b"a").await;
    drop(proxy);
    let end = timeout(PATIENCE, client.read(&mut [0])).await.unwrap();
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    wait_for("the port to be free", PATIENCE, async || listen(port).await)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_server_that_is_down_resets_its_clients() {
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = gone.local_addr().unwrap().port();
    drop(gone);
    let proxy = Proxy::start(port).await.unwrap();
    let mut client = client(&proxy).await;
    let end = timeout(PATIENCE, client.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
}
