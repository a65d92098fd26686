//! What a database has and lacks.

use super::{MigrateError, Migration};
use tokio_postgres::{Client, types::Type};

pub(super) struct Plan {
    pub(super) pending: Vec<refinery::Migration>,
    pub(super) unknown: Vec<Migration>,
}

/// A migration that is there.
struct Applied {
    version: i32,
    name: String,
    checksum: String,
}

// === impl Plan ===

impl Plan {
    pub(super) async fn read(
        known: &[refinery::Migration],
        history: &str,
        client: &Client,
    ) -> Result<Self, MigrateError> {
        let applied = applied(history, client).await?;
        let at = |version| applied.iter().find(|there| there.version == version);
        let mut pending = known.to_vec();
        pending.retain(|migration| at(migration.version()).is_none());
        pending.sort_by_key(refinery::Migration::version);
        // Of no concern to who has nothing to add.
        if !pending.is_empty()
            && let Some(other) = known
                .iter()
                .find(|migration| at(migration.version()).is_some_and(|there| !there.is(migration)))
        {
            return Err(MigrateError::Divergent(other.version()));
        }
        let newest = applied
            .iter()
            .map(|there| there.version)
            .max()
            .unwrap_or_default();
        if let Some(missing) = pending
            .iter()
            .map(refinery::Migration::version)
            .find(|version| *version < newest)
        {
            return Err(MigrateError::OutOfOrder { newest, missing });
        }
        let is_known = |there: &Applied| known.iter().any(|migration| migration.version() == there.version);
        let unknown = applied
            .iter()
            .filter(|there| !is_known(there))
            .map(|there| Migration {
                version: there.version,
                name: there.name.clone(),
            })
            .collect();
        Ok(Self { pending, unknown })
    }
}

// === impl Applied ===

impl Applied {
    fn is(&self, migration: &refinery::Migration) -> bool {
        self.name == migration.name() && self.checksum == migration.checksum().to_string()
    }
}

/// Prepares nothing and sets nothing, so that a pooler may stand between.
async fn applied(history: &str, client: &Client) -> Result<Vec<Applied>, MigrateError> {
    let exists = client
        .query_typed("SELECT to_regclass($1) IS NOT NULL", &[(&history, Type::TEXT)])
        .await?;
    if !exists.iter().all(|row| row.get(0)) {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT version, name, checksum FROM {history} ORDER BY version");
    let rows = client.query_typed(&sql, &[]).await?;
    let migration = |row: &tokio_postgres::Row| Applied {
        version: row.get(0),
        name: row.get(1),
        checksum: row.get(2),
    };
    Ok(rows.iter().map(migration).collect())
}
