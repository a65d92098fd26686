//! The database.

use super::numbers::{Mebibytes, Seconds, Whole};
use super::problem::Problem;
use super::processing::Processing;
use super::reader::Reader;
use super::rule::{Flag, Parsed, Rule as _};
use super::setting::{Setting, settings};
use super::tls::{FILE, File, identity};
use millrace_access::tls::TlsFiles;
use millrace_postgres::{self as postgres, DatabaseUrl, PostgresSettings};

settings! { "Postgres";
    URL: Parsed<String> = Setting::required("DATABASE_URL", Parsed::new("`postgresql://user:password@host:port/database`, or `key=value` pairs as libpq reads them", database_url, String::new), "Database; a driver as in `postgresql+psycopg2://` is dropped. Several hosts are tried in turn; `target_session_attrs=read-write` or `primary` picks the one that takes writes. A schema is named by `options=-csearch_path%3DNAME`.").hidden_in_url();
    CA_FILE: File = Setting::optional("DATABASE_CA_FILE", FILE, "the public authorities", "Authorities (PEM) that the server's certificate is checked by, as `sslrootcert` in the URL; without an `sslmode` it means `verify-full`. Read at each connection.");
    CERT_FILE: File = Setting::optional("DATABASE_CERT_FILE", FILE, "none", "Our own certificate (PEM), as `sslcert` in the URL; read at each connection.");
    KEY_FILE: File = Setting::optional("DATABASE_KEY_FILE", FILE, "none", "Its private key (PEM), as `sslkey` in the URL.");
    POOL_SIZE: Whole<usize> = Setting::new("DATABASE_POOL_SIZE", Whole::between(1, 1000), "20", "Connections in the pool; they are opened when needed.");
    MAX_OVERFLOW: Whole<usize> = Setting::new("DATABASE_MAX_OVERFLOW", Whole::between(0, 1000), "10", "Added to `DATABASE_POOL_SIZE`: the sum is the bound on connections of `run`, migrations, readiness and API included. `check` opens one, `migrate` one or two.");
    AUTO_MIGRATE: Flag = Setting::new("DATABASE_AUTO_MIGRATE", Flag, "true", "Bring the schema up to date at start; off, `millrace migrate` does it.");
    CONNECT_TIMEOUT: Seconds = Setting::new("DATABASE_CONNECT_TIMEOUT_SECONDS", Seconds::between(0.1, 300.0), "5", "Bound on connecting.");
    STATEMENT_TIMEOUT: Seconds = Setting::new("DATABASE_STATEMENT_TIMEOUT_SECONDS", Seconds::between(0.1, 3600.0), "20", "Bound on one statement, also told to the server; half of it may be waited for a lock, an eighth at later attempts.");
    MAX_ROWS: Whole<usize> = Setting::new("MAX_ROWS_PER_TRANSACTION", Whole::between(1, 1_000_000), "10000", "Rows that a writer gathers into one transaction; a single larger batch is written whole.");
    MAX_BYTES: Mebibytes = Setting::new("MAX_TRANSACTION_MB", Mebibytes::between(1, 4096), "16", "Source JSON that a writer gathers into one transaction; a single larger batch is written whole.");
}

/// Reads the group.
pub fn read(reader: &mut Reader<'_>, processing: &Processing) -> (PostgresSettings, bool) {
    let url = url(reader);
    let tls = TlsFiles {
        authorities: reader.optional(&CA_FILE),
        identity: identity(reader, &CERT_FILE, &KEY_FILE),
    };
    agreement(reader, &url, &tls);
    let base = reader.get(&POOL_SIZE);
    let overflow = reader.get(&MAX_OVERFLOW);
    let writers = processing.workers.writers;
    if base + overflow < writers {
        let what = format!(
            "allow {} connections for the {writers} writers of MAX_WRITERS",
            base + overflow
        );
        let hint = "raise the pool, or lower MAX_WRITERS";
        reader.problem(Problem::new(
            "DATABASE_POOL_SIZE and DATABASE_MAX_OVERFLOW",
            what,
            hint,
        ));
    }
    let settings = PostgresSettings {
        url: reader.renewable("address and credentials of Postgres", url, self::url),
        tls,
        pool_size: base + overflow,
        connect_timeout: reader.get(&CONNECT_TIMEOUT),
        statement_timeout: reader.get(&STATEMENT_TIMEOUT),
        writers,
        max_rows: reader.get(&MAX_ROWS),
        max_bytes: usize::try_from(reader.get(&MAX_BYTES)).unwrap_or(usize::MAX),
    };
    (settings, reader.get(&AUTO_MIGRATE))
}

fn url(reader: &mut Reader<'_>) -> DatabaseUrl {
    reader.get(&URL).into()
}

/// What the URL says of TLS against what the settings say of it.
fn agreement(reader: &mut Reader<'_>, url: &DatabaseUrl, tls: &TlsFiles) {
    // Empty stands for one that was refused, or that is missing, and reported as such.
    if url.expose().is_empty() {
        return;
    }
    match postgres::check(url, tls) {
        Ok(notes) => {
            for note in notes {
                reader.warn(format!("DATABASE_URL: {note}"));
            }
        }
        Err(why) => {
            let hint = format!("expected: {}", URL.rule().form());
            reader.problem(Problem::new(
                URL.name(),
                format!("cannot be used: {}", why.what()),
                &hint,
            ));
        }
    }
}

/// Errors never quote the text.
fn database_url(text: &str) -> Result<String, String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        let pairs = text.contains('=') && text.split_whitespace().any(|pair| pair.starts_with("host"));
        return match pairs {
            true => Ok(text.to_owned()),
            false => Err("is neither a URL nor key=value pairs with a host".to_owned()),
        };
    };
    // SQLAlchemy's spelling, which the service that millrace replaces used.
    let dialect = scheme.split_once('+').map_or(scheme, |(dialect, _)| dialect);
    if !matches!(dialect, "postgres" | "postgresql") {
        return Err("does not start with postgresql://".to_owned());
    }
    if rest.is_empty() {
        return Err("names no host and no database".to_owned());
    }
    Ok(format!("{dialect}://{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_urls_of_all_usual_spellings_are_taken() {
        for good in [
            "postgresql://ana:pw@db:5432/analytics",
            "postgres://db/analytics?sslmode=require",
            "postgresql://h1:1,h2:2/x",
            "host=db user=ana password=pw",
        ] {
            assert_eq!(database_url(good), Ok(good.to_owned()));
        }
        let python = "postgresql+asyncpg://ana:pw@db/analytics";
        assert_eq!(
            database_url(python),
            Ok("postgresql://ana:pw@db/analytics".to_owned())
        );
    }

    #[test]
    fn what_is_no_postgres_is_refused_without_quoting_it() {
        for bad in [
            "mysql://u:SECRET@db/x",
            "SECRET",
            "password=SECRET",
            "postgresql://",
        ] {
            let error = database_url(bad).unwrap_err();
            assert!(!error.contains("SECRET"), "{bad}: {error}");
        }
    }
}
