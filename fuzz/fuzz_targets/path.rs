//! Whatever a producer writes as a path: an accepted one names one object, safely.
#![no_main]

use libfuzzer_sys::fuzz_target;
use millrace_objects::{Endpoint, ObjectPath};

fuzz_target!(|text: &str| {
    let endpoint = Endpoint::new("minio:9000");
    let Ok(path) = ObjectPath::parse(text, Some(&endpoint)) else {
        return;
    };
    assert!(!path.bucket().contains('/'));
    assert!(path.key().len() <= 1024);
    let shown = path.to_string();
    assert!(!shown.contains(char::is_control));
    for segment in shown.split('/') {
        assert!(!matches!(segment, "" | "." | ".."), "{shown:?}");
    }
    // What the ledger holds names the same object again, unless the bucket reads like a scheme.
    if !path.bucket().contains(':') {
        assert_eq!(ObjectPath::parse(&shown, None), Ok(path));
    }
});
