//! The client's first words. The library says what we made up for it, and the broker hears who we are.

use crate::Broker;
use amqp_serde::types::{FieldTable, FieldValue, LongStr, ShortStr};
use secrecy::{ExposeSecret, SecretString};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const METHOD: u8 = 1;
const END: u8 = 0xCE;
/// `connection.start-ok`.
const START_OK: [u8; 4] = [0, 10, 0, 11];
/// Largest frame before the limits are agreed upon (AMQP 0-9-1, 4.2.3).
const LARGEST: u32 = 4_096;

/// Who we are.
pub(super) struct Login {
    /// What the library calls itself to be known from any other client that connects to the relay.
    pub(super) countersign: String,
    /// How the broker's operators see the connection.
    pub(super) name: String,
    pub(super) user: String,
    /// Without one our certificate says who we are.
    pub(super) password: Option<SecretString>,
}

// === impl Login ===

impl Login {
    pub(super) fn new(name: &str, broker: &Broker) -> Self {
        Self {
            countersign: uuid::Uuid::new_v4().to_string(),
            name: name.to_owned(),
            user: broker.user.clone(),
            password: broker.password.clone(),
        }
    }

    /// Passes the protocol header on, and our login instead of the library's.
    pub(super) async fn pass(
        self,
        client: &mut (impl AsyncRead + Unpin),
        broker: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        let mut protocol = [0; 8];
        client.read_exact(&mut protocol).await?;
        broker.write_all(&protocol).await?;
        broker.flush().await?;
        let mut head = [0; 7];
        client.read_exact(&mut head).await?;
        let [kind, .., a, b, c, d] = head;
        let size = u32::from_be_bytes([a, b, c, d]);
        if kind != METHOD || size > LARGEST {
            return Err(not_the_library());
        }
        let mut payload = vec![0; usize::try_from(size).unwrap_or_default() + 1];
        client.read_exact(&mut payload).await?;
        let countersigned = payload
            .windows(self.countersign.len())
            .any(|part| part == self.countersign.as_bytes());
        if !payload.starts_with(&START_OK) || !countersigned {
            return Err(not_the_library());
        }
        broker.write_all(&self.start_ok()?).await?;
        broker.flush().await
    }

    fn start_ok(&self) -> io::Result<Vec<u8>> {
        let (mechanism, response) = match &self.password {
            Some(password) => ("PLAIN", format!("\0{}\0{}", self.user, password.expose_secret())),
            None => ("EXTERNAL", String::new()),
        };
        let locale: ShortStr = "en_US".try_into().map_err(io::Error::other)?;
        let mechanism: ShortStr = mechanism.try_into().map_err(io::Error::other)?;
        let response = LongStr::try_from(response).map_err(io::Error::other)?;
        let arguments = (self.properties()?, mechanism, response, locale);
        let arguments = amqp_serde::to_bytes(&arguments).map_err(io::Error::other)?;
        let size = u32::try_from(START_OK.len() + arguments.len()).map_err(io::Error::other)?;
        let head = [&[METHOD, 0, 0][..], &size.to_be_bytes()].concat();
        Ok([&head, &START_OK[..], &arguments, &[END]].concat())
    }

    /// What the broker shows its operators of us, and what it may send.
    fn properties(&self) -> io::Result<FieldTable> {
        let mut can = FieldTable::new();
        can.insert(key("consumer_cancel_notify")?, true.into());
        let mut properties = FieldTable::new();
        for (name, value) in [
            ("connection_name", self.name.as_str()),
            ("product", "millrace"),
            ("platform", "Rust"),
            ("version", env!("CARGO_PKG_VERSION")),
        ] {
            let value = LongStr::try_from(value).map_err(io::Error::other)?;
            properties.insert(key(name)?, FieldValue::S(value));
        }
        properties.insert(key("capabilities")?, FieldValue::F(can));
        Ok(properties)
    }
}

fn key(name: &str) -> io::Result<ShortStr> {
    name.try_into().map_err(io::Error::other)
}

fn not_the_library() -> io::Error {
    io::Error::new(
        io::ErrorKind::PermissionDenied,
        "another client connected to the relay between the client library and the broker",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use amqprs::BasicProperties;

    fn login() -> Login {
        Login {
            countersign: "a word of chance".to_owned(),
            name: "millrace pod-1".to_owned(),
            user: "crawler".to_owned(),
            password: Some("secret".to_owned().into()),
        }
    }

    /// The library's first words with this for a name.
    fn first_words(name: &str) -> Vec<u8> {
        let size = u32::try_from(START_OK.len() + name.len()).unwrap().to_be_bytes();
        [
            b"AMQP\0\0\x09\x01",
            &[METHOD, 0, 0][..],
            &size,
            &START_OK,
            name.as_bytes(),
            &[END],
        ]
        .concat()
    }

    async fn passed(words: &[u8]) -> (io::Result<()>, Vec<u8>) {
        let (mut client, mut broker) = (words, Vec::new());
        let passed = login().pass(&mut client, &mut broker).await;
        (passed, broker)
    }

    #[tokio::test]
    async fn the_broker_hears_who_we_are() {
        let (passed, heard) = passed(&first_words("a word of chance")).await;
        passed.unwrap();
        let heard = String::from_utf8_lossy(&heard);
        for word in [
            "AMQP",
            "PLAIN",
            "\0crawler\0secret",
            "millrace pod-1",
            "consumer_cancel_notify",
        ] {
            assert!(heard.contains(word), "{word}: {heard:?}");
        }
        assert!(!heard.contains("a word of chance"), "{heard:?}");
    }

    #[tokio::test]
    async fn another_client_on_loopback_gets_nothing_of_us() {
        let mut header = first_words("a word of chance");
        header[8] = 2;
        for words in [
            first_words("another client"),
            header,
            b"AMQP\0\0\x09\x01\x01\0\0\xff\xff\xff\xff".to_vec(),
        ] {
            let (passed, heard) = passed(&words).await;
            assert_eq!(passed.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
            assert_eq!(heard, b"AMQP\0\0\x09\x01");
        }
    }

    /// What we write the library could read, so the broker can.
    #[test]
    fn the_login_is_well_formed() {
        let start_ok = login().start_ok().unwrap();
        let size = u32::from_be_bytes(*start_ok[3..].first_chunk().unwrap()) as usize;
        assert_eq!(start_ok.len(), 7 + size + 1);
        let table = u32::from_be_bytes(*start_ok[11..].first_chunk().unwrap()) as usize;
        let headers = [&[0x20, 0][..], &start_ok[11..15 + table]].concat();
        assert!(amqp_serde::from_bytes::<BasicProperties>(&headers).is_ok());
    }
}
