//! AMQP 0-9-1 by hand: no client library sends properties that are not text where text is due, or leaves in the midst
//! of its work.

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
const FRAME_END: u8 = 0xCE;
/// The one channel.
const CHANNEL: u16 = 1;
/// Room for body in a frame that every broker takes.
const BODY_ROOM: usize = 4_096 - 8;

/// A connection that publishes messages with any bytes for properties, each confirmed, and may take some away.
#[derive(Debug)]
pub struct RawPublisher {
    stream: TcpStream,
}

// === impl RawPublisher ===

impl RawPublisher {
    pub(crate) async fn connect(
        port: u16,
        (user, password): (&str, &str),
        vhost: &str,
    ) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let mut this = Self { stream };
        this.stream.write_all(b"AMQP\0\0\x09\x01").await?;
        this.expect((10, 10)).await?; // start
        let response = format!("\0{user}\0{password}");
        let start_ok = [
            &long(b"")[..],
            &short(b"PLAIN"),
            &long(response.as_bytes()),
            &short(b"en_US"),
        ];
        this.method(0, (10, 11), &start_ok.concat()).await?;
        let tune = this.expect((10, 30)).await?;
        // The broker's limits, and no heartbeats.
        let limits = tune.get(..6).context("a tune without limits")?;
        this.method(0, (10, 31), &[limits, &[0, 0]].concat()).await?;
        let open = [&short(vhost.as_bytes())[..], &short(b""), &[0]].concat();
        this.method(0, (10, 40), &open).await?;
        this.expect((10, 41)).await?;
        this.method(CHANNEL, (20, 10), &short(b"")).await?;
        this.expect((20, 11)).await?;
        this.method(CHANNEL, (85, 10), &[0]).await?; // confirm.select
        this.expect((85, 11)).await?;
        Ok(this)
    }

    /// Publishes a message, and returns when the broker has confirmed it. `properties` begin with their flags.
    ///
    /// # Errors
    /// The broker refuses the message, or ends the connection over it: its words are in the error.
    pub async fn publish(
        &mut self,
        exchange: &str,
        routing_key: &[u8],
        properties: &[u8],
        body: &[u8],
    ) -> anyhow::Result<()> {
        let publish = [
            &[0, 0][..],
            &short(exchange.as_bytes()),
            &short(routing_key),
            &[0],
        ];
        self.method(CHANNEL, (60, 40), &publish.concat()).await?;
        let size = (body.len() as u64).to_be_bytes();
        let header = [&60u16.to_be_bytes()[..], &[0, 0], &size, properties].concat();
        self.frame(HEADER, CHANNEL, &header).await?;
        for part in body.chunks(BODY_ROOM) {
            self.frame(BODY, CHANNEL, part).await?;
        }
        self.expect((60, 80)).await.map(drop) // ack
    }

    /// Takes a message and is gone without a word, so that the queue has it again; false when there was none.
    pub async fn take_and_vanish(mut self, queue: &str) -> anyhow::Result<bool> {
        let get = [&[0, 0][..], &short(queue.as_bytes()), &[0]].concat();
        self.method(CHANNEL, (60, 70), &get).await?;
        let (answer, arguments) = self.next_method().await?;
        match answer {
            (60, 71) => Ok(true),
            (60, 72) => Ok(false),
            other => bail!(
                "the broker answered {other:?}: {}",
                String::from_utf8_lossy(&arguments)
            ),
        }
    }

    async fn method(
        &mut self,
        channel: u16,
        (class, method): (u16, u16),
        arguments: &[u8],
    ) -> anyhow::Result<()> {
        let payload = [&class.to_be_bytes()[..], &method.to_be_bytes(), arguments].concat();
        self.frame(METHOD, channel, &payload).await
    }

    async fn frame(&mut self, kind: u8, channel: u16, payload: &[u8]) -> anyhow::Result<()> {
        let size = u32::try_from(payload.len())?.to_be_bytes();
        let frame = [&[kind][..], &channel.to_be_bytes(), &size, payload, &[FRAME_END]].concat();
        Ok(self.stream.write_all(&frame).await?)
    }

    /// The arguments of the method that is to come next.
    async fn expect(&mut self, method: (u16, u16)) -> anyhow::Result<Vec<u8>> {
        let (got, arguments) = self.next_method().await?;
        ensure!(
            got == method,
            "the broker sent {got:?} and not {method:?}: {}",
            String::from_utf8_lossy(&arguments)
        );
        Ok(arguments)
    }

    async fn next_method(&mut self) -> anyhow::Result<((u16, u16), Vec<u8>)> {
        loop {
            let mut head = [0; 7];
            let read = self.stream.read_exact(&mut head).await;
            read.context("the broker ended the connection")?;
            let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
            let mut payload = vec![0; size + 1];
            self.stream.read_exact(&mut payload).await?;
            if head[0] == HEARTBEAT {
                continue;
            }
            ensure!(
                head[0] == METHOD && size >= 4,
                "the broker sent a frame of kind {}",
                head[0]
            );
            let class = u16::from_be_bytes([payload[0], payload[1]]);
            let method = u16::from_be_bytes([payload[2], payload[3]]);
            return Ok(((class, method), payload[4..size].to_vec()));
        }
    }
}

/// A short string.
///
/// # Panics
/// When it is longer than 255 bytes.
fn short(text: &[u8]) -> Vec<u8> {
    let size = u8::try_from(text.len()).expect("a short string");
    [&[size], text].concat()
}

/// A long string, or a table.
fn long(bytes: &[u8]) -> Vec<u8> {
    let size = u32::try_from(bytes.len()).expect("less than 4 GiB");
    [&size.to_be_bytes()[..], bytes].concat()
}
