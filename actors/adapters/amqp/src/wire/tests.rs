//! Whatever the properties are, the client library reads what is made of them, and can write it again.

use super::{Properties, properties};
use amqprs::{BasicProperties, FieldTable, FieldValue};
use proptest::{collection::vec, prelude::*};

/// A value with its type: mostly well-formed, with any bytes for text and an unknown type now and then.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let fixed = prop_oneof![
        Just((b'V', 0)),
        Just((b't', 1)),
        Just((b'b', 1)),
        Just((b'B', 1)),
        Just((b's', 2)),
        Just((b'u', 2)),
        Just((b'I', 4)),
        Just((b'i', 4)),
        Just((b'f', 4)),
        Just((b'D', 5)),
        Just((b'l', 8)),
        Just((b'L', 8)),
        Just((b'd', 8)),
        Just((b'T', 8)),
    ];
    let leaf = prop_oneof![
        8 => fixed.prop_flat_map(|(tag, size)| vec(any::<u8>(), size).prop_map(move |bytes| [&[tag], &bytes[..]].concat())),
        8 => vec(any::<u8>(), 0..20).prop_map(|bytes| long(b'S', &bytes)),
        4 => "\\PC{0,20}".prop_map(|text| long(b'S', text.as_bytes())),
        2 => vec(any::<u8>(), 0..20).prop_map(|bytes| long(b'x', &bytes)),
        1 => vec(any::<u8>(), 1..4),
    ];
    leaf.prop_recursive(8, 64, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|values| long(b'A', &values.concat())),
            entries(inner).prop_map(|entries| long(b'F', &entries)),
        ]
    })
}

/// Names, some of them twice, and values.
fn entries(value: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof!["[ab]{0,2}".prop_map(String::into_bytes), vec(any::<u8>(), 0..255)];
    let entry = (name, value).prop_map(|(name, value)| [short(&name), value].concat());
    vec(entry, 0..4).prop_map(|entries| entries.concat())
}

/// Flags, and what they say follows.
fn well_formed() -> impl Strategy<Value = Vec<u8>> {
    let text = || vec(any::<u8>(), 0..255).prop_map(|bytes| short(&bytes));
    (
        any::<u16>(),
        entries(value()),
        vec(text(), 14),
        vec(any::<u8>(), 10),
    )
        .prop_map(|(flags, headers, texts, numbers)| {
            let mut out = flags.to_be_bytes().to_vec();
            for (place, text) in texts.iter().enumerate() {
                match place {
                    _ if flags & (1 << (15 - place)) == 0 => {}
                    2 => out.extend_from_slice(&long(b'F', &headers)[1..]),
                    3 | 4 => out.push(numbers[place - 3]),
                    9 => out.extend_from_slice(&numbers[2..]),
                    _ => out.extend_from_slice(text),
                }
            }
            out
        })
}

fn short(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

fn long(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let size = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[tag][..], &size, bytes].concat()
}

fn read(bytes: &[u8]) -> BasicProperties {
    amqp_serde::from_bytes(bytes).unwrap_or_else(|error| panic!("the library cannot read {bytes:?}: {error}"))
}

/// What the library reads of these properties.
fn readable(bytes: &[u8]) -> BasicProperties {
    let read = match properties(bytes) {
        Properties::Fine => read(bytes),
        Properties::Repaired { bytes, .. } => {
            assert_eq!(properties(&bytes), Properties::Fine, "once is enough: {bytes:?}");
            read(&bytes)
        }
    };
    let written = amqp_serde::to_bytes(&read).unwrap();
    assert_eq!(
        properties(&written),
        Properties::Fine,
        "a copy is in order: {written:?}"
    );
    read
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..300)) {
        readable(&bytes);
    }

    #[test]
    fn any_properties(bytes in well_formed()) {
        readable(&bytes);
    }

    #[test]
    fn any_properties_that_are_cut_short_or_have_one_byte_changed(
        bytes in well_formed(),
        at in any::<prop::sample::Index>(),
        with in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = bytes;
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = with }
        readable(&bytes);
    }
}

/// What the library reads by itself is not touched.
#[test]
fn what_a_library_writes_is_fine() {
    let mut nested = FieldTable::new();
    nested.insert("k".try_into().unwrap(), FieldValue::S("chữ".try_into().unwrap()));
    let mut headers = FieldTable::new();
    headers.insert("t".try_into().unwrap(), FieldValue::F(nested));
    headers.insert("n".try_into().unwrap(), FieldValue::l(-1));
    headers.insert(
        "a".try_into().unwrap(),
        FieldValue::A(vec![FieldValue::V].try_into().unwrap()),
    );
    let all = BasicProperties::default()
        .with_headers(headers)
        .with_content_type("application/json")
        .with_app_id("crawler")
        .with_timestamp(1)
        .with_priority(2)
        .finish();
    assert_eq!(properties(&amqp_serde::to_bytes(&all).unwrap()), Properties::Fine);
    assert_eq!(properties(&[0, 0]), Properties::Fine);
}

#[test]
fn what_can_be_read_is_kept_and_what_cannot_is_named() {
    let header = |entries: &[u8]| [&[0x20, 0x08][..], &long(b'F', entries)[1..], b"\x03app"].concat();
    let deep = (0..100).fold(long(b'S', b"v"), |inner, _| long(b'A', &inner));
    let cases = [
        (
            [&b"\x01aS\0\0\0\x01v\x01b"[..], &deep].concat(),
            "headers nest deeper than 64 levels",
        ),
        (
            b"\x01aS\0\0\0\x01v\x01bZ".to_vec(),
            "a header is of the unknown type 'Z'",
        ),
        (
            b"\x01aS\0\0\0\x01v\x01bS\0\0\0\x09".to_vec(),
            "a header is cut short",
        ),
    ];
    for (entries, why) in cases {
        let bytes = header(&entries);
        let Properties::Repaired { lost, .. } = properties(&bytes) else {
            panic!("{why}: found fine")
        };
        assert_eq!(lost.as_deref(), Some(why));
        let read = readable(&bytes);
        assert_eq!(
            read.app_id().map(String::as_str),
            Some("app"),
            "what comes after the headers"
        );
        let headers = read.headers().unwrap();
        assert_eq!(
            headers.get(&"a".try_into().unwrap()),
            Some(&FieldValue::S("v".try_into().unwrap()))
        );
    }
}
