//! One connection through a proxy.

use std::io;
use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Order;
use super::lane::lane;

/// A client, and what it is subject to.
pub(super) struct Connection {
    pub(super) client: TcpStream,
    pub(super) orders: watch::Receiver<Order>,
    /// Changes when all that is open is to be reset.
    pub(super) cuts: watch::Receiver<u64>,
}

// === impl Connection ===

impl Connection {
    /// Carries both ways until both ends are done, or one of them or a cut resets it.
    pub(super) async fn carry(mut self, server: u16) {
        if *self.orders.borrow() == Order::Stray {
            return self.stray().await;
        }
        let connected = tokio::select! {
            _ = self.cuts.changed() => None,
            connected = connect(server, &mut self.orders) => connected.ok(),
        };
        let Some(mut server) = connected else {
            return reset(&self.client);
        };
        let torn = {
            let (from_client, to_client) = self.client.split();
            let (from_server, to_server) = server.split();
            tokio::select! {
                _ = self.cuts.changed() => true,
                carried = async {
                    tokio::try_join!(
                        lane(from_client, to_server, self.orders.clone()),
                        lane(from_server, to_client, self.orders.clone()),
                    )
                } => carried.is_err(),
            }
        };
        if torn {
            reset(&self.client);
            reset(&server);
        }
    }

    /// One answer, and goodbye.
    async fn stray(mut self) {
        if read_head(&mut self.client).await.is_ok() {
            // A client that has left needs no answer.
            let _ = self.client.write_all(NO_ROUTE).await;
            let _ = self.client.shutdown().await;
        }
    }
}

/// What nginx says of a path that it has no route for.
const NO_ROUTE: &[u8] = b"HTTP/1.1 404 Not Found\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 94\r\n\
    Connection: close\r\n\r\n<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1><hr></body></html>\n";

/// Largest head of a request.
const HEAD: usize = 16 << 10;

/// Reads a request's head. Its body, if it has one, goes unread.
async fn read_head(client: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::with_capacity(HEAD);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < HEAD {
        if client.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// A client in a black hole is connected, and the server does not know of it yet.
async fn connect(server: u16, orders: &mut watch::Receiver<Order>) -> io::Result<TcpStream> {
    orders
        .wait_for(|order| *order != Order::BlackHole)
        .await
        .map_err(io::Error::other)?;
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Makes the end of this socket, which follows at once, a reset instead of a goodbye.
fn reset(stream: &TcpStream) {
    // Fails only on a socket that has ended already.
    let _ = stream.set_zero_linger();
}
