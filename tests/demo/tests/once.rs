//! `make demo` as a newcomer runs it, small: it ends with 0, has counted everything, and leaves nothing.

use std::process::Command;

#[test]
fn it_accounts_for_every_event_and_cleans_up() {
    let demo = Command::new(env!("CARGO_BIN_EXE_millrace-demo"))
        .envs([("ONCE", "1"), ("DEMO_ITEMS", "600")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&demo.stdout);
    assert!(
        demo.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&demo.stderr)
    );
    for word in ["items/s", "post_analytics", "p99", "dead letters", "memory"] {
        assert!(said.contains(word), "nothing about {word} in:\n{said}");
    }
}
