//! The only place that names tokio-postgres.
