//! What the brokers tell of topics: whether they are there, how many partitions they have, and their ids.
//!
//! librdkafka knows the ids and does not tell them, so one question is asked on a connection of our own: `Metadata` in
//! version 10, which every broker from 2.8 answers.

mod login;
mod wire;

use crate::{Access, KafkaSettings, SecurityProtocol};
use millrace_access::tls::Check;
use rustls::pki_types::ServerName;
use std::{collections::BTreeMap, io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use uuid::Uuid;

/// For the whole question, of one broker.
const PATIENCE: Duration = Duration::from_secs(5);
/// No broker answers with more.
const LONGEST_ANSWER: u32 = 64 << 20;

/// What a broker says of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    /// None where it has none: the topic is older than ids.
    pub(crate) id: Option<Uuid>,
    /// How many partitions it has.
    pub(crate) partitions: usize,
}

/// A connection, with TLS or without.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The topics of the settings that are there.
pub(crate) async fn ask(settings: &KafkaSettings) -> io::Result<BTreeMap<String, Topic>> {
    let mut last = io::Error::other("no broker is named");
    for broker in &settings.brokers {
        match timeout(PATIENCE, ask_one(broker, settings)).await {
            Ok(Ok(topics)) => return Ok(topics),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, format!("{broker} does not answer")),
        }
    }
    Err(last)
}

async fn ask_one(broker: &str, settings: &KafkaSettings) -> io::Result<BTreeMap<String, Topic>> {
    let mut stream = connect(broker, &settings.access).await?;
    if let Some(sasl) = &settings.access.sasl {
        login::log_in(&mut *stream, &settings.client, sasl).await?;
    }
    let topics: Vec<_> = settings.topics.iter().map(String::as_str).collect();
    let answer = exchange(&mut *stream, wire::metadata(&settings.client, &topics)).await?;
    wire::read_metadata(&answer)
}

async fn connect(broker: &str, access: &Access) -> io::Result<Box<dyn Stream>> {
    let tcp = TcpStream::connect(broker).await?;
    tcp.set_nodelay(true)?;
    if !matches!(access.protocol, SecurityProtocol::Ssl | SecurityProtocol::SaslSsl) {
        return Ok(Box::new(tcp));
    }
    let config = access.tls.client_config(Check::Host).map_err(io::Error::other)?;
    let host = broker.rsplit_once(':').map_or(broker, |(host, _)| host);
    let host = host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    Ok(Box::new(tls))
}

/// Sends a request and returns the answer, both without their length.
async fn exchange(stream: &mut dyn Stream, request: Vec<u8>) -> io::Result<Vec<u8>> {
    let length = u32::try_from(request.len()).map_err(io::Error::other)?;
    stream.write_u32(length).await?;
    stream.write_all(&request).await?;
    stream.flush().await?;
    let length = stream.read_u32().await?;
    if length > LONGEST_ANSWER {
        return Err(io::Error::other(format!("an answer of {length} bytes")));
    }
    let mut answer = vec![0; length as usize];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}
