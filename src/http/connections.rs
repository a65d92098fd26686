//! Connections to the HTTP port, bounded in number and in patience: readers of the page can use up neither
//! the file descriptors that the work needs nor a place for long without asking something.

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// What visitors may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Connections at once.
    pub(super) places: usize,
    /// How long the head of a request may take, and how long a connection may wait for the next one.
    pub(super) patience: Duration,
}

/// Pages, probes and scrapes are a handful for each replica.
pub(super) const BOUNDS: Bounds = Bounds {
    places: 256,
    patience: Duration::from_secs(10),
};

/// How long a stop waits for requests at hand.
const LINGER: Duration = Duration::from_secs(1);
/// Pause after a connection that could not be taken: there may be no file descriptor left.
const BREATHER: Duration = Duration::from_millis(100);

/// Serves until `stop` is cancelled; then tells `closing`, and waits a little for the answers at hand.
pub(super) async fn serve(
    listener: TcpListener,
    routes: Router,
    bounds: Bounds,
    stop: CancellationToken,
    closing: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(bounds.places));
    let graceful = GracefulShutdown::new();
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.patience);
    let accepting = async {
        loop {
            let place = places.clone().acquire_owned().await;
            let place = place.expect("the semaphore is never closed");
            let client = accept(&listener).await;
            let service = TowerToHyperService::new(routes.clone());
            let connection = builder.serve_connection(TokioIo::new(client), service);
            let connection = graceful.watch(connection.into_owned());
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    debug!(%error, "a connection to the HTTP port ended");
                }
                drop(place);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop.cancelled() => {}
    }
    drop(listener);
    closing.cancel();
    let _ = tokio::time::timeout(LINGER, graceful.shutdown()).await;
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((client, _)) => return client,
            Err(error) => {
                warn!(%error, "the HTTP port cannot take a connection");
                tokio::time::sleep(BREATHER).await;
            }
        }
    }
}
