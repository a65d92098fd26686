//! The program with one more pipeline.

mod sink;
mod source;

use millrace::{
    config::{Group, Processing, Reader, Setting, Text, groups, postgres},
    pipeline::{Configured, Pipeline, Prepared, Start},
};
use millrace_engine::{Build, ByteBudget, Limits, Load, Port};
use millrace_postgres::{Database, Migrations, PostgresSettings, Transactions};
use prometheus_client::registry::Registry;
use sink::{Notes, Upsert};
use source::{Progress, Spool};
use std::{path::PathBuf, process::ExitCode, sync::Arc};
use tokio::runtime::Handle;

/// Files in a folder become rows of a table.
struct Spooling;

/// The same with its settings.
struct Settings {
    folder: PathBuf,
    database: PostgresSettings,
}

const NAME: &str = "spool";

static FOLDER: Setting<Text> = Setting::required("SPOOL_FOLDER", Text, "Folder whose files become notes.");
static OWN: Group = Group {
    title: "Spool",
    settings: &[&FOLDER],
};
static GROUPS: [&Group; 2] = [&OWN, groups::POSTGRES];

const MIGRATIONS: Migrations = Migrations {
    all: || {
        let sql = "CREATE TABLE notes (name text PRIMARY KEY, body text, read_at timestamptz)";
        let table = refinery::Migration::unapplied("V1__notes", sql);
        vec![table.expect("the name of a migration")]
    },
    history: "spool_schema_history",
};

/// Of one write.
const LIMITS: Limits = Limits {
    messages: 16,
    load: Load {
        rows: 16,
        bytes: 1 << 20,
    },
};

fn main() -> ExitCode {
    let _ = rustls::crypto::ring::default_provider().install_default();
    millrace::pipelines::with(&[&Spooling]);
    millrace::cli::main().into()
}

// === impl Spooling ===

impl Pipeline for Spooling {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "Files in a folder become rows of a table"
    }

    fn settings(&self) -> &'static [&'static Group] {
        &GROUPS
    }

    fn read(&self, reader: &mut Reader<'_>, shared: &Processing) -> Arc<dyn Configured> {
        Arc::new(Settings {
            folder: reader.get(&FOLDER).into(),
            database: postgres(reader, shared).0,
        })
    }
}

// === impl Settings ===

impl Configured for Settings {
    fn name(&self) -> &'static str {
        NAME
    }

    fn prepare(&self, _: &mut Registry, _: &Arc<ByteBudget>) -> anyhow::Result<Prepared> {
        let database = Database::new(&self.database, &Handle::current())?;
        let progress = Progress::default();
        let (folder, seen) = (self.folder.clone(), progress.clone());
        let start: Start = Box::new(move |supervision| {
            let here = actix_rt::Arbiter::current();
            let sink: Build<Notes> = Arc::new(move || {
                let database = database.clone();
                Box::pin(async move {
                    let migrated = MIGRATIONS.migrate_over(&database).await;
                    migrated.map_err(|error| database.outage(error.to_string()))?;
                    Ok(Notes(Transactions::new(database, Upsert::default())))
                })
            });
            let notes = Port::new([supervision.sink(("notes", 0), &here, LIMITS, sink)]);
            let source: Build<Spool> = Arc::new(move || {
                let (folder, progress) = (folder.clone(), seen.clone());
                Box::pin(async move { Ok(Spool { folder, progress }) })
            });
            supervision.source("spool", &here, notes, source);
            Vec::new()
        });
        let stages = &["spool", "notes"];
        Ok(Prepared::new(NAME, stages, Arc::new(progress), start))
    }
}
