//! The schema: its migrations, and the rights on it.

use millrace_postgres::{Migrations, Rights};

mod embedded {
    refinery::embed_migrations!("../../../schema/products/migrations");
}

/// Bring the schema up to date.
pub const MIGRATIONS: Migrations = Migrations {
    all: || embedded::migrations::runner().get_migrations().clone(),
    history: "millrace_products_schema_history",
};

/// The rights that `run` needs, derived from the file by which they are granted.
pub fn rights() -> Rights {
    Rights::granted_by(
        "schema/products/grants.sql",
        include_str!("../../../../../schema/products/grants.sql"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use millrace_postgres::OUTSIDE_TRANSACTION;

    #[test]
    fn versions_are_gapless_and_what_builds_concurrently_says_so_in_its_name() {
        let mut migrations = (MIGRATIONS.all)();
        migrations.sort();
        assert!(!migrations.is_empty());
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
