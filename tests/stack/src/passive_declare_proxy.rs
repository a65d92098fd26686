//! RabbitMQ 4.2 before a broker of any version: a look at a queue (a passive declaration) wants the `configure` right
//! there. The proxy refuses each look in its words and carries everything else.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_util::task::AbortOnDropHandle;

/// A loopback port before a broker. It ends when it is dropped.
#[derive(Debug)]
pub struct PassiveDeclareProxy {
    port: u16,
    refuses: Arc<AtomicBool>,
    _task: AbortOnDropHandle<()>,
}

/// One connection, seen from the client's side.
struct Watch {
    vhost: String,
    user: String,
    refuses: Arc<AtomicBool>,
    /// Whole frames only: two tasks write.
    client: Arc<Mutex<OwnedWriteHalf>>,
}

/// A frame with its head and its end.
struct Frame(Vec<u8>);

const HEAD: usize = 7;
const END: u8 = 0xCE;
const DECLARE: (u16, u16) = (50, 10);
const CLOSE: (u16, u16) = (20, 40);
const CLOSED: (u16, u16) = (20, 41);

// === impl PassiveDeclareProxy ===

impl PassiveDeclareProxy {
    /// A proxy before the broker on this loopback port, for this user of this virtual host. It refuses from the start.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start(broker: u16, vhost: &str, user: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("the proxy's port")?;
        let port = listener.local_addr()?.port();
        let refuses = Arc::new(AtomicBool::new(true));
        let (vhost, user, order) = (vhost.to_owned(), user.to_owned(), refuses.clone());
        let door = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (from_client, client) = client.into_split();
                let watch = Watch {
                    vhost: vhost.clone(),
                    user: user.clone(),
                    refuses: order.clone(),
                    client: Arc::new(Mutex::new(client)),
                };
                tokio::spawn(watch.carry(from_client, broker));
            }
        });
        Ok(Self {
            port,
            refuses,
            _task: AbortOnDropHandle::new(door),
        })
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The right is granted.
    pub fn grant(&self) {
        self.refuses.store(false, Ordering::SeqCst);
    }
}

// === impl Watch ===

impl Watch {
    /// Until either side ends the connection.
    async fn carry(self, mut from_client: OwnedReadHalf, broker: u16) {
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, broker)).await else {
            return;
        };
        let (mut from_server, mut server) = server.into_split();
        let client = self.client.clone();
        let back = async move {
            while let Ok(frame) = Frame::read(&mut from_server).await {
                // Only we close channels at the broker with code 0, so only our own are answered here.
                if frame.method() != Some(CLOSED) {
                    client.lock().await.write_all(&frame.0).await?;
                }
            }
            std::io::Result::Ok(())
        };
        tokio::select! {
            _ = self.forward(&mut from_client, &mut server) => {}
            _ = back => {}
        }
    }

    async fn forward(&self, from: &mut OwnedReadHalf, server: &mut OwnedWriteHalf) -> std::io::Result<()> {
        let mut greeting = [0; 8];
        from.read_exact(&mut greeting).await?;
        server.write_all(&greeting).await?;
        loop {
            let frame = Frame::read(from).await?;
            match frame.looked_at() {
                Some(queue) if self.refuses.load(Ordering::SeqCst) => {
                    // At the broker the channel ends as well, so that its number is free there too.
                    server.write_all(&Frame::close(frame.channel(), 0, "").0).await?;
                    let words = format!(
                        "ACCESS_REFUSED - configure access to queue '{queue}' in vhost '{}' refused for user '{}'",
                        self.vhost, self.user
                    );
                    let refusal = Frame::close(frame.channel(), 403, &words);
                    self.client.lock().await.write_all(&refusal.0).await?;
                    let answer = Frame::read(from).await?;
                    if answer.method() != Some(CLOSED) {
                        server.write_all(&answer.0).await?;
                    }
                }
                _ => server.write_all(&frame.0).await?,
            }
        }
    }
}

// === impl Frame ===

impl Frame {
    async fn read(from: &mut OwnedReadHalf) -> std::io::Result<Self> {
        let mut frame = vec![0; HEAD];
        from.read_exact(&mut frame).await?;
        let size = u32::from_be_bytes([frame[3], frame[4], frame[5], frame[6]]) as usize;
        frame.resize(HEAD + size + 1, 0);
        from.read_exact(&mut frame[HEAD..]).await?;
        Ok(Self(frame))
    }

    /// The end of a channel, as either side tells the other.
    fn close(channel: u16, code: u16, words: &str) -> Self {
        let size = u8::try_from(words.len()).expect("a short string");
        let numbers = [CLOSE.0, CLOSE.1, code].map(u16::to_be_bytes).concat();
        let because = [DECLARE.0, DECLARE.1].map(u16::to_be_bytes).concat();
        let payload = [&numbers, &[size][..], words.as_bytes(), &because].concat();
        let size = u32::try_from(payload.len()).expect("a small frame");
        Self(
            [
                &[1][..],
                &channel.to_be_bytes(),
                &size.to_be_bytes(),
                &payload,
                &[END],
            ]
            .concat(),
        )
    }

    fn channel(&self) -> u16 {
        u16::from_be_bytes([self.0[1], self.0[2]])
    }

    fn method(&self) -> Option<(u16, u16)> {
        let payload = self.0.get(HEAD..HEAD + 4).filter(|_| self.0[0] == 1)?;
        Some((
            u16::from_be_bytes([payload[0], payload[1]]),
            u16::from_be_bytes([payload[2], payload[3]]),
        ))
    }

    /// The queue that a passive declaration names.
    fn looked_at(&self) -> Option<String> {
        if self.method() != Some(DECLARE) {
            return None;
        }
        // Behind the method: a reserved number, the name, the bits.
        let rest = self.0.get(HEAD + 6..)?;
        let (size, rest) = rest.split_first()?;
        let name = rest.get(..usize::from(*size))?;
        let passive = rest.get(usize::from(*size))? & 1 == 1;
        passive.then(|| String::from_utf8_lossy(name).into_owned())
    }
}
