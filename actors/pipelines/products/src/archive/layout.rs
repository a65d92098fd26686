//! Where in the archive an event, a file and an hour are.

use super::Layout;
use jiff::{Timestamp, tz::TimeZone};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use std::{borrow::Cow, fmt::Write};
use uuid::Uuid;

/// What stands for itself in a key, beside letters and digits.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'.');

/// The longest id in a key. A longer one is cut there and told apart by its hash.
const LONGEST: usize = 200;

/// How a file of lines ends.
const LINES: &str = ".ndjson.zst";
/// How the object of an event ends.
const EVENT: &str = ".json";
/// The object that says that an hour is closed.
const CLOSED: &str = "_CLOSED";

/// The folder of an hour, without a `/` at its end.
pub(super) fn folder(prefix: &str, hour: Timestamp) -> String {
    let hour = hour.to_zoned(TimeZone::UTC);
    format!("{prefix}events/{}", hour.strftime("%Y/%m/%d/%H"))
}

/// The key of a file. With an object for each event there is none of this key: it names the file in the table.
pub(super) fn file_key(layout: Layout, folder: &str, seq: i64, late: bool, file_id: Uuid) -> String {
    let late = if late { "late-" } else { "" };
    let end = match layout {
        Layout::Hourly => LINES,
        Layout::PerEvent => "",
    };
    format!("{folder}/{late}{seq:06}-{file_id}{end}")
}

/// The key of an event's own object.
pub(super) fn event_key(folder: &str, event_id: &str) -> String {
    format!("{folder}/{}{EVENT}", encoded(event_id))
}

/// The key of the object that says that an hour is closed.
pub(super) fn marker_key(folder: &str) -> String {
    format!("{folder}/{CLOSED}")
}

/// The folder of a key.
pub(super) fn folder_of(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// How a planned file was to be laid out, whatever the settings say by now.
pub(super) fn layout_of(key: &str) -> Layout {
    match key.ends_with(LINES) {
        true => Layout::Hourly,
        false => Layout::PerEvent,
    }
}

/// An id as a part of a key.
pub fn encoded(id: &str) -> Cow<'_, str> {
    let encoded: Cow<'_, str> = match id {
        // Alone they would name a folder.
        "." | ".." => id.replace('.', "%2E").into(),
        _ => utf8_percent_encode(id, ENCODED).into(),
    };
    if encoded.len() <= LONGEST {
        return encoded;
    }
    format!("{}~{}", &encoded[..LONGEST], &hex(&Sha256::digest(id))[..16]).into()
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a string takes all");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const HOUR: &str = "2026-01-02T03:00:00Z";

    fn hour() -> Timestamp {
        HOUR.parse().unwrap()
    }

    #[test]
    fn keys_are_as_the_contract_says() {
        let folder = folder("p/", hour());
        assert_eq!(folder, "p/events/2026/01/02/03");
        let id = Uuid::from_u128(7);
        assert_eq!(
            file_key(Layout::Hourly, &folder, 12, false, id),
            "p/events/2026/01/02/03/000012-00000000-0000-0000-0000-000000000007.ndjson.zst"
        );
        assert_eq!(
            file_key(Layout::Hourly, &folder, 1, true, id),
            "p/events/2026/01/02/03/late-000001-00000000-0000-0000-0000-000000000007.ndjson.zst"
        );
        for layout in [Layout::Hourly, Layout::PerEvent] {
            let key = file_key(layout, &folder, 1, true, id);
            assert_eq!((layout_of(&key), folder_of(&key)), (layout, &*folder));
        }
        assert_eq!(event_key(&folder, "a/b"), "p/events/2026/01/02/03/a%2Fb.json");
        assert_eq!(marker_key(&folder), "p/events/2026/01/02/03/_CLOSED");
    }

    #[test]
    fn hostile_ids_are_encoded() {
        let cases = [
            ("aZ9_-.", "aZ9_-."),
            (".", "%2E"),
            ("..", "%2E%2E"),
            ("...", "..."),
            ("../x", "..%2Fx"),
            ("a b~%\u{0}", "a%20b%7E%25%00"),
            ("ü", "%C3%BC"),
            ("", ""),
        ];
        for (id, expected) in cases {
            assert_eq!(encoded(id), expected, "{id:?}");
        }
        assert_eq!(encoded(&"x".repeat(200)), "x".repeat(200));
        let long = encoded(&"x".repeat(201)).into_owned();
        let hash = &hex(&Sha256::digest("x".repeat(201)))[..16];
        assert_eq!(long, format!("{}~{hash}", "x".repeat(200)));
        assert_eq!(hash.len(), 16);
    }

    proptest! {
        #[test]
        fn two_ids_never_have_one_key(ids in prop::collection::vec("\\PC{0,4}|[./%~]{0,3}|[ü/]{90,110}", 2..40)) {
            let mut seen: BTreeMap<String, String> = BTreeMap::new();
            for id in ids {
                let key = encoded(&id).into_owned();
                prop_assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.%~".contains(&byte)), "{}", key);
                prop_assert!(key.len() <= LONGEST + 17);
                prop_assert!(key != "." && key != "..");
                let before = seen.insert(key, id.clone());
                prop_assert!(before.is_none_or(|before| before == id));
            }
        }
    }
}
