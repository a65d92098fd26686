//! The positions of a group, as the source asks for them. Only the writer moves one.

use millrace_engine::Fault;
use millrace_kafka::{Gap, PositionStore, Stored, Suspect, TopicPartition};
use millrace_postgres::{
    Database, Failure, Row,
    types::{ToSql, Type},
};
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

/// Positions in Postgres. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Positions {
    database: Database,
    group: Arc<str>,
}

const LOAD: &str = "\
    SELECT topic, partition, p.next_offset, p.topic_id::text, s.from_offset, s.until_offset, s.size, s.alone \
    FROM unnest($2, $3) AS wanted (topic, partition) \
    LEFT JOIN (SELECT * FROM kafka_positions WHERE group_id = $1) AS p USING (topic, partition) \
    LEFT JOIN (SELECT * FROM product_suspects WHERE group_id = $1) AS s USING (topic, partition) \
    WHERE p.topic IS NOT NULL OR s.topic IS NOT NULL";

const NOTE_GAP: &str = "\
    INSERT INTO position_gaps (group_id, topic, partition, from_offset, to_offset, reason) \
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";

const SUSPECT: &str = "\
    INSERT INTO product_suspects (group_id, topic, partition, from_offset, until_offset, size, alone) \
    VALUES ($1, $2, $3, $4, $5, $6, $7) \
    ON CONFLICT (group_id, topic, partition) DO UPDATE SET from_offset = excluded.from_offset, \
        until_offset = excluded.until_offset, size = excluded.size, alone = excluded.alone, noted_at = now()";

const CLEAR: &str = "\
    DELETE FROM product_suspects WHERE (group_id, topic, partition) IN \
        (SELECT group_id, topic, partition FROM product_suspects JOIN unnest($2, $3) AS given (topic, partition) \
             USING (topic, partition) WHERE group_id = $1 ORDER BY 1, 2, 3 FOR UPDATE OF product_suspects)";

type Value<'a> = (&'a (dyn ToSql + Sync), Type);

// === impl Positions ===

impl Positions {
    /// Those of this group.
    pub fn new(database: Database, group: &str) -> Self {
        let group = group.into();
        Self { database, group }
    }

    async fn run(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Fault> {
        let answer = async {
            let lease = self.database.lease().await?;
            let rows = lease.query_typed(sql, values).await?;
            lease.give_back();
            Ok::<_, Failure>(rows)
        };
        match tokio::time::timeout(self.database.limits().statement, answer).await {
            Ok(rows) => rows.map_err(Failure::of_database),
            Err(_) => Err(self.database.outage("no answer about positions")),
        }
    }

    async fn about(&self, sql: &str, partitions: &[TopicPartition]) -> Result<Vec<Row>, Fault> {
        let topics: Vec<_> = partitions.iter().map(|one| &*one.topic).collect();
        let numbers: Vec<_> = partitions.iter().map(|one| i64::from(one.partition)).collect();
        let group = &*self.group;
        let values: [Value<'_>; 3] = [
            (&group, Type::TEXT),
            (&topics, Type::TEXT_ARRAY),
            (&numbers, Type::INT8_ARRAY),
        ];
        self.run(sql, &values).await
    }
}

impl PositionStore for Positions {
    async fn load(&self, partitions: &[TopicPartition]) -> Result<BTreeMap<TopicPartition, Stored>, Fault> {
        let rows = self.about(LOAD, partitions).await?;
        Ok(rows.iter().filter_map(stored).collect())
    }

    async fn note_gap(&self, gap: &Gap) -> Result<(), Fault> {
        let (group, topic) = (&*self.group, &*gap.partition.topic);
        let partition = i64::from(gap.partition.partition);
        let values: [Value<'_>; 6] = [
            (&group, Type::TEXT),
            (&topic, Type::TEXT),
            (&partition, Type::INT8),
            (&gap.from_offset, Type::INT8),
            (&gap.to_offset, Type::INT8),
            (&gap.reason, Type::TEXT),
        ];
        self.run(NOTE_GAP, &values).await.map(drop)
    }

    async fn suspect(&self, suspect: &Suspect) -> Result<(), Fault> {
        let (group, topic) = (&*self.group, &*suspect.partition.topic);
        let partition = i64::from(suspect.partition.partition);
        let (size, alone) = (i64::from(suspect.size), i64::from(suspect.alone));
        let values: [Value<'_>; 7] = [
            (&group, Type::TEXT),
            (&topic, Type::TEXT),
            (&partition, Type::INT8),
            (&suspect.from, Type::INT8),
            (&suspect.until, Type::INT8),
            (&size, Type::INT8),
            (&alone, Type::INT8),
        ];
        self.run(SUSPECT, &values).await.map(drop)
    }

    async fn clear(&self, partitions: &[TopicPartition]) -> Result<(), Fault> {
        self.about(CLEAR, partitions).await.map(drop)
    }
}

/// A row of `LOAD`. Partitions are numbered by 32 bits, so what is beyond is none of ours.
fn stored(row: &Row) -> Option<(TopicPartition, Stored)> {
    let partition = TopicPartition {
        topic: row.get::<_, &str>(0).into(),
        partition: row.get::<_, i64>(1).try_into().ok()?,
    };
    let topic_id = row.get::<_, Option<&str>>(3);
    let small = |column| u32::try_from(row.get::<_, i64>(column)).unwrap_or(u32::MAX);
    let suspect = row.get::<_, Option<i64>>(4).map(|from| Suspect {
        partition: partition.clone(),
        from,
        until: row.get(5),
        size: small(6),
        alone: small(7),
    });
    let stored = Stored {
        next_offset: row.get(2),
        topic_id: topic_id.and_then(|id| Uuid::parse_str(id).ok()),
        suspect,
    };
    Some((partition, stored))
}
