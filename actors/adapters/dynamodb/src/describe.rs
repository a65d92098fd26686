//! What a table should be like, and what it is like.

use crate::{DynamoError, Table};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex,
    GlobalSecondaryIndexUpdate, IndexStatus, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};
use std::time::Duration;

/// What a table should be like. All keys are text.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Its hash key; it has no range key.
    pub key: &'static str,
    /// Its indexes.
    pub indexes: &'static [Index],
    /// The attribute that says when an item ends, in seconds since 1970.
    pub ttl: &'static str,
}

/// An index over all attributes.
#[derive(Clone, Copy, Debug)]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// Its hash key.
    pub hash: &'static str,
    /// Its range key.
    pub range: &'static str,
}

/// What a table is like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Whether it takes reads and writes.
    pub active: bool,
    /// The attributes of its key.
    pub key: Vec<String>,
    /// The indexes that answer.
    pub indexes: Vec<String>,
    /// The attribute by which items end; none where they end by none.
    pub ttl: Option<String>,
}

/// How often a table that is being made is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often at most: an index over much takes hours, and is not waited for.
const LOOKS: usize = 120;

// === impl Description ===

impl Description {
    /// Whether items are found and kept as in a table of this shape; else what is different.
    ///
    /// # Errors
    /// Its key is another.
    pub fn has_key_of(&self, shape: &Shape) -> Result<(), String> {
        if self.key == [shape.key] {
            return Ok(());
        }
        let (key, wanted) = (self.key.join(", "), shape.key);
        Err(format!("its key is {key:?}, and not {wanted:?}"))
    }

    /// What works less well than in a table of this shape, in words.
    pub fn lacks(&self, shape: &Shape) -> Vec<String> {
        let missing = shape
            .indexes
            .iter()
            .filter(|index| !self.indexes.iter().any(|there| there == index.name));
        let mut lacks: Vec<_> = missing
            .map(|index| {
                format!(
                    "the index {} ({}, {}) is missing, so questions by it find no answer",
                    index.name, index.hash, index.range
                )
            })
            .collect();
        match self.ttl.as_deref() {
            Some(attribute) if attribute == shape.ttl => {}
            Some(other) => lacks.push(format!(
                "items end by {other}, and not by {}: they stay for ever",
                shape.ttl
            )),
            None => lacks.push(format!("TTL by {} is off, so nothing is ever deleted", shape.ttl)),
        }
        lacks
    }
}

// === impl Table ===

