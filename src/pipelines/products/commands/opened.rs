//! What the commands work with.

use crate::{
    config::{self, ConfigError, Reader, RecentSettings, Source},
    exit::Failure,
    pipelines::products::settings::Settings,
};
use anyhow::Context;
use millrace_dynamodb::Table;
use millrace_engine::Fault;
use millrace_postgres::{Database, Unanswered};
use millrace_products::{
    recent::{DynamoEvents, JournalEvents, NoAnswer, RecentStore},
    reports::Reports,
};
use std::sync::Arc;
use tokio::runtime::Handle;

/// The database, and the settings of the pipeline.
pub(super) struct Opened {
    pub(super) settings: Settings,
    pub(super) database: Database,
    pub(super) reports: Reports,
}

/// The settings of the pipeline alone.
///
/// # Errors
/// All that is wrong with them.
pub(super) fn settings(source: &Source) -> Result<Settings, ConfigError> {
    let mut reader = Reader::new(source);
    let shared = config::processing(&mut reader);
    let settings = Settings::read(&mut reader, &shared);
    reader.finish()?;
    Ok(settings)
}

// === impl Opened ===

impl Opened {
    pub(super) fn new(settings: Settings) -> anyhow::Result<Self> {
        let database = Database::new(&settings.postgres, &Handle::current()).context("DATABASE_URL")?;
        Ok(Self {
            reports: Reports::new(database.clone(), &settings.kafka.group),
            database,
            settings,
        })
    }

    /// The store of recent events.
    pub(super) fn recent(&self) -> Arc<dyn RecentStore> {
        match &self.settings.recent {
            RecentSettings::Journal => Arc::new(JournalEvents::new(self.database.clone())),
            RecentSettings::DynamoDb(projected) => {
                Arc::new(DynamoEvents::new(Table::new(projected.table.clone())))
            }
        }
    }
}

/// The database has no answer: 69.
pub(super) fn unanswered(why: Unanswered) -> Failure {
    Failure::unavailable(anyhow::anyhow!("the database has no answer: {why}"))
}

/// The recent store has no answer: 69.
pub(super) fn no_answer(why: NoAnswer) -> Failure {
    Failure::unavailable(anyhow::anyhow!("the recent store has no answer: {why}"))
}

/// A dependency is away: 69.
pub(super) fn away(fault: Fault) -> Failure {
    Failure::unavailable(fault)
}
