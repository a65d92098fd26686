//! From items to the bytes of an object: shapes of JSON, kinds of compression.

use super::{batch::ObjectUpload, quirk};
use serde_json::{Value, json};
use std::io::Write;

/// How an object is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// JSON.
    Plain,
    /// Compressed, and the key says so.
    Zst,
    /// Compressed; only `compressed: true` says so.
    MarkedCompressed,
    /// Compressed; only `compression-algorithm: zstd` says so.
    MarkedZstd,
    /// Compressed; only the content says so.
    Unmarked,
    /// Several frames, cut anywhere.
    ManyFrames,
    /// A skippable frame before and after the data.
    SkippableFrames,
    /// A frame that does not tell its content size.
    NoContentSize,
    /// JSON under a key that claims otherwise.
    FalseZst,
    /// With a byte order mark.
    Bom,
    /// With a byte order mark, compressed.
    BomZst,
    /// `{"items": […]}`.
    Wrapped,
    /// Over many lines.
    Pretty,
    /// One object a line.
    Lines,
    /// With NULs behind it.
    Padded,
}

const HOSTILE: [Packing; 15] = {
    use Packing::*;
    [
        Plain,
        Zst,
        MarkedCompressed,
        MarkedZstd,
        Unmarked,
        ManyFrames,
        SkippableFrames,
        NoContentSize,
        FalseZst,
        Bom,
        BomZst,
        Wrapped,
        Pretty,
        Lines,
        Padded,
    ]
};

const LEVEL: i32 = 3;

// === impl Packing ===

impl Packing {
    /// Packings take turns, so that a small corpus has them all.
    pub(super) fn of(batch: u64, hostile: bool) -> Self {
        if hostile {
            HOSTILE[batch as usize % HOSTILE.len()]
        } else if batch % 5 < 2 {
            Self::Zst
        } else {
            Self::Plain
        }
    }

    /// The object; `alone`: a batch of one item is written without an array.
    pub(super) fn pack(self, bucket: &str, stem: &str, items: Vec<Value>, alone: bool) -> ObjectUpload {
        let text = self.text(items, alone);
        let (suffix, body, metadata): (&str, Vec<u8>, &[(&str, &str)]) = match self {
            Self::Plain | Self::Bom | Self::Wrapped | Self::Pretty | Self::Lines | Self::Padded => {
                (".json", text, &[])
            }
            Self::FalseZst => (".json.zst", text, &[]),
            Self::Zst | Self::BomZst => (".json.zst", sized_frame(&text), &[]),
            Self::MarkedCompressed => (".json", sized_frame(&text), &[("compressed", "True")]),
            Self::MarkedZstd => (
                ".json",
                unsized_frame(&text),
                &[("compression-algorithm", "zstd")],
            ),
            Self::Unmarked => (".json", sized_frame(&text), &[]),
            Self::ManyFrames => (".json.zst", many_frames(&text), &[]),
            Self::SkippableFrames => (".json.zst", among_skippable(sized_frame(&text)), &[]),
            Self::NoContentSize => (".json.zst", unsized_frame(&text), &[]),
        };
        ObjectUpload {
            bucket: bucket.to_owned(),
            key: format!("{stem}{suffix}"),
            body: body.into(),
            metadata: metadata
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    fn text(self, mut items: Vec<Value>, alone: bool) -> Vec<u8> {
        if self == Self::Lines && items.iter().all(Value::is_object) && !items.is_empty() {
            let line = |item: &Value| format!("{}\r\n\n", quirk::written(&item.to_string()));
            return items.iter().map(line).collect::<String>().into_bytes();
        }
        let value = match items.pop() {
            Some(only) if alone && items.is_empty() && self != Self::Wrapped => only,
            last => Value::Array(items.into_iter().chain(last).collect()),
        };
        let text = match self {
            Self::Pretty => format!("{value:#}\n"),
            Self::Wrapped => json!({ "items": value }).to_string(),
            Self::Bom | Self::BomZst => format!("\u{feff}{value}"),
            Self::Padded => format!("{value}\0\0\0"),
            _ => value.to_string(),
        };
        quirk::written(&text).into_bytes()
    }
}

/// One frame that tells its content size.
pub(super) fn sized_frame(text: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(text, LEVEL).expect("compressing into memory")
}

fn unsized_frame(text: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL).expect("a new encoder");
    encoder.include_contentsize(false).expect("a known parameter");
    encoder.write_all(text).expect("compressing into memory");
    encoder.finish().expect("compressing into memory")
}

fn many_frames(text: &[u8]) -> Vec<u8> {
    let third = text.len() / 3;
    let mut frames = sized_frame(&text[..third]);
    frames.extend(unsized_frame(&text[third..2 * third]));
    frames.extend(sized_frame(&text[2 * third..]));
    frames
}

fn among_skippable(frame: Vec<u8>) -> Vec<u8> {
    let skippable = |number: u8, content: &[u8]| {
        let mut bytes = vec![0x50 + number, 0x2a, 0x4d, 0x18];
        bytes.extend((content.len() as u32).to_le_bytes());
        bytes.extend(content);
        bytes
    };
    [skippable(3, b"index"), frame, skippable(0, b"")].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compressed_packing_unpacks_to_the_same_text() {
        let items = vec![
            json!({"meta": {"id": "1"}}),
            json!({"content": "ü".repeat(5_000)}),
        ];
        let plain = Packing::Plain.pack("b", "k", items.clone(), false).body;
        for packing in HOSTILE.into_iter().filter(|packing| *packing != Packing::Lines) {
            let body = packing.pack("b", "k", items.clone(), false).body;
            let text = if body.starts_with(b"[") || body.starts_with(b"{") || body.starts_with(b"\xef") {
                body.to_vec()
            } else {
                zstd::decode_all(&body[..]).unwrap()
            };
            let text = String::from_utf8(text).unwrap();
            let value: Value = serde_json::from_str(text.trim_matches(['\u{feff}', '\0'])).unwrap();
            let items = value.get("items").unwrap_or(&value);
            assert_eq!(items.to_string().as_bytes(), &plain[..], "{packing:?}");
        }
    }

    #[test]
    fn lines_hold_an_object_each() {
        let text = Packing::Lines.text(vec![json!({"a": 1}), json!({"b": 2})], false);
        assert_eq!(text, b"{\"a\":1}\r\n\n{\"b\":2}\r\n\n");
    }

    #[test]
    fn a_lone_surrogate_becomes_an_escape() {
        let text = Packing::Plain.text(vec![json!(format!("a{}b", quirk::LONE_SURROGATE))], false);
        assert_eq!(text, br#"["a\ud83db"]"#);
    }
}
