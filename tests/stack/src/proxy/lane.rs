//! One direction of a connection.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::Order;

const PIECE: usize = 16 << 10;
/// Pieces under way, so that latency costs time and not throughput.
const UNDER_WAY: usize = 64;
/// A trickle drips this often, where a byte is not rarer.
const DRIP: Duration = Duration::from_millis(20);

/// Bytes, and when they came.
struct Piece {
    at: Instant,
    bytes: Vec<u8>,
}

/// Carries bytes as ordered, then the end of the stream.
pub(super) async fn lane(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    orders: watch::Receiver<Order>,
) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel(UNDER_WAY);
    tokio::try_join!(
        take_in(from, sender, orders.clone()),
        deliver(receiver, to, orders)
    )?;
    Ok(())
}

async fn take_in(
    mut from: ReadHalf<'_>,
    pieces: mpsc::Sender<Piece>,
    mut orders: watch::Receiver<Order>,
) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        out_of_the_hole(&mut orders).await?;
        let length = tokio::select! {
            read = from.read(&mut buffer) => read?,
            changed = changed(&mut orders) => { changed?; continue }
        };
        if length == 0 {
            return Ok(());
        }
        let piece = Piece {
            at: Instant::now(),
            bytes: buffer[..length].to_vec(),
        };
        pieces.send(piece).await.map_err(io::Error::other)?;
    }
}

async fn deliver(
    mut pieces: mpsc::Receiver<Piece>,
    mut to: WriteHalf<'_>,
    mut orders: watch::Receiver<Order>,
) -> io::Result<()> {
    while let Some(piece) = pieces.recv().await {
        let mut rest = &piece.bytes[..];
        while !rest.is_empty() {
            let order = *orders.borrow_and_update();
            let (wait, length) = match order {
                // What is open when the order comes goes on; the caller cuts first.
                Order::Pass | Order::Refuse | Order::Stray => (None, rest.len()),
                Order::Latency(delay) => (Some(piece.at + delay), rest.len()),
                Order::Trickle(rate) => {
                    let (pause, length) = drip(rate);
                    (Some(Instant::now() + pause), length.min(rest.len()))
                }
                Order::BlackHole => {
                    out_of_the_hole(&mut orders).await?;
                    continue;
                }
            };
            if let Some(until) = wait {
                tokio::select! {
                    () = sleep_until(until) => {}
                    changed = changed(&mut orders) => { changed?; continue }
                }
            }
            to.write_all(&rest[..length]).await?;
            rest = &rest[length..];
        }
    }
    out_of_the_hole(&mut orders).await?;
    to.shutdown().await
}

/// How many bytes at a time, and how long before each.
fn drip(bytes_per_second: u32) -> (Duration, usize) {
    let rate = bytes_per_second.max(1);
    let bytes = (rate / 50).max(1);
    let pause = if rate >= 50 {
        DRIP
    } else {
        Duration::from_secs(1) / rate
    };
    (pause, bytes as usize)
}

async fn out_of_the_hole(orders: &mut watch::Receiver<Order>) -> io::Result<()> {
    let found = orders.wait_for(|order| *order != Order::BlackHole).await;
    found.map(drop).map_err(io::Error::other)
}

async fn changed(orders: &mut watch::Receiver<Order>) -> io::Result<()> {
    orders.changed().await.map_err(io::Error::other)
}
