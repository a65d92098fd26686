//! How the archive stands; whether the store has what the tables say; and what is there that no row knows.

use super::{
    ArchiveSettings, ArchiveStore, Layout,
    layout::{self, hex},
    query::{self, Value},
};
use jiff::Timestamp;
use millrace_engine::Fault;
use millrace_postgres::{Database, types::Type};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The archive, to look at.
#[derive(Clone, Debug)]
pub struct Archive {
    database: Database,
    store: ArchiveStore,
    settings: ArchiveSettings,
}

/// How the archive stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Events that are in no file yet.
    pub pending_events: i64,
    /// Since when the oldest waits that is in no file yet, or whose file is not stored.
    pub oldest_pending: Option<Timestamp>,
    /// Files that are not stored yet.
    pub planned_files: i64,
    /// Hours that are not closed, and the last ones that are; the newest first.
    pub hours: Vec<HourStatus>,
}

/// How an hour stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HourStatus {
    /// When it begins.
    pub hour: Timestamp,
    /// Events that are in no file yet.
    pub pending_events: i64,
    /// Files that are not stored yet.
    pub planned_files: i64,
    /// Files that are stored.
    pub stored_files: i64,
    /// Events in them.
    pub events: i64,
    /// Since when it is complete.
    pub closed_at: Option<Timestamp>,
}

/// What came of reading an hour back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The hour.
    pub hour: Timestamp,
    /// Objects that are as they were stored.
    pub objects: u64,
    /// Events in the files that are stored.
    pub events: i64,
    /// Events of the hour that the journal still has and that are archived. Older ones were dropped from it.
    pub in_journal: i64,
    /// What is wrong.
    pub troubles: Vec<Trouble>,
}

/// Something that is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Trouble {
    /// Its key.
    pub key: String,
    /// What.
    pub kind: TroubleKind,
    /// In words.
    pub detail: String,
}

/// What may be wrong with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    /// It is stored, says the table, and it is not there.
    Missing,
    /// It is not what was stored.
    Changed,
    /// No row knows it: a restored database leaves some.
    Unknown,
}

/// What healing came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Healed {
    /// Keys of unknown objects that were removed, because all their events are archived again.
    pub removed: Vec<String>,
    /// Those that stay, and why.
    pub kept: Vec<Trouble>,
}

/// A stored file.
struct StoredFile {
    key: String,
    events: i64,
    bytes: i64,
    sha256: String,
}

/// What is read of a line.
#[derive(Deserialize)]
struct LineId {
    id: String,
}

const COUNTS: &str = "\
    SELECT (SELECT count(*) FROM archive_pending), \
        least((SELECT min(since) FROM archive_pending), \
              (SELECT min(planned_at) FROM archive_files WHERE state = 'planned')), \
        (SELECT count(*) FROM archive_files WHERE state = 'planned')";

const HOURS: &str = "\
    WITH pending AS (SELECT hour, count(*) AS events FROM archive_pending GROUP BY hour), \
    files AS (SELECT hour, count(*) FILTER (WHERE state = 'planned') AS planned, \
                  count(*) FILTER (WHERE state = 'stored') AS stored, \
                  coalesce(sum(events) FILTER (WHERE state = 'stored'), 0)::bigint AS events \
              FROM archive_files GROUP BY hour) \
    SELECT hour, coalesce(p.events, 0), coalesce(f.planned, 0), coalesce(f.stored, 0), coalesce(f.events, 0), c.closed_at \
    FROM files AS f FULL JOIN pending AS p USING (hour) FULL JOIN archive_hours AS c USING (hour) \
    WHERE c.closed_at IS NULL OR p.events > 0 OR f.planned > 0 OR hour > (SELECT max(hour) FROM archive_hours) - interval '1 day' \
    ORDER BY hour DESC LIMIT 1000";

const FILES: &str = "\
    SELECT key, events, coalesce(bytes, 0), coalesce(sha256, '') FROM archive_files \
    WHERE hour = $1 AND state = 'stored' ORDER BY key";

