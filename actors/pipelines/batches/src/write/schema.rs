//! The schema: its migrations, the rights on it, and where the quarantine's notes are.

use super::tables::INGESTED_BATCHES;
use millrace_postgres::{Database, Migrations, Quarantine, QuarantineTables, Rights};

mod embedded {
    refinery::embed_migrations!("../../../schema/batches/migrations");
}

/// Bring the schema up to date.
pub const MIGRATIONS: Migrations = Migrations {
    all: || embedded::migrations::runner().get_migrations().clone(),
    history: "millrace_schema_history",
};

/// The rights that `run` needs, derived from the file by which they are granted.
pub fn rights() -> Rights {
    Rights::granted_by(
        "schema/batches/grants.sql",
        include_str!("../../../../../schema/batches/grants.sql"),
    )
}

/// The notes about redelivered events, of the process that is called so for its operators.
pub fn quarantine(database: Database, process: &str) -> Quarantine {
    let tables = QuarantineTables {
        notes: "suspects",
        ledger: INGESTED_BATCHES.name,
    };
    Quarantine::new(database, process, tables)
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_postgres::OUTSIDE_TRANSACTION;

    #[test]
    fn versions_are_gapless_and_what_builds_concurrently_says_so_in_its_name() {
        let mut migrations = (MIGRATIONS.all)();
        migrations.sort();
        for (index, migration) in migrations.into_iter().enumerate() {
            assert_eq!(migration.version() as usize, index + 1, "{migration}");
            let concurrent = migration.sql().unwrap().contains(" CONCURRENTLY ");
            assert_eq!(
                migration.name().ends_with(OUTSIDE_TRANSACTION),
                concurrent,
                "{migration}"
            );
        }
    }
}
