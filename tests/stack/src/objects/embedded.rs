//! The S3 server inside this process.

use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::Context;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::storage::Storage;
use super::{ACCESS_KEY, SECRET_KEY};

/// A server that can be stopped, frozen and started again on its port and its folder.
///
/// It has a thread and a runtime of its own: the runtime of the test that started it ends before the other tests do.
#[derive(Debug)]
pub(super) struct Embedded {
    root: PathBuf,
    port: u16,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    /// Dropping it ends the server.
    orders: UnboundedSender<Freeze>,
    thread: JoinHandle<()>,
    /// Dropping it ends the pause.
    pause: Option<Sender<()>>,
}

/// The order to block the server's only thread: to clients that looks like a process that got SIGSTOP.
struct Freeze {
    /// Dropped when the thread is frozen.
    done: Sender<()>,
    until: Receiver<()>,
}

// === impl Embedded ===

impl Embedded {
    pub(super) fn new(root: PathBuf, port: u16) -> Self {
        Self {
            root,
            port,
            running: Mutex::new(None),
        }
    }

    pub(super) fn start(&self) -> anyhow::Result<()> {
        let mut running = self.running();
        if running.is_some() {
            return Ok(());
        }
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, self.port))
            .with_context(|| format!("cannot listen on port {} for objects", self.port))?;
        listener.set_nonblocking(true)?;
        let service = self.service()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (orders, inbox) = unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("objects".to_owned())
            .spawn(move || {
                if let Err(error) = runtime.block_on(serve(listener, service, inbox)) {
                    tracing::error!("the embedded object storage ended: {error:#}");
                }
                // Cuts the connections; a file that is being written in the background is not waited for.
                runtime.shutdown_background();
            })?;
        *running = Some(Running {
            orders,
            thread,
            pause: None,
        });
        Ok(())
    }

    pub(super) fn stop(&self) -> anyhow::Result<()> {
        let Some(Running {
            orders,
            thread,
            pause,
        }) = self.running().take()
        else {
            return Ok(());
        };
        drop(pause);
        drop(orders);
        thread
            .join()
            .map_err(|_| anyhow::anyhow!("the embedded object storage panicked"))
    }

    pub(super) fn pause(&self) -> anyhow::Result<()> {
        let mut running = self.running();
        let running = running
            .as_mut()
            .context("the object storage does not run, so it cannot be paused")?;
        if running.pause.is_some() {
            return Ok(());
        }
        let (done, frozen) = channel();
        let (pause, until) = channel();
        running
            .orders
            .send(Freeze { done, until })
            .ok()
            .context("the object storage has ended by itself")?;
        // Returns, with an error that means nothing, when the other end is dropped.
        let _ = frozen.recv();
        running.pause = Some(pause);
        Ok(())
    }

    pub(super) fn resume(&self) {
        if let Some(running) = self.running().as_mut() {
            running.pause = None;
        }
    }

    fn service(&self) -> anyhow::Result<S3Service> {
        let mut builder = S3ServiceBuilder::new(Storage::new(&self.root)?);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        Ok(builder.build())
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(
    listener: StdListener,
    service: S3Service,
    mut orders: UnboundedReceiver<Freeze>,
) -> anyhow::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                None => return Ok(()),
                Some(Freeze { done, until }) => {
                    drop(done);
                    let _ = until.recv();
                }
            },
            accepted = listener.accept() => {
                let (stream, _) = accepted.context("cannot accept a connection")?;
                tokio::spawn(converse(stream, service.clone()));
            }
        }
    }
}

async fn converse(stream: TcpStream, service: S3Service) {
    // Without it each small GET takes 40 ms: the client waits with its acknowledgement, and we for that.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("cannot set TCP_NODELAY: {error}");
    }
    let http = Builder::new(TokioExecutor::new());
    // A client that hangs up is no failure of ours.
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!("a connection to the object storage ended: {error}");
    }
}
