//! A TCP proxy between the product and one server, which does harm on order.

mod connection;
mod lane;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use self::connection::Connection;
use crate::ports::free_port;

/// What a proxy does with all its connections, those that are open and those that come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Nothing but carry.
    Pass,
    /// Takes no new connections: they are refused as if nothing listened. Open ones go on.
    Refuse,
    /// Takes connections, but reads and delivers nothing, either way: a network that lost its route.
    BlackHole,
    /// Delivers so many bytes a second, each way.
    Trickle(u32),
    /// Delivers everything so much later, each way.
    Latency(Duration),
    /// Answers each HTTP request with the page of an ingress that has no route, and asks the server nothing.
    Stray,
}

/// A loopback port in front of one server. It ends with its owner, and with it all that goes through it.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    orders: watch::Sender<Order>,
    cuts: watch::Sender<u64>,
    accepted: Arc<AtomicU64>,
    door: JoinHandle<()>,
}

/// Takes the connections in.
struct Door {
    port: u16,
    server: u16,
    orders: watch::Receiver<Order>,
    cuts: watch::Receiver<u64>,
    accepted: Arc<AtomicU64>,
}

// === impl Proxy ===

impl Proxy {
    /// A proxy before the server on this loopback port, driven by a task of the current runtime. It passes everything.
    ///
    /// # Errors
    /// No free port.
    pub async fn start(server: u16) -> anyhow::Result<Self> {
        let port = free_port()?;
        let listener = listen(port).await?;
        let (orders, order_rx) = watch::channel(Order::Pass);
        let (cuts, cut_rx) = watch::channel(0);
        let accepted = Arc::<AtomicU64>::default();
        let door = Door {
            port,
            server,
            orders: order_rx,
            cuts: cut_rx,
            accepted: accepted.clone(),
        };
        let door = tokio::spawn(async move {
            if let Err(error) = door.serve(listener).await {
                tracing::error!("the proxy before port {server} ended: {error:#}");
            }
        });
        Ok(Self {
            port,
            orders,
            cuts,
            accepted,
            door,
        })
    }

    /// The loopback port it listens on, the same for life.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Takes effect on all connections, in the middle of whatever they do.
    pub fn order(&self, order: Order) {
        self.orders.send_replace(order);
    }

    /// What it does now.
    pub fn ordered(&self) -> Order {
        *self.orders.borrow()
    }

    /// Resets all connections that are open now, both ways. New ones are treated as ordered.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Connections taken so far.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.door.abort();
    }
}

// === impl Door ===

impl Door {
    async fn serve(mut self, listener: TcpListener) -> anyhow::Result<()> {
        let mut listener = Some(listener);
        // Dropped with this future, and the connections with it.
        let mut connections = JoinSet::new();
        loop {
            if *self.orders.borrow_and_update() == Order::Refuse {
                listener = None;
            } else if listener.is_none() {
                listener = Some(listen(self.port).await?);
            }
            tokio::select! {
                changed = self.orders.changed() => changed?,
                Some(_) = connections.join_next() => {}
                accepted = accept(listener.as_ref()) => {
                    self.accepted.fetch_add(1, Ordering::Relaxed);
                    let mut cuts = self.cuts.clone();
                    cuts.mark_unchanged();
                    let connection = Connection { client: accepted?, cuts, orders: self.orders.clone() };
                    connections.spawn(connection.carry(self.server));
                }
            }
        }
    }
}

async fn listen(port: u16) -> anyhow::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("cannot listen on port {port} as a proxy"))
}

async fn accept(listener: Option<&TcpListener>) -> anyhow::Result<tokio::net::TcpStream> {
    match listener {
        Some(listener) => Ok(listener.accept().await.context("cannot accept a connection")?.0),
        None => std::future::pending().await,
    }
}
