//! Properties of messages as bytes: their flags, then those that the flags name.

/// What a producer calls it, and its bytes.
pub(super) type Case = (&'static str, Vec<u8>);

const HEADERS: u16 = 1 << 13;
const APP_ID: u16 = 1 << 3;
/// The text properties that the broker does not look into, by their bits.
const TEXTS: [(&str, u16); 8] = [
    ("content_type", 1 << 15),
    ("content_encoding", 1 << 14),
    ("correlation_id", 1 << 10),
    ("reply_to", 1 << 9),
    ("message_id", 1 << 7),
    ("type", 1 << 5),
    ("app_id", APP_ID),
    ("cluster_id", 1 << 2),
];

pub(super) fn app_id(bytes: &[u8]) -> Vec<u8> {
    [&APP_ID.to_be_bytes()[..], &short(bytes)].concat()
}

/// Properties of headers alone; a value begins with its type.
pub(super) fn headers(entries: &[(&[u8], Vec<u8>)]) -> Vec<u8> {
    [&HEADERS.to_be_bytes()[..], &table(entries)].concat()
}

pub(super) fn text(bytes: &[u8]) -> Vec<u8> {
    [b"S", &long(bytes)[..]].concat()
}

/// Bytes of Latin-1 wherever text is due.
pub(super) fn not_text() -> Vec<Case> {
    let latin1: &[u8] = b"caf\xe9";
    let plain = |name: &'static [u8]| (name, text(b"v"));
    let nested = |inner: &[(&[u8], Vec<u8>)]| [b"F", &table(inner)[..]].concat();
    let mut cases: Vec<Case> = TEXTS
        .iter()
        .map(|(name, bit)| (*name, [&bit.to_be_bytes()[..], &short(latin1)].concat()))
        .collect();
    cases.extend([
        (
            "a header's value",
            headers(&[plain(b"a"), (b"b", text(latin1)), plain(b"c")]),
        ),
        ("a header's name", headers(&[plain(b"a"), (latin1, text(b"v"))])),
        (
            "a nested name",
            headers(&[(b"t", nested(&[(latin1, text(b"v")), plain(b"b")]))]),
        ),
        (
            "a nested value",
            headers(&[(b"t", nested(&[(b"a", text(latin1))]))]),
        ),
        (
            "a value in an array",
            headers(&[(b"l", array(&[text(latin1), text(b"v")]))]),
        ),
        ("the longest short text", app_id(&[0xe9; 255])),
    ]);
    cases
}

/// A type of header that the broker reads and the client library does not.
pub(super) fn of_another_type() -> Vec<u8> {
    headers(&[(b"L", [b"L", &7u64.to_be_bytes()[..]].concat())])
}

/// A frame full of nothing but depth, and one that is only somewhat too deep.
pub(super) fn too_deep() -> Vec<Case> {
    let deep = |what, tag: &[u8], name: &[u8], levels: usize| {
        let innermost = text(b"v");
        let step = tag.len() + 4 + name.len();
        let mut value = Vec::new();
        for inside in (0..levels).rev() {
            let size = name.len() + inside * step + innermost.len();
            value.extend([tag, &u32::try_from(size).unwrap().to_be_bytes(), name].concat());
        }
        value.extend(innermost);
        (what, headers(&[(b"kept", text(b"yes")), (b"deep", value)]))
    };
    vec![
        deep("tables", b"F", b"\x01k", 100),
        deep("arrays", b"A", b"", 100),
        deep("as many tables as fit", b"F", b"\x01k", 18_000),
        deep("as many arrays as fit", b"A", b"", 26_000),
    ]
}

/// What the protocol or the broker allows, and who copies it must get right.
pub(super) fn odd_but_legal() -> Vec<Case> {
    let value = |tag: u8, bytes: &[u8]| [&[tag], bytes].concat();
    let every = [
        (&b"bool"[..], value(b't', &[1])),
        (b"i8", value(b'b', &[0x80])),
        (b"u8", value(b'B', &[0xff])),
        (b"i16", value(b's', &[0x80, 0])),
        (b"u16", value(b'u', &[0xff, 0xff])),
        (b"i32", value(b'I', &[0x80, 0, 0, 0])),
        (b"u32", value(b'i', &[0xff; 4])),
        (b"i64", value(b'l', &[0x80, 0, 0, 0, 0, 0, 0, 0])),
        (b"f32", value(b'f', &1.5f32.to_be_bytes())),
        (b"f64", value(b'd', &1.5f64.to_be_bytes())),
        (b"decimal", value(b'D', &[2, 0, 0, 0, 42])),
        (b"text", text("chữ".as_bytes())),
        (b"empty", text(b"")),
        (b"time", value(b'T', &1_700_000_000u64.to_be_bytes())),
        (b"void", value(b'V', &[])),
        (b"bytes", value(b'x', &long(b"\xff\xfe"))),
        (b"list", array(&[])),
        (b"table", value(b'F', &table(&[]))),
    ];
    let twice = [(&b"k"[..], text(b"first")), (b"k", text(b"second"))];
    let nested = [(&b"t"[..], value(b'F', &table(&twice)))];
    vec![
        ("every type", headers(&every)),
        ("twice", headers(&twice)),
        ("twice, nested", headers(&nested)),
        ("none", vec![0, 0]),
        ("no headers in the table", headers(&[])),
        ("a name without letters", headers(&[(b"", text(b"v"))])),
        (
            "our name twice",
            headers(&[
                (&b"x-millrace-reason"[..], text(b"a")),
                (b"x-millrace-reason", text(b"b")),
            ]),
        ),
    ]
}

fn array(values: &[Vec<u8>]) -> Vec<u8> {
    [b"A", &long(&values.concat())[..]].concat()
}

fn table(entries: &[(&[u8], Vec<u8>)]) -> Vec<u8> {
    let entries: Vec<_> = entries
        .iter()
        .map(|(name, value)| [&short(name)[..], value].concat())
        .collect();
    long(&entries.concat())
}

fn short(bytes: &[u8]) -> Vec<u8> {
    let size = u8::try_from(bytes.len()).unwrap();
    [&[size], bytes].concat()
}

fn long(bytes: &[u8]) -> Vec<u8> {
    let size = u32::try_from(bytes.len()).unwrap();
    [&size.to_be_bytes()[..], bytes].concat()
}