/// Ids of an hour that are in stored files: in the journal, and no longer on the way.
const ARCHIVED_IDS: &str = "\
    SELECT e.event_id, encode(sha256(convert_to(e.payload::text, 'UTF8')), 'hex') FROM product_events AS e \
    WHERE e.event_at >= $1 AND e.event_at < $1 + interval '1 hour' \
        AND e.event_type IN ('ProductCreated', 'ProductUpdated', 'LowStockWarning', 'ProductDeleted') \
        AND NOT EXISTS (SELECT FROM archive_pending AS p WHERE p.hour = $1 AND p.event_id = e.event_id) \
        AND NOT EXISTS (SELECT FROM archive_files AS f WHERE f.hour = $1 AND f.state = 'planned' AND e.event_id = ANY (f.members))";

// === impl Archive ===

impl Archive {
    /// The archive whose tables are in `database`.
    pub fn new(database: Database, store: ArchiveStore, settings: ArchiveSettings) -> Self {
        Self {
            database,
            store,
            settings,
        }
    }

    /// How it stands.
    ///
    /// # Errors
    /// An outage of the database.
    pub async fn status(&self) -> Result<Status, Fault> {
        let counts = query::rows(&self.database, COUNTS, &[]).await?;
        let hours = query::rows(&self.database, HOURS, &[]).await?;
        let hours = hours.iter().map(|row| HourStatus {
            hour: row.get(0),
            pending_events: row.get(1),
            planned_files: row.get(2),
            stored_files: row.get(3),
            events: row.get(4),
            closed_at: row.get(5),
        });
        let counts = counts.first();
        Ok(Status {
            pending_events: counts.map_or(0, |row| row.get(0)),
            oldest_pending: counts.and_then(|row| row.get(1)),
            planned_files: counts.map_or(0, |row| row.get(2)),
            hours: hours.collect(),
        })
    }

    /// Reads an hour back: every object that is stored, whole, and what else is there. One object is in memory at a
    /// time.
    ///
    /// # Errors
    /// An outage of the database or the store.
    pub async fn verify(&self, hour: Timestamp) -> Result<Verified, Fault> {
        let folder = layout::folder(&self.settings.prefix, hour);
        let files = self.files(hour).await?;
        let archived = self.archived(hour).await?;
        let (mut known, mut troubles) = (BTreeSet::new(), Vec::new());
        known.insert(layout::marker_key(&folder));
        let (mut objects, mut loose) = (0, 0);
        for file in &files {
            // A prefix may have been another when it was planned.
            if layout::layout_of(&file.key) == Layout::PerEvent {
                loose += file.events;
                continue;
            }
            known.insert(file.key.clone());
            let found = self.file_trouble(file).await?;
            objects += u64::from(found.is_none());
            troubles.extend(found);
        }
        if loose > 0 {
            for (id, sha256) in &archived {
                let key = layout::event_key(&folder, id);
                known.insert(key.clone());
                let found = self.event_trouble(key, sha256).await?;
                objects += u64::from(found.is_none());
                troubles.extend(found);
            }
        }
        let all_known = loose == 0 || archived.len() as i64 >= loose;
        for head in self.store.objects().list(&folder).await? {
            // Of what the journal has forgotten it cannot be said that it is unknown.
            if !known.contains(&head.key) && (all_known || layout::layout_of(&head.key) == Layout::Hourly) {
                let detail = format!("{} bytes that no row of archive_files names", head.bytes);
                troubles.push(Trouble::new(head.key, TroubleKind::Unknown, detail));
            }
        }
        troubles.sort();
        Ok(Verified {
            hour,
            objects,
            events: files.iter().map(|file| file.events).sum(),
            in_journal: archived.len() as i64,
            troubles,
        })
    }

