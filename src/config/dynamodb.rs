//! Where recent events can be asked for: the journal, or DynamoDB.

use super::numbers::Whole;
use super::problem::Problem;
use super::reader::Reader;
use super::rule::{Flag, Name, Parsed, Text};
use super::setting::{Setting, settings};
use millrace_dynamodb::{DynamoKeys, DynamoSettings};
use std::time::Duration;
use url::Url;

settings! { "Recent events";
    STORE: Parsed<Store> = Setting::new("RECENT_STORE", Parsed::new("`postgres`, `dynamodb`", store, || Store::Postgres), "postgres", "Where recent events can be asked for: the journal in the database, or a table in DynamoDB, which is filled from it.");
    TABLE: Name = Setting::new("RECENT_EVENTS_TABLE_NAME", Name, "RecentEvents", "The table in DynamoDB.");
    ENDPOINT: Parsed<String> = Setting::optional("DYNAMO_ENDPOINT", Parsed::new("`http(s)://host:port`", endpoint, String::new), "Amazon's of the region", "Another server of the DynamoDB API.");
    REGION: Name = Setting::new("AWS_REGION", Name, "us-east-1", "Region that requests are signed for.");
    ACCESS_KEY: Text = Setting::optional("AWS_ACCESS_KEY_ID", Text, "`fake` where `DYNAMO_ENDPOINT` is set, else as Amazon's tools find it (web identity, container, instance)", "Access key; read again with each request.").hidden();
    SECRET_KEY: Text = Setting::optional("AWS_SECRET_ACCESS_KEY", Text, "as `AWS_ACCESS_KEY_ID`", "Secret key; read again with each request.").hidden();
    TOKEN: Text = Setting::optional("AWS_SESSION_TOKEN", Text, "none", "Token that belongs to keys that end; read again with each request.").hidden();
    CREATE_TABLE: Flag = Setting::new("DYNAMO_CREATE_TABLE", Flag, "false", "Make the table, its indexes and its TTL where they are missing, billed by request.");
    JOURNAL_HOURS: Whole<u64> = Setting::new("JOURNAL_KEEP_HOURS", Whole::between(24, 87_600), "72", "How long the journal is kept where recent events are in DynamoDB; never less than what waits for it or for the archive.");
}

/// Where recent events are.
#[derive(Clone, Debug)]
pub enum RecentSettings {
    /// In the journal.
    Journal,
    /// In DynamoDB.
    DynamoDb(Box<ProjectedSettings>),
}

/// Recent events in DynamoDB.
#[derive(Clone, Debug)]
pub struct ProjectedSettings {
    /// The table.
    pub table: DynamoSettings,
    /// Whether it is made where it is missing.
    pub creates: bool,
    /// How long the journal is kept.
    pub journal: Duration,
}

/// The words of `RECENT_STORE`.
#[derive(Clone, Copy)]
enum Store {
    Postgres,
    DynamoDb,
}

/// Bound on connecting, and on one request.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one write goes on about what is throttled; then the queue keeps it.
const PATIENCE: Duration = Duration::from_secs(15);
/// Requests of one write that are under way at a time.
const CONCURRENCY: usize = 4;

/// Reads the group.
pub fn read(reader: &mut Reader<'_>) -> RecentSettings {
    let store = reader.get(&STORE);
    let endpoint = reader.optional(&ENDPOINT);
    let keys = keys(reader);
    let table = DynamoSettings {
        region: reader.get(&REGION),
        keys: match (&keys, &endpoint) {
            (Some(first), _) => Some(reader.renewable("keys of DynamoDB", first.clone(), |reader| {
                keys_of(reader).unwrap_or_else(DynamoKeys::assumed)
            })),
            (None, Some(_)) => Some(millrace_access::renewable::Renewable::fixed(DynamoKeys::assumed())),
            (None, None) => None,
        },
        endpoint,
        table: reader.get(&TABLE),
        connect_timeout: CONNECT_TIMEOUT,
        request_timeout: REQUEST_TIMEOUT,
        patience: PATIENCE,
        concurrency: CONCURRENCY,
    };
    let (creates, hours) = (reader.get(&CREATE_TABLE), reader.get(&JOURNAL_HOURS));
    match store {
        Store::Postgres => RecentSettings::Journal,
        Store::DynamoDb => RecentSettings::DynamoDb(Box::new(ProjectedSettings {
            table,
            creates,
            journal: Duration::from_secs(hours * 60 * 60),
        })),
    }
}

