//! `millrace migrate`.

use super::output;
use crate::config::{Config, Source};
use crate::exit::{Exit, Failure};
use crate::pipeline::Schema;
use millrace_postgres::{MigrateError, Migration};
use serde_json::json;
use std::io;

/// How to migrate.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Say what is missing and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, source: &Source) -> Result<Exit, Failure> {
    super::log_quietly(source);
    // Only the database: a migration job has no business with the other secrets.
    let schemas = Config::load_schemas(source)?;
    let migrations = super::block_on(async {
        let mut all = Vec::new();
        for Schema { database, migrations } in schemas {
            all.extend(match args.dry_run {
                true => migrations.pending(&database).await.map_err(failure)?,
                false => migrations.migrate(&database).await.map_err(failure)?.applied,
            });
        }
        Ok::<_, Failure>(all)
    })??;
    print(args, &migrations)?;
    Ok(Exit::Fine)
}

fn failure(error: MigrateError) -> Failure {
    match error {
        MigrateError::Failed { .. } | MigrateError::OutOfOrder { .. } | MigrateError::Divergent(_) => {
            anyhow::Error::from(error).into()
        }
        _ => Failure::unavailable(error),
    }
}

fn print(args: &Args, migrations: &[Migration]) -> io::Result<()> {
    let what = if args.dry_run { "pending" } else { "applied" };
    if args.json {
        return output::print_json(&json!({what: migrations}));
    }
    if migrations.is_empty() {
        return output::print("the schema is up to date\n");
    }
    let mut table = output::table(&["VERSION", "MIGRATION", "STATE"]);
    for Migration { version, name } in migrations {
        table.add_row([&version.to_string(), name.as_str(), what]);
    }
    output::print_table(&table)
}
