//! The rights that `run` needs, derived from the file by which they are granted.

use super::{Database, failure::Failure};
use millrace_engine::Fault;
use std::collections::BTreeMap;
use tokio_postgres::types::Type;

/// The part of a grant after its privileges and objects.
const TO_ROLE: &str = " TO :\"role\"";

/// How an object that is no table begins.
const FUNCTION: &str = "FUNCTION ";

/// A privilege and the table, view or function that it is for; a function is called `FUNCTION name(types)`.
type Right = (String, String);

/// The rights that a file of grants grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// As people find it.
    file: &'static str,
    all: Vec<Right>,
}

// === impl Rights ===

impl Rights {
    /// Those on tables, views and functions that these statements grant, which stand in `file`.
    pub fn granted_by(file: &'static str, grants: &str) -> Self {
        let all = on_tables(grants).collect();
        Self { file, all }
    }

    /// What to do about it: one statement for each table.
    fn told(&self, role: &str, missing: &[Right]) -> String {
        let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (privilege, name) in missing {
            by_name.entry(name).or_default().push(privilege);
        }
        let role = role.replace('"', "\"\"");
        let grants = by_name
            .iter()
            .map(|(name, privileges)| format!("GRANT {} ON {name} TO \"{role}\";", privileges.join(", ")));
        let grants: Vec<_> = grants.collect();
        format!(
            "rights are missing; as the role that owns the tables: {} (or run {} again)",
            grants.join(" "),
            self.file
        )
    }
}

// === impl Database ===

impl Database {
    /// Asks whether we have each of these rights. A table that is not there yet is the migrations' business.
    ///
    /// # Errors
    /// An outage that names what is missing, with the statement that grants it.
    pub async fn has_rights(&self, needed: &Rights) -> Result<(), Fault> {
        let asking = tokio::time::timeout(self.limits().connect, self.missing(needed));
        match asking.await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(missing))) => Err(self.outage(missing)),
            Ok(Err(blame)) => Err(blame.of_database()),
            Err(_) => Err(self.outage("no answer about our rights")),
        }
    }

    async fn missing(&self, needed: &Rights) -> Result<Option<String>, Failure> {
        const SCHEMA: &str = "SELECT current_user::text, has_schema_privilege('public', 'USAGE')";
        const OBJECTS: &str = "SELECT privilege, name FROM unnest($1, $2) AS needed (privilege, name) \
            WHERE NOT CASE WHEN name LIKE 'FUNCTION %' \
                THEN coalesce(has_function_privilege(to_regprocedure(substr(name, 10)), privilege), true) \
                ELSE coalesce(has_table_privilege(to_regclass(name), privilege), true) END";
        let lease = self.lease().await?;
        let row = lease.query_typed(SCHEMA, &[]).await?;
        let (role, may_use): (String, bool) = row
            .first()
            .map_or_else(Default::default, |row| (row.get(0), row.get(1)));
        if !may_use {
            lease.give_back();
            let usage = ("USAGE".to_owned(), "SCHEMA public".to_owned());
            return Ok(Some(needed.told(&role, &[usage])));
        }
        let (privileges, names): (Vec<_>, Vec<_>) = needed.all.iter().map(|(p, n)| (&**p, &**n)).unzip();
        let values: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
            [(&privileges, Type::TEXT_ARRAY), (&names, Type::TEXT_ARRAY)];
        let rows = lease.query_typed(OBJECTS, &values).await?;
        lease.give_back();
        let missing: Vec<Right> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        Ok((!missing.is_empty()).then(|| needed.told(&role, &missing)))
    }
}

/// Each privilege on each table or view that these statements grant.
fn on_tables(grants: &str) -> impl Iterator<Item = Right> {
    statements(grants).flat_map(|grant| {
        let (privileges, names) = grant.split_once(" ON ").unwrap_or_default();
        let names = if names.starts_with("SCHEMA ") { "" } else { names };
        let list = |text: &str| -> Vec<String> {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            words.map(str::to_owned).collect()
        };
        // One function a grant: the commas are between the types of its arguments.
        let names = match names.starts_with(FUNCTION) {
            true => vec![names.to_owned()],
            false => list(names),
        };
        let privileges = list(privileges);
        let rights = move |name: String| {
            let rights = privileges
                .iter()
                .map(|privilege| (privilege.clone(), name.clone()));
            rights.collect::<Vec<_>>()
        };
        names.into_iter().flat_map(rights)
    })
}

/// What stands between `GRANT` and `TO`.
fn statements(grants: &str) -> impl Iterator<Item = String> {
    let lines = grants.lines().filter(|line| !line.starts_with("--"));
    let text = lines.collect::<Vec<_>>().join(" ");
    let all: Vec<_> = text.split(';').map(|one| one.trim().to_owned()).collect();
    all.into_iter()
        .filter_map(|one| Some(one.strip_prefix("GRANT ")?.strip_suffix(TO_ROLE)?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANTS: &str = include_str!("../../../../schema/batches/grants.sql");
    const OF_PRODUCTS: &str = include_str!("../../../../schema/products/grants.sql");

    #[test]
    fn every_grant_of_the_files_is_understood() {
        for file in [GRANTS, OF_PRODUCTS] {
            let grants = file.lines().filter(|line| line.starts_with("GRANT ")).count();
            assert_eq!(
                statements(file).count(),
                grants,
                "a grant is written in another way"
            );
            for one in statements(file) {
                let (_, names) = one.split_once(" ON ").unwrap();
                let kind = names.split(' ').next().unwrap();
                assert!(
                    names == "SCHEMA public"
                        || kind == FUNCTION.trim_end()
                        || kind.trim_end_matches(',') == kind.to_lowercase().trim_end_matches(','),
                    "{names}: only the schema, tables and functions are looked for"
                );
            }
        }
    }

    #[test]
    fn each_privilege_on_each_object_is_looked_for() {
        let function = ("EXECUTE", "FUNCTION product_events_make(date, bigint)");
        let of_products = Rights::granted_by("grants.sql", OF_PRODUCTS);
        assert!(
            of_products
                .all
                .contains(&(function.0.to_owned(), function.1.to_owned())),
            "{of_products:?}"
        );
        for right in [
            ("DELETE", "suspects"),
            ("INSERT", "ingested_batches"),
            ("SELECT", "error_distribution"),
        ] {
            assert!(
                Rights::granted_by("grants.sql", GRANTS)
                    .all
                    .iter()
                    .any(|(privilege, name)| (&**privilege, &**name) == right),
                "{right:?} is not looked for"
            );
        }
    }

    #[test]
    fn what_is_missing_is_told_as_the_statements_that_grant_it() {
        let missing = [
            ("INSERT", "suspects"),
            ("SELECT", "authors"),
            ("DELETE", "suspects"),
        ];
        let missing = missing.map(|(privilege, name)| (privilege.to_owned(), name.to_owned()));
        let told = Rights::granted_by("grants.sql", "").told("odd\"role", &missing);
        assert!(
            told.contains("GRANT SELECT ON authors TO \"odd\"\"role\"; GRANT INSERT, DELETE ON suspects TO \"odd\"\"role\";"),
            "{told}"
        );
        assert!(told.ends_with("(or run grants.sql again)"), "{told}");
    }
}
