//! Panics are log lines: a test of the whole process, because the hook is its own.

use millrace::config::{LogFormat, LogSettings};
use std::process::Command;

#[test]
fn a_panic_is_one_line_of_json() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "panic_on_purpose", "--nocapture"])
        .env("RUST_BACKTRACE", "1")
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");
    let stderr = String::from_utf8(child.stderr).unwrap();
    let lines: Vec<serde_json::Value> = stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1, "{stderr}");
    let line = &lines[0];
    assert_eq!(
        (&line["level"], &line["message"]),
        (&"ERROR".into(), &"panic: two\nlines".into())
    );
    assert_eq!(line["panic.thread"], "doomed");
    assert!(
        line["panic.location"]
            .as_str()
            .unwrap()
            .starts_with("tests/panics.rs:")
    );
    assert!(line.get("panic.backtrace").is_none(), "only at debug");
}

#[test]
#[ignore = "the child of the test above"]
fn panic_on_purpose() {
    millrace::telemetry::start(&LogSettings {
        format: Some(LogFormat::Json),
        ..LogSettings::default()
    });
    let doomed = std::thread::Builder::new().name("doomed".to_owned());
    let ended = doomed.spawn(|| panic!("two\nlines")).unwrap().join();
    assert!(ended.is_err());
}
