//! The contract's own examples.

use crate::{OracleSettings, error_code, path, project};
use serde_json::Value;

fn cases(text: &str) -> Vec<Value> {
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    assert!(!cases.is_empty());
    cases
}

#[test]
fn paths() {
    for case in cases(include_str!("../../fixtures/path.json")) {
        let found = path::parse(case["minio_path"].as_str().unwrap(), None);
        let wanted = case["ok"].as_array().map(|ok| {
            let part = |at: usize| ok[at].as_str().unwrap().to_owned();
            (part(0), part(1))
        });
        assert_eq!(found, wanted, "{case}");
    }
}

#[test]
fn paths_as_urls_must_name_the_endpoint() {
    let bucket_and_key = Some(("b".to_owned(), "k/x.json".to_owned()));
    let endpoint = Some("http://minio:9000");
    assert_eq!(
        path::parse("http://minio:9000/b/k/x.json", endpoint),
        bucket_and_key
    );
    assert_eq!(
        path::parse("https://MINIO:9000/b/k/x.json", Some("minio:9000")),
        bucket_and_key
    );
    assert_eq!(path::parse("http://other:9000/b/k/x.json", endpoint), None);
    assert_eq!(path::parse("http://minio:9000/b/k/x.json", None), None);
}

#[test]
fn projects() {
    for case in cases(include_str!("../../fixtures/project.json")) {
        let job_id = case["job_id"].as_str().unwrap();
        let found = project::project_of(case["payload_project_id"].as_str(), job_id);
        assert_eq!(found.as_deref(), case["project_id"].as_str(), "{case}");
        assert_eq!(found.is_none(), case["is_dryrun"].as_bool().unwrap(), "{case}");
    }
}

#[test]
fn error_codes() {
    let settings = OracleSettings::default();
    for case in cases(include_str!("../../fixtures/error_code.json")) {
        let code = error_code::stored(case["sent"].as_str().map(str::to_owned));
        assert_eq!(case["error_code"], code);
        assert_eq!(case["error_category"], error_code::category(&code));
        assert_eq!(
            case["retryable"].as_bool(),
            error_code::retryable(&code, &settings),
            "{case}"
        );
    }
    assert_eq!(error_code::stored(None), "UNKNOWN_ERROR");
    assert_eq!(error_code::stored(Some(" timeout ".to_owned())), "TIMEOUT");
}