    /// Removes unknown files of an hour whose events are all archived again. Nothing is removed while an object of the
    /// hour is missing or changed: an unknown one may be all that is left of its events.
    ///
    /// # Errors
    /// An outage of the database or the store.
    pub async fn heal(&self, hour: Timestamp) -> Result<Healed, Fault> {
        let verified = self.verify(hour).await?;
        let is_whole = verified
            .troubles
            .iter()
            .all(|trouble| trouble.kind == TroubleKind::Unknown);
        let mut healed = Healed::default();
        let archived = self.archived(hour).await?;
        for trouble in verified.troubles {
            if trouble.kind != TroubleKind::Unknown {
                healed.kept.push(trouble);
                continue;
            }
            let why = match is_whole {
                true => self.why_kept(&trouble.key, &archived).await?,
                false => Some("other objects of the hour are missing or changed".to_owned()),
            };
            match why {
                None => {
                    self.store.objects().delete(&trouble.key).await?;
                    tracing::info!(
                        key = trouble.key,
                        "removed an object that no row of the archive knew"
                    );
                    healed.removed.push(trouble.key);
                }
                Some(detail) => healed.kept.push(Trouble { detail, ..trouble }),
            }
        }
        Ok(healed)
    }

    async fn files(&self, hour: Timestamp) -> Result<Vec<StoredFile>, Fault> {
        let rows = query::rows(&self.database, FILES, &[(&hour, Type::TIMESTAMPTZ)]).await?;
        let files = rows.iter().map(|row| StoredFile {
            key: row.get(0),
            events: row.get(1),
            bytes: row.get(2),
            sha256: row.get(3),
        });
        Ok(files.collect())
    }

    /// Events that are archived, and the hash of each as it was sent.
    async fn archived(&self, hour: Timestamp) -> Result<BTreeMap<String, String>, Fault> {
        let values: [Value<'_>; 1] = [(&hour, Type::TIMESTAMPTZ)];
        let rows = query::rows(&self.database, ARCHIVED_IDS, &values).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    async fn file_trouble(&self, file: &StoredFile) -> Result<Option<Trouble>, Fault> {
        let Some((_, body)) = self.store.objects().get(&file.key).await? else {
            return Ok(Some(missing(file.key.clone())));
        };
        let sha256 = hex(&Sha256::digest(&body));
        if sha256 == file.sha256 {
            return Ok(None);
        }
        let detail = format!(
            "{} bytes with SHA-256 {sha256}, where {} bytes with {} were stored",
            body.len(),
            file.bytes,
            file.sha256
        );
        Ok(Some(Trouble::new(file.key.clone(), TroubleKind::Changed, detail)))
    }

    async fn event_trouble(&self, key: String, expected: &str) -> Result<Option<Trouble>, Fault> {
        let Some((_, body)) = self.store.objects().get(&key).await? else {
            return Ok(Some(missing(key)));
        };
        let sha256 = hex(&Sha256::digest(&body));
        if sha256 == expected {
            return Ok(None);
        }
        let detail = format!("its SHA-256 is {sha256}, that of the event in the journal is {expected}");
        Ok(Some(Trouble::new(key, TroubleKind::Changed, detail)))
    }

    /// Why an unknown object must stay; none where it may go.
    async fn why_kept(
        &self,
        key: &str,
        archived: &BTreeMap<String, String>,
    ) -> Result<Option<String>, Fault> {
        if layout::layout_of(key) == Layout::PerEvent {
            return Ok(Some("its event is not in the journal".to_owned()));
        }
        let Some((_, body)) = self.store.objects().get(key).await? else {
            return Ok(Some("it is gone".to_owned()));
        };
        let Some(ids) = ids_of(&body) else {
            return Ok(Some("it is no file of the archive".to_owned()));
        };
        let missing = ids.iter().filter(|id| !archived.contains_key(*id)).count();
        Ok(
            (missing > 0)
                .then(|| format!("{missing} of its {} events are not archived otherwise", ids.len())),
        )
    }
}

// === impl Trouble ===

impl Trouble {
    fn new(key: String, kind: TroubleKind, detail: String) -> Self {
        Self { key, kind, detail }
    }
}

fn missing(key: String) -> Trouble {
    Trouble::new(key, TroubleKind::Missing, "it is not there".to_owned())
}

/// The ids in a file; none where it is no such file.
fn ids_of(body: &[u8]) -> Option<Vec<String>> {
    let text = zstd::decode_all(body).ok()?;
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let ids = lines.map(|line| serde_json::from_slice::<LineId>(line).ok().map(|line| line.id));
    ids.collect()
}
