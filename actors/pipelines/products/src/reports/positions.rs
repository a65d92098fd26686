//! Where Kafka has been read to.

use super::{Reports, Told};
use jiff::Timestamp;
use millrace_engine::Fault;
use millrace_postgres::{Error, Failure, Question, Row, all, types::Type};
use serde::Serialize;
use utoipa::ToSchema;

const POSITIONS: &str = "\
    SELECT topic, partition, next_offset, topic_id::text AS topic_id, owner, updated_at FROM kafka_positions \
    WHERE group_id = $1 ORDER BY topic, partition LIMIT 10000";

const GAPS: &str = "\
    SELECT topic, partition, from_offset, to_offset, reason, at FROM position_gaps \
    WHERE group_id = $1 ORDER BY at DESC LIMIT 200";

/// Only a row that is still as it was shown: who reads the partition may have moved it since.
const SEEK: &str = "\
    UPDATE kafka_positions SET next_offset = $4, owner = $6, updated_at = now() \
    WHERE group_id = $1 AND topic = $2 AND partition = $3 AND next_offset = $5";

/// The position of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PositionReport {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i64,
    /// The first offset that is not stored.
    pub position: i64,
    /// Behind the last record there is; null where this replica does not read the partition.
    pub end: Option<i64>,
    /// Records that are not stored; null as `end`.
    pub lag: Option<i64>,
    /// The topic's id, where the broker tells it.
    pub topic_id: Option<String>,
    /// Who moved it last.
    pub owner: Option<String>,
    /// When.
    pub updated_at: Timestamp,
    /// Why it is not read: it waits for a person. Null where it is read, or by another replica.
    pub waits: Option<String>,
}

/// What a replica knows of a partition that it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadHere {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i64,
    /// Behind the last record there is.
    pub end: Option<i64>,
    /// Why it is not read.
    pub waits: Option<String>,
}

/// Records that were never read and never will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct GapReport {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i64,
    /// The first of them.
    pub from_offset: i64,
    /// The first that is there.
    pub to_offset: i64,
    /// What became of them.
    pub reason: String,
    /// When it was found.
    pub at: Timestamp,
}

// === impl PositionReport ===

impl PositionReport {
    /// Adds what the replica knows that reads the partition.
    pub fn add(&mut self, known: &[ReadHere]) {
        let here = known
            .iter()
            .find(|here| here.topic == self.topic && here.partition == self.partition);
        let Some(here) = here else { return };
        self.end = here.end;
        self.lag = here.end.map(|end| (end - self.position).max(0));
        self.waits.clone_from(&here.waits);
    }
}

// === impl Reports ===

impl Reports {
    /// The position of each partition, and what was lost, the newest first. What only the broker knows is left out.
    ///
    /// # Errors
    /// The database has no answer.
    pub async fn positions(&self) -> Told<(Vec<PositionReport>, Vec<GapReport>)> {
        let of_group = |sql| Question::new(sql).with(self.group.clone(), Type::TEXT);
        let questions = [of_group(POSITIONS), of_group(GAPS)];
        let [positions, gaps] = self.database.answers(questions).await?;
        Ok((all(&positions, position)?, all(&gaps, gap)?))
    }

    /// Moves a position. The process that reads the partition finds it moved when it stores its next chunk, drops that, and goes on
    /// from here. False where the position is not `from` any more.
    ///
    /// # Errors
    /// The database is away.
    pub async fn seek(&self, of: (&str, i64), from: i64, to: i64, owner: &str) -> Result<bool, Fault> {
        let (topic, partition) = of;
        let lease = self.database.lease().await.map_err(Failure::of_database)?;
        let moved = lease
            .execute_typed(
                SEEK,
                &[
                    (&self.group, Type::TEXT),
                    (&topic, Type::TEXT),
                    (&partition, Type::INT8),
                    (&to, Type::INT8),
                    (&from, Type::INT8),
                    (&owner, Type::TEXT),
                ],
            )
            .await
            .map_err(|error| Failure::from(error).of_database())?;
        lease.give_back();
        Ok(moved > 0)
    }
}

fn position(row: &Row) -> Result<PositionReport, Error> {
    Ok(PositionReport {
        topic: row.try_get("topic")?,
        partition: row.try_get("partition")?,
        position: row.try_get("next_offset")?,
        end: None,
        lag: None,
        topic_id: row.try_get("topic_id")?,
        owner: row.try_get("owner")?,
        updated_at: row.try_get("updated_at")?,
        waits: None,
    })
}

fn gap(row: &Row) -> Result<GapReport, Error> {
    Ok(GapReport {
        topic: row.try_get("topic")?,
        partition: row.try_get("partition")?,
        from_offset: row.try_get("from_offset")?,
        to_offset: row.try_get("to_offset")?,
        reason: row.try_get("reason")?,
        at: row.try_get("at")?,
    })
}
