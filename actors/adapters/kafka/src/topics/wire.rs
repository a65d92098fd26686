//! The bytes of the few requests that are needed, as the protocol guide of Kafka describes them.

use super::Topic;
use std::{collections::BTreeMap, io};
use uuid::Uuid;

const METADATA: (i16, i16) = (3, 10);
const SASL_HANDSHAKE: (i16, i16) = (17, 1);
const SASL_AUTHENTICATE: (i16, i16) = (36, 1);

/// Reads what a broker answered.
struct Reader<'a>(&'a [u8]);

/// Asks about topics, and makes none.
pub(super) fn metadata(client: &str, topics: &[&str]) -> Vec<u8> {
    let mut request = header(METADATA, client);
    request.push(0); // tags of the header
    put_varint(&mut request, topics.len() + 1);
    for topic in topics {
        request.extend([0; 16]); // by name and not by id
        put_varint(&mut request, topic.len() + 1);
        request.extend(topic.as_bytes());
        request.push(0);
    }
    request.extend([0, 0, 0, 0]); // make none, no rights of cluster and topics, no tags
    request
}

/// The topics that are there; those that are missing are left out.
pub(super) fn read_metadata(answer: &[u8]) -> io::Result<BTreeMap<String, Topic>> {
    let mut reader = Reader(answer);
    reader.skip(4)?; // correlation
    reader.tags()?;
    reader.skip(4)?; // throttle time
    for _ in 0..reader.array()? {
        reader.skip(4)?; // node
        reader.text()?;
        reader.skip(4)?; // port
        reader.text()?;
        reader.tags()?;
    }
    reader.text()?; // cluster
    reader.skip(4)?; // controller
    let mut topics = BTreeMap::new();
    for _ in 0..reader.array()? {
        let code = reader.i16()?;
        let name = reader.text()?;
        let id = Uuid::from_bytes(reader.bytes()?);
        reader.skip(1)?; // is internal
        let partitions = reader.array()?;
        for _ in 0..partitions {
            reader.skip(2 + 4 + 4 + 4)?; // error, index, leader, epoch
            for _ in 0..3 {
                let replicas = reader.array()?;
                reader.skip(4 * replicas)?;
            }
            reader.tags()?;
        }
        reader.skip(4)?; // rights
        reader.tags()?;
        if code == 0 {
            let id = (!id.is_nil()).then_some(id);
            topics.insert(name, Topic { id, partitions });
        }
    }
    Ok(topics)
}

/// Says by which mechanism we log in.
pub(super) fn sasl_handshake(client: &str, mechanism: &str) -> Vec<u8> {
    let mut request = header(SASL_HANDSHAKE, client);
    put_text(&mut request, mechanism);
    request
}

/// Whether the broker knows the mechanism.
pub(super) fn read_sasl_handshake(answer: &[u8]) -> io::Result<()> {
    let mut reader = Reader(answer);
    reader.skip(4)?;
    match reader.i16()? {
        0 => Ok(()),
        code => Err(io::Error::other(format!(
            "the login's mechanism is refused with error {code}"
        ))),
    }
}

/// A step of the login.
pub(super) fn sasl_authenticate(client: &str, token: &[u8]) -> Vec<u8> {
    let mut request = header(SASL_AUTHENTICATE, client);
    request.extend(u32::try_from(token.len()).unwrap_or(0).to_be_bytes());
    request.extend(token);
    request
}

/// The broker's step.
pub(super) fn read_sasl_authenticate(answer: &[u8]) -> io::Result<Vec<u8>> {
    let mut reader = Reader(answer);
    reader.skip(4)?;
    let code = reader.i16()?;
    let length = usize::try_from(reader.i16()?).unwrap_or(0);
    let words = String::from_utf8_lossy(reader.take(length)?).into_owned();
    if code != 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, words));
    }
    let length = usize::try_from(reader.i32()?).unwrap_or(0);
    Ok(reader.take(length)?.to_vec())
}

fn header((api, version): (i16, i16), client: &str) -> Vec<u8> {
    let mut request = Vec::new();
    request.extend(api.to_be_bytes());
    request.extend(version.to_be_bytes());
    request.extend(1_i32.to_be_bytes()); // correlation: one question at a time
    put_text(&mut request, client);
    request
}

fn put_text(request: &mut Vec<u8>, text: &str) {
    request.extend(i16::try_from(text.len()).unwrap_or(0).to_be_bytes());
    request.extend(text.as_bytes());
}

fn put_varint(request: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        request.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    request.push((number & 0x7f) as u8);
}

// === impl Reader ===

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        self.0 = rest;
        Ok(taken)
    }

    fn skip(&mut self, count: usize) -> io::Result<()> {
        self.take(count).map(drop)
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        self.take(N)?.try_into().map_err(io::Error::other)
    }

    fn i16(&mut self) -> io::Result<i16> {
        self.bytes().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> io::Result<i32> {
        self.bytes().map(i32::from_be_bytes)
    }

    fn varint(&mut self) -> io::Result<usize> {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let [byte] = self.bytes()?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(io::Error::from(io::ErrorKind::InvalidData))
    }

    /// The length of an array; of one that is null, 0.
    fn array(&mut self) -> io::Result<usize> {
        Ok(self.varint()?.saturating_sub(1))
    }

    fn text(&mut self) -> io::Result<String> {
        let length = self.array()?;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn tags(&mut self) -> io::Result<()> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let length = self.varint()?;
            self.skip(length)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_answer_of_any_bytes_is_read_or_refused(answer in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_metadata(&answer);
            let _ = read_sasl_authenticate(&answer);
            let _ = read_sasl_handshake(&answer);
        }
    }

    #[test]
    fn lengths_take_as_many_bytes_as_they_need() {
        for number in [0, 1, 127, 128, 300, 16_384, 70_000] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, number);
            assert_eq!(Reader(&bytes).varint().expect("a number"), number);
        }
    }
}
