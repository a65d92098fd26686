//! Questions by an index, newest first.

use crate::{
    DynamoError, Item, Table,
    value::{item_of, theirs},
};
use aws_sdk_dynamodb::types::AttributeValue;

/// Items of an index, from the last of a range to the first.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The index.
    pub index: &'a str,
    /// Its hash key, and the value of it.
    pub of: (&'a str, &'a str),
    /// Its range key, and the first and the last value of it; both are within.
    pub between: (&'a str, &'a str, &'a str),
    /// Items that are looked at for one answer.
    pub most: usize,
}

/// Some items, and where to go on.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The items, the last of the range first. Items with the same range key stand in an order of the service's own.
    pub items: Vec<Item>,
    /// The key of the last one, where there may be more.
    pub next: Option<Item>,
}

// === impl Table ===

impl Table {
    /// An answer to a question, from the beginning or behind an earlier one. An index lags behind the table.
    ///
    /// # Errors
    /// It was not told.
    pub async fn query(&self, question: &Question<'_>, behind: Option<Item>) -> Result<Page, DynamoError> {
        let Question {
            index,
            of: (hash, value),
            between: (range, first, last),
            most,
        } = *question;
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let asked = self.clients().await.questions.query();
        let asked = asked
            .table_name(self.name())
            .index_name(index)
            .scan_index_forward(false)
            .limit(i32::try_from(most).unwrap_or(i32::MAX))
            .key_condition_expression("#h = :h AND #r BETWEEN :first AND :last")
            .expression_attribute_names("#h", hash)
            .expression_attribute_names("#r", range)
            .expression_attribute_values(":h", text(value))
            .expression_attribute_values(":first", text(first))
            .expression_attribute_values(":last", text(last));
        let answer = asked.set_exclusive_start_key(behind.map(theirs)).send().await;
        let answer = answer.map_err(DynamoError::of)?;
        Ok(Page {
            items: answer
                .items
                .unwrap_or_default()
                .into_iter()
                .map(item_of)
                .collect(),
            next: answer
                .last_evaluated_key
                .map(item_of)
                .filter(|key| !key.is_empty()),
        })
    }
}
