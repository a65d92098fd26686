//! The dependencies as the commands see them: a probe for each, and the migrations of the database.

use crate::config::Config;
use crate::exit::Failure;
use crate::probe::Probe;
use millrace_actors::writer::PostgresSettings;

/// One step of the schema.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Migration {
    /// Position, from 1.
    pub version: i32,
    /// What it does.
    pub name: String,
}

/// A round trip to each dependency of the service, in the order of the data.
pub fn probes(config: &Config) -> Vec<Probe> {
    let _ = config;
    let unwired = |name| Probe::new(name, || async { Err("not wired yet".to_owned()) });
    ["rabbitmq", "object_store", "database"].map(unwired).into()
}

/// The migrations that the database lacks. Changes nothing.
///
/// # Errors
/// The database is not available.
pub async fn pending(settings: &PostgresSettings) -> Result<Vec<Migration>, Failure> {
    let _ = settings;
    Err(anyhow::anyhow!("migrations are not wired yet").into())
}

/// Applies them, and says which.
///
/// # Errors
/// The database is not available, or a migration failed.
pub async fn migrate(settings: &PostgresSettings) -> Result<Vec<Migration>, Failure> {
    let _ = settings;
    Err(anyhow::anyhow!("migrations are not wired yet").into())
}
