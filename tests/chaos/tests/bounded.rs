//! `make chaos`, short: one seed, every kind of fault that fits, and an oracle that must agree.

use std::process::Command;

use serde_json::Value;

/// Its first faults are many and of many kinds.
const SEED: &str = "18";
const MINUTES: &str = "1.5";

#[test]
fn twenty_faults_lose_double_and_dead_letter_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("summary.json");
    let chaos = Command::new(env!("CARGO_BIN_EXE_millrace-chaos"))
        .args(["--seed", SEED, "--minutes", MINUTES, "--json"])
        .arg(&json)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&chaos.stdout);
    let complaint = String::from_utf8_lossy(&chaos.stderr);
    assert!(chaos.status.success(), "{said}\n{complaint}");

    let summary: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let findings = &summary["findings"];
    for wrong in ["lost", "doubled", "moved_backwards", "different"] {
        assert_eq!(findings[wrong], 0, "{wrong}\n{said}");
    }
    assert_eq!(
        findings["unexpected_dead_letters"],
        serde_json::json!({}),
        "{said}"
    );
    assert_eq!(summary["drained"], true, "{said}");
    assert!(summary["schedule"].as_array().unwrap().len() >= 20, "{said}");
    assert!(findings["obligations"].as_u64().unwrap() > 20_000, "{said}");
}
