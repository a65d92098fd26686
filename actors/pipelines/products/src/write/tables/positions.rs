//! `kafka_positions`: the swap.

use super::super::{draft::Draft, query::Query};
use millrace_postgres::{Client, Error, Preparing, types::Type};

/// Whose positions they are, and which process moves them.
#[derive(Clone, Debug)]
pub(in super::super) struct Holder {
    /// The consumer group.
    pub(in super::super) group: String,
    /// This process.
    pub(in super::super) owner: String,
}

/// A position that is not the one that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Found {
    /// None where there is none.
    pub(in super::super) next: Option<i64>,
    /// Moved last by this process.
    pub(in super::super) is_ours: bool,
}

pub(in super::super) static SWAP: Query = Query {
    sql: "UPDATE kafka_positions SET next_offset = $4, topic_id = coalesce($5::uuid, topic_id), owner = $6, updated_at = now() \
          WHERE group_id = $1 AND topic = $2 AND partition = $3 AND next_offset = $7",
    types: &[
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
        Type::INT8,
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
    ],
};

pub(in super::super) static BEGIN: Query = Query {
    sql: "INSERT INTO kafka_positions (group_id, topic, partition, next_offset, topic_id, owner) \
          VALUES ($1, $2, $3, $4, $5::uuid, $6) ON CONFLICT DO NOTHING",
    types: &[
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
        Type::INT8,
        Type::TEXT,
        Type::TEXT,
    ],
};

static READ: Query = Query {
    sql: "SELECT next_offset, owner = $4 FROM kafka_positions WHERE group_id = $1 AND topic = $2 AND partition = $3",
    types: &[Type::TEXT, Type::TEXT, Type::INT8, Type::TEXT],
};

/// Moves the position, where it is the expected one; says whether it was.
pub(in super::super) async fn swap(
    client: &Client,
    preparing: &Preparing,
    holder: &Holder,
    draft: &Draft<'_>,
) -> Result<bool, Error> {
    let topic_id = draft.topic_id.map(|id| id.to_string());
    let (topic, partition) = (draft.topic(), draft.partition());
    let moved = match draft.from {
        Some(from) => {
            SWAP.execute(
                client,
                preparing,
                &[
                    &holder.group,
                    &topic,
                    &partition,
                    &draft.next,
                    &topic_id,
                    &holder.owner,
                    &from,
                ],
            )
            .await?
        }
        None => {
            BEGIN
                .execute(
                    client,
                    preparing,
                    &[
                        &holder.group,
                        &topic,
                        &partition,
                        &draft.next,
                        &topic_id,
                        &holder.owner,
                    ],
                )
                .await?
        }
    };
    Ok(moved == 1)
}

/// What is there instead.
pub(in super::super) async fn read(
    client: &Client,
    preparing: &Preparing,
    holder: &Holder,
    draft: &Draft<'_>,
) -> Result<Found, Error> {
    let (topic, partition) = (draft.topic(), draft.partition());
    let rows = READ
        .rows(
            client,
            preparing,
            &[&holder.group, &topic, &partition, &holder.owner],
        )
        .await?;
    Ok(rows.first().map_or(
        Found {
            next: None,
            is_ours: false,
        },
        |row| Found {
            next: row.get(0),
            is_ours: row.get::<_, Option<bool>>(1).unwrap_or_default(),
        },
    ))
}