impl Table {
    /// What it is like; none where there is no such table.
    ///
    /// # Errors
    /// It was not told.
    pub async fn describe(&self) -> Result<Option<Description>, DynamoError> {
        let client = &self.clients().await.questions;
        let asked = client.describe_table().table_name(self.name());
        let table = match asked.send().await.map_err(DynamoError::of) {
            Ok(answer) => answer.table.unwrap_or_else(|| {
                // An answer without a table describes none.
                aws_sdk_dynamodb::types::TableDescription::builder().build()
            }),
            Err(DynamoError::Missing(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let asked = client.describe_time_to_live().table_name(self.name());
        let answer = asked.send().await.map_err(DynamoError::of)?;
        let ttl = answer.time_to_live_description.filter(|ttl| {
            let on = [TimeToLiveStatus::Enabled, TimeToLiveStatus::Enabling];
            ttl.time_to_live_status
                .as_ref()
                .is_some_and(|status| on.contains(status))
        });
        let indexes = table.global_secondary_indexes.unwrap_or_default().into_iter();
        let answering = indexes.filter(|index| {
            // Servers of one's own may not say.
            index
                .index_status
                .as_ref()
                .is_none_or(|status| *status == IndexStatus::Active)
        });
        Ok(Some(Description {
            active: matches!(
                table.table_status,
                Some(TableStatus::Active | TableStatus::Updating)
            ),
            key: table
                .key_schema
                .unwrap_or_default()
                .into_iter()
                .map(|part| part.attribute_name)
                .collect(),
            indexes: answering.filter_map(|index| index.index_name).collect(),
            ttl: ttl.and_then(|ttl| ttl.attribute_name),
        }))
    }

    /// Makes it, or what it lacks: indexes and TTL. Billed by request. What is there stays as it is.
    ///
    /// # Errors
    /// It could not be made, or does not become active.
    pub async fn create(&self, shape: &Shape) -> Result<(), DynamoError> {
        let description = match self.describe().await? {
            Some(description) => description,
            None => {
                self.create_whole(shape).await?;
                self.until_active().await?
            }
        };
        if description.has_key_of(shape).is_err() {
            return Ok(());
        }
        for index in shape.indexes {
            if !description.indexes.iter().any(|there| there == index.name) {
                self.add_index(index).await?;
            }
        }
        if description.ttl.is_none() {
            self.end_by(shape.ttl).await?;
        }
        Ok(())
    }

    async fn create_whole(&self, shape: &Shape) -> Result<(), DynamoError> {
        let mut keys = vec![shape.key];
        keys.extend(shape.indexes.iter().flat_map(|index| [index.hash, index.range]));
        keys.sort_unstable();
        keys.dedup();
        let mut asked = self.clients().await.questions.create_table();
        asked = asked
            .table_name(self.name())
            .billing_mode(BillingMode::PayPerRequest)
            .key_schema(key(shape.key, KeyType::Hash));
        for name in keys {
            asked = asked.attribute_definitions(text(name));
        }
        for index in shape.indexes {
            let index = GlobalSecondaryIndex::builder()
                .index_name(index.name)
                .key_schema(key(index.hash, KeyType::Hash))
                .key_schema(key(index.range, KeyType::Range))
                .projection(all())
                .build();
            asked = asked.global_secondary_indexes(index.expect("an index has a name and a key"));
        }
        match asked.send().await.map_err(DynamoError::of) {
            // Another replica makes it at this moment.
            Err(DynamoError::Busy(said)) if said.starts_with("ResourceInUse") => Ok(()),
            made => made.map(drop),
        }
    }

    async fn until_active(&self) -> Result<Description, DynamoError> {
        for _ in 0..LOOKS {
            if let Some(description) = self.describe().await?.filter(|it| it.active) {
                return Ok(description);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err(DynamoError::Away(format!(
            "the table {} was made and does not become active",
            self.name()
        )))
    }

    async fn add_index(&self, index: &Index) -> Result<(), DynamoError> {
        let action = CreateGlobalSecondaryIndexAction::builder()
            .index_name(index.name)
            .key_schema(key(index.hash, KeyType::Hash))
            .key_schema(key(index.range, KeyType::Range))
            .projection(all())
            .build();
        let update = GlobalSecondaryIndexUpdate::builder()
            .create(action.expect("an index has a name and a key"))
            .build();
        let asked = self.clients().await.questions.update_table();
        let asked = asked
            .table_name(self.name())
            .attribute_definitions(text(index.hash))
            .attribute_definitions(text(index.range))
            .global_secondary_index_updates(update);
        asked.send().await.map(drop).map_err(DynamoError::of)
    }

    async fn end_by(&self, attribute: &str) -> Result<(), DynamoError> {
        let ttl = TimeToLiveSpecification::builder()
            .enabled(true)
            .attribute_name(attribute)
            .build();
        let asked = self.clients().await.questions.update_time_to_live();
        let asked = asked
            .table_name(self.name())
            .time_to_live_specification(ttl.expect("it has an attribute"));
        asked.send().await.map(drop).map_err(DynamoError::of)
    }
}

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    let made = KeySchemaElement::builder().attribute_name(name).key_type(kind);
    made.build().expect("a key has a name and a kind")
}

fn text(name: &str) -> AttributeDefinition {
    let made = AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(ScalarAttributeType::S);
    made.build().expect("an attribute has a name and a type")
}

fn all() -> Projection {
    Projection::builder().projection_type(ProjectionType::All).build()
}
