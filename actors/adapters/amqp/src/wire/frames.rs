//! Splits what the broker sends into frames, and repairs those that the client library could not read.

use super::{
    content::{self, Properties},
    method,
    repairs::{Repair, Repairs},
};
use bytes::{Bytes, BytesMut};
use std::collections::HashMap;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const END: u8 = 0xCE;
/// Kind, channel, size.
const HEAD: usize = 7;
/// Class, weight and size of the body, before the properties.
const BEFORE_PROPERTIES: usize = 12;
/// Largest frame that is looked at; a larger one is passed on as it is. The broker's limit is 131,072 unless its
/// operator raised it.
const LARGEST: usize = 16 << 20;

/// Looks at all that comes from the broker on one connection. What is no frame that it knows is passed on as it is.
pub(super) struct Frames {
    repairs: Repairs,
    /// Bytes that are passed on without a look.
    passing: usize,
    /// On each channel the delivery whose content comes next.
    deliveries: HashMap<u16, u64>,
}

// === impl Frames ===

impl Frames {
    pub(super) fn new(repairs: Repairs) -> Self {
        Self {
            repairs,
            passing: 0,
            deliveries: HashMap::new(),
        }
    }

    /// Moves what is complete from `input` to `output`.
    pub(super) fn pass(&mut self, input: &mut BytesMut, output: &mut BytesMut) {
        loop {
            let passing = self.passing.min(input.len());
            output.extend_from_slice(&input.split_to(passing));
            self.passing -= passing;
            let Some(&[kind, a, b, c, d, e, f]) = input.first_chunk::<HEAD>() else {
                return;
            };
            if self.passing > 0 {
                return;
            }
            let size = usize::try_from(u32::from_be_bytes([c, d, e, f])).unwrap_or(usize::MAX);
            let whole = size.saturating_add(HEAD + 1);
            if !matches!(kind, METHOD | HEADER) || size > LARGEST {
                self.passing = whole;
                continue;
            }
            if input.len() < whole {
                input.reserve(whole - input.len());
                return;
            }
            let frame = input.split_to(whole).freeze();
            let payload = frame.slice(HEAD..HEAD + size);
            match self.repaired(kind, u16::from_be_bytes([a, b]), &payload) {
                Some(repaired) if frame.last() == Some(&END) => {
                    output.extend_from_slice(&[kind, a, b]);
                    let size = u32::try_from(repaired.len()).unwrap_or(u32::MAX);
                    output.extend_from_slice(&size.to_be_bytes());
                    output.extend_from_slice(&repaired);
                    output.extend_from_slice(&[END]);
                }
                _ => output.extend_from_slice(&frame),
            }
        }
    }

    /// The payload of a frame that has to be another; none where it may stay.
    fn repaired(&mut self, kind: u8, channel: u16, payload: &Bytes) -> Option<Vec<u8>> {
        if kind == HEADER {
            return self.content(channel, payload);
        }
        let repaired = method::repaired(payload);
        if let Some(tag) = method::delivery_tag(payload) {
            self.deliveries.insert(channel, tag);
            if repaired.is_some() {
                self.repairs.note(tag, Repair::default());
            }
        }
        repaired
    }

    fn content(&mut self, channel: u16, payload: &Bytes) -> Option<Vec<u8>> {
        // Content that follows another method, a return, is no delivery.
        let delivery = self.deliveries.remove(&channel);
        let (before, properties) = payload.split_at_checked(BEFORE_PROPERTIES)?;
        let Properties::Repaired { bytes, lost } = content::properties(properties) else {
            return None;
        };
        if let Some(tag) = delivery {
            let raw = payload.slice(BEFORE_PROPERTIES..);
            self.repairs.note(tag, Repair { raw, lost });
        }
        Some([before, &bytes].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
        let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[kind][..], &channel.to_be_bytes(), &size, payload, &[END]].concat()
    }

    fn deliver(tag: u64, key: &[u8]) -> Vec<u8> {
        let key_size = u8::try_from(key.len()).unwrap();
        let arguments = [
            &[0, 60, 0, 60, 1, b'c'][..],
            &tag.to_be_bytes(),
            &[0, 1, b'e', key_size],
            key,
        ];
        frame(METHOD, 1, &arguments.concat())
    }

    fn content(properties: &[u8]) -> Vec<u8> {
        frame(HEADER, 1, &[&[0; BEFORE_PROPERTIES], properties].concat())
    }

    /// All at once, and byte by byte.
    fn passed(stream: &[u8]) -> (Vec<u8>, Repairs) {
        let at_once = {
            let (mut input, mut output) = (BytesMut::from(stream), BytesMut::new());
            Frames::new(Repairs::default()).pass(&mut input, &mut output);
            output
        };
        let repairs = Repairs::default();
        let mut frames = Frames::new(repairs.clone());
        let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
        for byte in stream {
            input.extend_from_slice(&[*byte]);
            frames.pass(&mut input, &mut output);
        }
        assert_eq!(output, at_once);
        (output.to_vec(), repairs)
    }

    #[test]
    fn what_the_library_can_read_passes_as_it_is() {
        let stream = [
            deliver(1, b"k"),
            content(&[0, 8, 4, b'c', b'a', b'f', b'e']),
            frame(3, 1, b"body \xff"),
            frame(8, 0, b""),
            frame(METHOD, 1, &[0, 60, 0, 80, 0]),
        ]
        .concat();
        let (out, repairs) = passed(&stream);
        assert_eq!(out, stream);
        assert_eq!(repairs.take(1), None);
    }

    #[test]
    fn content_is_repaired_and_noted_for_its_delivery() {
        let properties = [0, 8, 4, b'c', b'a', b'f', 0xe9];
        let stream = [deliver(7, b"k"), content(&properties), frame(3, 1, b"body")].concat();
        let (out, repairs) = passed(&stream);
        let repaired = content(&[0, 8, 6, b'c', b'a', b'f', 0xef, 0xbf, 0xbd]);
        assert_eq!(out, [deliver(7, b"k"), repaired, frame(3, 1, b"body")].concat());
        let repair = repairs.take(7).unwrap();
        assert_eq!((&repair.raw[..], repair.lost), (&properties[..], None));
        assert_eq!(repairs.take(7), None, "it is told once");
    }

    #[test]
    fn text_of_methods_is_repaired() {
        let (out, repairs) = passed(&[deliver(7, b"\xff"), content(&[0, 0])].concat());
        assert_eq!(
            out,
            [deliver(7, "\u{fffd}".as_bytes()), content(&[0, 0])].concat()
        );
        assert_eq!(repairs.take(7), Some(Repair::default()));

        let close = |text: &[u8]| {
            let size = u8::try_from(text.len()).unwrap();
            let arguments = [&[0, 10, 0, 50, 1, 0x40, size][..], text, &[0; 4]];
            frame(METHOD, 0, &arguments.concat())
        };
        assert_eq!(passed(&close(b"bye \xe9")).0, close("bye \u{fffd}".as_bytes()));
    }

    #[test]
    fn what_is_no_frame_passes_as_it_is() {
        for stream in [
            &b"AMQP\0\0\x09\x01"[..],
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            &[METHOD, 0, 0, 0, 0, 0, 0, END],
            &[HEADER, 0, 0, 0, 0, 0, 0, 0],
            &frame(77, 1, b"unheard of"),
        ] {
            assert_eq!(passed(stream).0, stream);
        }
    }
}
