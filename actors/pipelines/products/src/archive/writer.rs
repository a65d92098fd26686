//! Writes planned files: reads their members, puts the objects, and only then notes that they are stored.

use super::{
    ArchiveMetrics, ArchiveStore, Layout, PlannedFile,
    journal::{Archived, Members},
    layout::{self, hex},
    query::{self, Value},
    render::Lines,
    store::Kept,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use millrace_engine::{ByteBudget, Fault, Load, Sink, trace::Kind};
use millrace_objects::OBJECT_STORE;
use millrace_postgres::{Database, types::Type};
use sha2::{Digest, Sha256};
use std::{io, sync::Arc};

/// The sink of the archive.
#[derive(Clone)]
pub struct FileWriter {
    database: Database,
    store: ArchiveStore,
    budget: Arc<ByteBudget>,
    metrics: ArchiveMetrics,
}

/// What is stored of a file.
struct Stored {
    etag: Option<String>,
    bytes: u64,
    sha256: String,
    span: Option<(Timestamp, Timestamp)>,
}

/// Objects of events that are put at once.
const PUTS: usize = 16;

/// What is in memory beside the file itself: pages of events, and what compresses them.
const WORKING_SPACE: u64 = 16 << 20;

/// Under the epoch of the claim. An hour that is closed stays so, and knows of one file more.
const STORED: &str = "\
    WITH stored AS ( \
        UPDATE archive_files SET state = 'stored', members = '{}', bytes = $3, sha256 = $4, etag = $5, min_event_at = $6, \
            max_event_at = $7, stored_at = now(), lease_until = NULL \
        WHERE file_id = $1 AND lease_epoch = $2 AND state = 'planned' RETURNING hour, events), \
    added AS ( \
        UPDATE archive_hours AS h SET files = h.files + 1, events = h.events + stored.events FROM stored \
        WHERE h.hour = stored.hour) \
    SELECT count(*) FROM stored";

// === impl FileWriter ===

impl FileWriter {
    /// Writes what is planned in `database` into `store`; a file in the making counts against `budget`.
    pub fn new(
        database: Database,
        store: ArchiveStore,
        budget: Arc<ByteBudget>,
        metrics: ArchiveMetrics,
    ) -> Self {
        Self {
            database,
            store,
            budget,
            metrics,
        }
    }

    /// Writes one file.
    ///
    /// # Errors
    /// An outage of database or store; or what is wrong with this file alone, for now.
    pub async fn write_file(&self, file: &PlannedFile) -> Result<(), Fault> {
        let _reservation = self.budget.reserve(file.bytes + WORKING_SPACE).await;
        let stored = match layout::layout_of(&file.key) {
            Layout::Hourly => self.lines(file).await?,
            Layout::PerEvent => self.objects(file).await?,
        };
        if !self.note(file, &stored).await? {
            tracing::info!(file.key = file.key, "another process has taken this file over");
            return Ok(());
        }
        self.metrics.stored(file.late, stored.bytes);
        tracing::info!(
            file.key = file.key,
            file.events = file.members.len(),
            file.bytes = stored.bytes,
            fate = "stored",
            "archived"
        );
        Ok(())
    }

    async fn lines(&self, file: &PlannedFile) -> Result<Stored, Fault> {
        let mut lines = Lines::new().map_err(unpacked)?;
        let mut members = Members::of(&self.database, file).await?;
        while let Some(page) = members.next(&self.database).await? {
            for event in &page {
                lines.add(event).map_err(unpacked)?;
            }
        }
        let rendered = lines.finish().map_err(unpacked)?;
        let kept = self.store.keep_file(&file.key, file.hour, &rendered).await?;
        Ok(Stored {
            etag: kept.etag,
            bytes: kept.bytes,
            sha256: kept.sha256,
            span: rendered.span,
        })
    }

    async fn objects(&self, file: &PlannedFile) -> Result<Stored, Fault> {
        let folder = layout::folder_of(&file.key);
        let mut members = Members::of(&self.database, file).await?;
        let (mut bytes, mut span) = (0, None);
        // There is no one object, so its hash is that of all.
        let mut all = Sha256::new();
        while let Some(page) = members.next(&self.database).await? {
            let puts: Vec<_> = page
                .iter()
                .map(|event| self.store.keep_event(folder, event))
                .collect();
            let kept: Vec<Kept> = stream::iter(puts).buffered(PUTS).try_collect().await?;
            for (event, kept) in page.iter().zip(&kept) {
                bytes += kept.bytes;
                all.update(format!("{} {}\n", kept.sha256, event.id));
            }
            span = spanned(span, &page);
        }
        Ok(Stored {
            etag: None,
            bytes,
            sha256: hex(&all.finalize()),
            span,
        })
    }

    /// Whether it was still ours to note.
    async fn note(&self, file: &PlannedFile, stored: &Stored) -> Result<bool, Fault> {
        let bytes = i64::try_from(stored.bytes).unwrap_or(i64::MAX);
        let (first, last) = stored.span.unzip();
        let values: [Value<'_>; 7] = [
            (&file.claim.key, Type::UUID),
            (&file.claim.epoch, Type::INT8),
            (&bytes, Type::INT8),
            (&stored.sha256, Type::TEXT),
            (&stored.etag, Type::TEXT),
            (&first, Type::TIMESTAMPTZ),
            (&last, Type::TIMESTAMPTZ),
        ];
        let rows = query::rows(&self.database, STORED, &values).await?;
        Ok(rows.first().is_some_and(|row| row.get::<_, i64>(0) == 1))
    }
}

impl Sink for FileWriter {
    type In = PlannedFile;

    const VERB: &'static str = "archive write";
    const KIND: Kind = Kind::Client;

    fn load(file: &PlannedFile) -> Load {
        Load {
            rows: file.members.len(),
            bytes: usize::try_from(file.bytes).unwrap_or(usize::MAX),
        }
    }

    async fn write(&mut self, batch: &[&PlannedFile]) -> Result<(), Fault> {
        for file in batch {
            self.write_file(file).await.map_err(of_the_store)?;
        }
        Ok(())
    }
}

/// A store that is away holds files only: as an outage it would pause what is read from Kafka too. Each file is due
/// again, later each time and for ever.
fn of_the_store(fault: Fault) -> Fault {
    match fault {
        Fault::Outage { dependency, detail } if dependency == OBJECT_STORE => {
            Fault::transient(dependency, detail)
        }
        fault => fault,
    }
}

fn spanned(span: Option<(Timestamp, Timestamp)>, page: &[Archived]) -> Option<(Timestamp, Timestamp)> {
    let (first, last) = (page.first()?.at, page.last()?.at);
    Some((span.map_or(first, |(first, _)| first), last))
}

/// It writes to memory.
fn unpacked(error: io::Error) -> Fault {
    Fault::transient("not_compressed", error.to_string())
}