fn keys(reader: &mut Reader<'_>) -> Option<DynamoKeys> {
    let set = (reader.is_set(&ACCESS_KEY), reader.is_set(&SECRET_KEY));
    let half = match set {
        (true, false) => Some((ACCESS_KEY.name(), SECRET_KEY.name())),
        (false, true) => Some((SECRET_KEY.name(), ACCESS_KEY.name())),
        _ => None,
    };
    if let Some((set, other)) = half {
        let what = "is set without its other half".to_owned();
        reader.problem(Problem::new(set, what, &format!("set {other} too, or neither")));
    }
    keys_of(reader)
}

fn keys_of(reader: &mut Reader<'_>) -> Option<DynamoKeys> {
    let (access, secret) = (reader.optional(&ACCESS_KEY), reader.optional(&SECRET_KEY));
    let token = reader.optional(&TOKEN);
    Some(DynamoKeys {
        access: access?,
        secret: secret?.into(),
        token: token.map(Into::into),
    })
}

fn store(text: &str) -> Result<Store, String> {
    match text.to_ascii_lowercase().as_str() {
        "postgres" => Ok(Store::Postgres),
        "dynamodb" => Ok(Store::DynamoDb),
        _ => Err("is none of the words".to_owned()),
    }
}

fn endpoint(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("is no address ({error})"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("has the scheme {}, neither http nor https", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a login; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are for that".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    fn read_from(variables: &[(&str, &str)]) -> (RecentSettings, Vec<String>) {
        let source = Source::from_variables(variables.iter().copied());
        let mut reader = Reader::new(&source);
        let settings = read(&mut reader);
        let problems = match reader.finish() {
            Ok(_) => Vec::new(),
            Err(error) => error.problems.iter().map(ToString::to_string).collect(),
        };
        (settings, problems)
    }

    #[test]
    fn without_a_word_recent_events_are_in_the_journal() {
        assert!(matches!(read_from(&[]), (RecentSettings::Journal, problems) if problems.is_empty()));
    }

    #[test]
    fn keys_are_assumed_only_on_a_server_of_ones_own() {
        let table = |variables: &[(&str, &str)]| {
            let all = [&[("RECENT_STORE", "DynamoDB")], variables].concat();
            match read_from(&all) {
                (RecentSettings::DynamoDb(settings), problems) if problems.is_empty() => settings.table,
                other => panic!("{other:?}"),
            }
        };
        assert!(table(&[]).keys.is_none(), "Amazon's tools say who we are");
        let own = table(&[("DYNAMO_ENDPOINT", "http://localhost:8000/")]);
        assert_eq!(own.endpoint.as_deref(), Some("http://localhost:8000"));
        assert_eq!(own.keys.unwrap().last().access, "fake");
        let named = table(&[("AWS_ACCESS_KEY_ID", "AK"), ("AWS_SECRET_ACCESS_KEY", "SK")]);
        assert_eq!(named.keys.unwrap().last().access, "AK");
    }

    #[test]
    fn half_a_pair_of_keys_and_a_strange_address_are_refused() {
        for (variables, named) in [
            (("AWS_ACCESS_KEY_ID", "AK"), "AWS_ACCESS_KEY_ID"),
            (("AWS_SECRET_ACCESS_KEY", "SK"), "AWS_SECRET_ACCESS_KEY"),
            (("DYNAMO_ENDPOINT", "dynamo:8000"), "DYNAMO_ENDPOINT"),
            (("RECENT_STORE", "redis"), "RECENT_STORE"),
        ] {
            let (_, problems) = read_from(&[variables]);
            assert!(
                problems.iter().any(|problem| problem.contains(named)),
                "{problems:?}"
            );
            assert!(
                problems.iter().all(|problem| !problem.contains("SK")),
                "{problems:?}"
            );
        }
    }
}
