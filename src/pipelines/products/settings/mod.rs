//! What the pipeline of product events needs to know.

mod events;

use crate::config::{self, ArchiveGroup, Group, Processing, Reader, RecentSettings, WorkerCounts, groups};
use millrace_kafka::KafkaSettings;
use millrace_postgres::PostgresSettings;
use millrace_products::{
    event::Limits,
    write::{Keeping, Rules},
};

/// Everything that the pipeline needs to know.
#[derive(Clone)]
pub(crate) struct Settings {
    /// The brokers.
    pub(super) kafka: KafkaSettings,
    /// Where copies of rejected records go, where they go anywhere.
    pub(super) copies_to: Option<String>,
    /// What is read as an event.
    pub(super) limits: Limits,
    /// What is stored of one.
    pub(super) rules: Rules,
    /// For how long.
    pub(super) keeping: Keeping,
    /// The archive.
    pub(super) archive: ArchiveGroup,
    /// Where recent events are.
    pub(super) recent: RecentSettings,
    /// The database.
    pub(super) postgres: PostgresSettings,
    /// Actors of each kind.
    pub(super) workers: WorkerCounts,
    /// Bring the schema up to date at start.
    pub(super) auto_migrate: bool,
}

/// Its groups of settings, in the order of the documentation.
pub(super) static GROUPS: [&Group; 7] = [
    groups::KAFKA,
    groups::POSTGRES,
    groups::JSON,
    &events::GROUP,
    groups::ARCHIVE,
    groups::OBJECTS,
    groups::RECENT,
];

// === impl Settings ===

impl Settings {
    /// Reads everything; problems are the reader's.
    pub(super) fn read(reader: &mut Reader<'_>, shared: &Processing) -> Self {
        let (kafka, copies_to) = config::kafka(reader);
        let (postgres, auto_migrate) = config::postgres(reader, shared);
        let archive = config::archive(reader);
        let grace = archive.archive.grace;
        let mut events = events::read(reader, &kafka.group, grace, copies_to.is_some());
        let recent = config::recent(reader);
        if let RecentSettings::DynamoDb(projected) = &recent {
            events.rules.projects = true;
            events.keeping.journal = projected.journal;
        }
        Self {
            recent,
            limits: events.limits,
            rules: events.rules,
            keeping: events.keeping,
            archive,
            kafka,
            copies_to,
            postgres,
            workers: shared.workers,
            auto_migrate,
        }
    }
}
