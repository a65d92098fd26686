//! The product on the real MinIO, on Azurite for Azure, on fake-gcs-server for Google, and its traces in the real Jaeger.
//! `make conformance` gets them all; a test whose
//! server is missing says aloud that it did not run, and fails with `CONFORMANCE_REQUIRE=1`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod clouds;
mod google;
mod minio;
mod tools;
mod traces;

#[path = "../batches/running.rs"]
#[expect(dead_code, reason = "not all of the pipeline's words are needed here")]
mod running;
#[path = "../batches/trial.rs"]
mod trial;
