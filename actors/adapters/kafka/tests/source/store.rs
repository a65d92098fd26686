//! What a database would hold.

use millrace_engine::Fault;
use millrace_kafka::{Care, Chunk, FENCED, Gap, PositionStore, Stored, Suspect, TopicPartition};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};
use uuid::Uuid;

#[derive(Clone, Default)]
pub(crate) struct Store(Arc<Inner>);

#[derive(Default)]
struct Inner {
    tables: Mutex<Tables>,
    down: AtomicBool,
    panics: AtomicBool,
}

#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) rows: BTreeMap<TopicPartition, (i64, Option<Uuid>)>,
    /// Offsets that were stored, in the order in which they were.
    pub(crate) offsets: BTreeMap<TopicPartition, Vec<i64>>,
    pub(crate) values: Vec<Vec<u8>>,
    /// What was rejected unread.
    pub(crate) rejected: Vec<(TopicPartition, i64)>,
    pub(crate) gaps: BTreeSet<(TopicPartition, i64, i64, &'static str)>,
    pub(crate) suspects: BTreeMap<TopicPartition, Suspect>,
}

// === impl Store ===

impl Store {
    pub(crate) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0
            .tables
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Whether it answers nothing.
    pub(crate) fn set_down(&self, down: bool) {
        self.0.down.store(down, SeqCst);
    }

    /// The next question panics.
    pub(crate) fn panic_once(&self) {
        self.0.panics.store(true, SeqCst);
    }

    pub(crate) fn set_row(&self, partition: &TopicPartition, next: i64, id: Option<Uuid>) {
        self.tables().rows.insert(partition.clone(), (next, id));
    }

    pub(crate) fn row(&self, partition: &TopicPartition) -> Option<i64> {
        Some(self.tables().rows.get(partition)?.0)
    }

    pub(crate) fn offsets(&self, partition: &TopicPartition) -> Vec<i64> {
        self.tables().offsets.get(partition).cloned().unwrap_or_default()
    }

    /// Records of all partitions.
    pub(crate) fn count(&self) -> usize {
        self.tables().offsets.values().map(Vec::len).sum()
    }

    /// The one transaction of a chunk.
    pub(crate) fn store(&self, chunk: &Chunk) -> Result<(), Fault> {
        self.answer()?;
        let mut tables = self.tables();
        let row = tables.rows.get(&chunk.partition).map(|(next, _)| *next);
        if row != chunk.from {
            let detail = format!("{}: {row:?} and not {:?}", chunk.partition, chunk.from);
            return Err(Fault::deferred(FENCED, detail));
        }
        let row = (chunk.next, chunk.topic_id);
        tables.rows.insert(chunk.partition.clone(), row);
        for record in &chunk.records {
            if chunk.care == Care::Reject {
                tables.rejected.push((chunk.partition.clone(), record.offset));
            }
            tables
                .offsets
                .entry(chunk.partition.clone())
                .or_default()
                .push(record.offset);
            tables.values.extend(record.value.as_deref().map(<[u8]>::to_vec));
        }
        Ok(())
    }

    fn answer(&self) -> Result<(), Fault> {
        assert!(!self.0.panics.swap(false, SeqCst), "the test's own panic");
        if self.0.down.load(SeqCst) {
            return Err(Fault::outage("database", "it is down, as the test has it"));
        }
        Ok(())
    }
}

impl PositionStore for Store {
    async fn load(&self, partitions: &[TopicPartition]) -> Result<BTreeMap<TopicPartition, Stored>, Fault> {
        self.answer()?;
        let tables = self.tables();
        let one = |name: &TopicPartition| {
            let row = tables.rows.get(name);
            let stored = Stored {
                next_offset: row.map(|(next, _)| *next),
                topic_id: row.and_then(|(_, id)| *id),
                suspect: tables.suspects.get(name).cloned(),
            };
            (name.clone(), stored)
        };
        Ok(partitions.iter().map(one).collect())
    }

    async fn note_gap(&self, gap: &Gap) -> Result<(), Fault> {
        self.answer()?;
        let row = (gap.partition.clone(), gap.from_offset, gap.to_offset, gap.reason);
        self.tables().gaps.insert(row);
        Ok(())
    }

    async fn suspect(&self, suspect: &Suspect) -> Result<(), Fault> {
        self.answer()?;
        let key = suspect.partition.clone();
        self.tables().suspects.insert(key, suspect.clone());
        Ok(())
    }

    async fn clear(&self, partitions: &[TopicPartition]) -> Result<(), Fault> {
        self.answer()?;
        let mut tables = self.tables();
        for partition in partitions {
            tables.suspects.remove(partition);
        }
        Ok(())
    }
}
