//! The two sockets: the broker's, and one on loopback that the client library takes for the broker's.

use super::{frames::Frames, login::Login, repairs::Repairs};
use crate::{AmqpSettings, Broker};
use bytes::BytesMut;
use millrace_access::tls::Check;
use millrace_engine::Fault;
use rustls::pki_types::ServerName;
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, sink},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, debug, warn};

use crate::link::lost;

/// Room for what is read at once.
const BUFFER: usize = 64 << 10;
/// How long one side may take to hear the other's last words.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A connection to the broker that the client library reaches on loopback. It ends with the value.
pub(crate) struct Relay {
    /// Where the library finds it.
    pub(crate) address: SocketAddr,
    /// What the library has to call itself.
    pub(crate) countersign: String,
    /// What was repaired on the way in.
    pub(crate) repairs: Repairs,
    _relaying: AbortOnDropHandle<()>,
}

// === impl Relay ===

impl Relay {
    /// Connects to the broker. The caller bounds the whole set-up.
    pub(crate) async fn open(settings: &AmqpSettings, name: &str) -> Result<Self, Fault> {
        let broker = settings.broker.renew();
        let at = |error: &dyn std::fmt::Display| lost(format!("{}:{}: {error}", broker.host, broker.port));
        let stream = TcpStream::connect((broker.host.as_str(), broker.port)).await;
        let stream = stream.map_err(|error| at(&error))?;
        stream.set_nodelay(true).map_err(|error| at(&error))?;
        let listener = listen().await;
        let listener = listener.map_err(|error| lost(format!("no socket on loopback: {error}")))?;
        let address = listener.local_addr().map_err(|error| lost(error.to_string()))?;
        let login = Login::new(name, &broker);
        let (countersign, repairs) = (login.countersign.clone(), Repairs::default());
        let frames = Frames::new(repairs.clone());
        let relaying = if broker.tls {
            let stream = encrypted(settings, &broker, stream)
                .await
                .map_err(|error| at(&error))?;
            tokio::spawn(relay(listener, stream, login, frames).in_current_span())
        } else {
            tokio::spawn(relay(listener, stream, login, frames).in_current_span())
        };
        Ok(Self {
            address,
            countersign,
            repairs,
            _relaying: AbortOnDropHandle::new(relaying),
        })
    }
}

async fn listen() -> io::Result<TcpListener> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await,
    }
}

async fn encrypted(
    settings: &AmqpSettings,
    broker: &Broker,
    stream: TcpStream,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let config = settings.tls.client_config(Check::Host);
    let config = config.map_err(|error| io::Error::other(format!("no TLS: {error}")))?;
    let name = ServerName::try_from(broker.host.clone()).map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Passes everything on until one side ends; what the broker sends is looked at on the way.
async fn relay(listener: TcpListener, broker: impl AsyncRead + AsyncWrite, login: Login, frames: Frames) {
    let client = match listener.accept().await {
        Ok((client, _)) => client,
        Err(error) => return warn!(%error, "the client library cannot reach the relay"),
    };
    // One connection, and no more.
    drop(listener);
    if let Err(error) = client.set_nodelay(true) {
        debug!(%error, "answers to the client library may be late");
    }
    let (mut from_broker, mut to_broker) = tokio::io::split(broker);
    let (mut from_client, mut to_client) = client.into_split();
    let broker_ended = {
        let inwards = pass_in(&mut from_broker, &mut to_client, frames);
        tokio::pin!(inwards);
        let outwards = async {
            login.pass(&mut from_client, &mut to_broker).await?;
            copy(&mut from_client, &mut to_broker).await
        };
        tokio::select! {
            ended = &mut inwards => {
                debug!(?ended, "the broker's side of a connection ended");
                true
            }
            ended = outwards => {
                debug!(?ended, "our side of a connection ended");
                // What the broker said before it turned away is worth hearing.
                ended.is_err() && timeout(LAST_WORDS, &mut inwards).await.is_ok()
            }
        }
    };
    if broker_ended {
        // A socket that is dropped while there is something to read takes back what it has said.
        let _ = to_client.shutdown().await;
        let _ = timeout(LAST_WORDS, copy(&mut from_client, &mut sink())).await;
    } else {
        let _ = timeout(LAST_WORDS, to_broker.shutdown()).await;
    }
}

async fn pass_in(
    broker: &mut (impl AsyncRead + Unpin),
    client: &mut (impl AsyncWrite + Unpin),
    mut frames: Frames,
) -> io::Result<()> {
    let (mut input, mut output) = (BytesMut::with_capacity(BUFFER), BytesMut::with_capacity(BUFFER));
    loop {
        input.reserve(BUFFER / 2);
        if broker.read_buf(&mut input).await? == 0 {
            return client.write_all(&input).await;
        }
        frames.pass(&mut input, &mut output);
        client.write_all(&output).await?;
        output.clear();
    }
}
