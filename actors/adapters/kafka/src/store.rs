//! Where the positions of a group are kept. It is the truth about what is stored; the broker only gets a copy.

use crate::TopicPartition;
use millrace_engine::Fault;
use std::{collections::BTreeMap, future::Future};
use uuid::Uuid;

/// The cause of a [`Fault::Deferred`] by which a sink says that the position it was to move was not there: the partition
/// belongs to another by now. The source drops the chunk, and asks the store where to go on before it reads again.
pub const FENCED: &str = "fenced";

/// The positions of one group.
///
/// A sink moves a position in the transaction that stores a chunk: from [`Chunk::from`](crate::Chunk::from) to
/// [`Chunk::next`](crate::Chunk::next), and only where `from` is what is stored. So nothing here moves one.
pub trait PositionStore: Clone + Send + Sync + 'static {
    /// What is stored for these partitions. One without a row is left out.
    ///
    /// # Errors
    /// [`Fault::Outage`]: it is asked again until it answers.
    fn load(
        &self,
        partitions: &[TopicPartition],
    ) -> impl Future<Output = Result<BTreeMap<TopicPartition, Stored>, Fault>> + Send;

    /// Keeps for people that records were never read. The same gap may be told again after a restart: it is one row.
    ///
    /// # Errors
    /// [`Fault::Outage`]: the partition waits until it is kept.
    fn note_gap(&self, gap: &Gap) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Notes, before a chunk is handed out, how to go on if the process dies with it. It takes the place of an earlier
    /// note about the partition. Only the first chunk after an assignment and those that are handled with care are noted.
    ///
    /// # Errors
    /// [`Fault::Outage`]: the chunk waits until it is noted.
    fn suspect(&self, suspect: &Suspect) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Forgets what is noted about partitions: they are given up, or their suspects are stored.
    ///
    /// # Errors
    /// [`Fault::Outage`]. A note that stays is told by its `from`, which is not the stored position any more.
    fn clear(&self, partitions: &[TopicPartition]) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// What is stored for a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// The first offset that is not stored; none where there is a note and no position yet.
    pub next_offset: Option<i64>,
    /// Of the topic that was read, where the broker told it.
    pub topic_id: Option<Uuid>,
    /// What was at hand when a process died.
    pub suspect: Option<Suspect>,
}

/// Records that were never read, and are not there any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where.
    pub partition: TopicPartition,
    /// The first of them.
    pub from_offset: i64,
    /// Behind the last.
    pub to_offset: i64,
    /// A stable word for why.
    pub reason: &'static str,
}

/// Records among which is perhaps one that kills a process. They are tried in halves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// Where.
    pub partition: TopicPartition,
    /// Where they begin. Where reading begins elsewhere now, they are stored, and the note means nothing.
    pub from: i64,
    /// Behind the last.
    pub until: i64,
    /// How many records a chunk of them may have next time.
    pub size: u32,
    /// How often one record was alone when it ended badly.
    pub alone: u32,
}
