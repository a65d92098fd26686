//! Many items in as few requests as there may be. Nothing is lost to throttling: what was not taken is tried again.

use crate::{
    DynamoError, Item, Table,
    value::{Value, bytes_of, item_of, theirs},
};
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use futures_util::{StreamExt, TryStreamExt, stream};
use millrace_engine::{Backoff, jitter};
use std::{collections::HashMap, time::Duration};
use tokio::time::Instant;
use tracing::debug;

/// Items that one request may hold.
const MOST_ITEMS: usize = 25;
/// Bytes of them; a little less than it may hold, because our count knows nothing of the request around them.
const MOST_BYTES: usize = 15 << 20;
/// Delays before what was not taken is tried again; chance makes each of them anything down to nothing.
const AGAIN: Backoff = Backoff::doubling(Duration::from_millis(100), Duration::from_secs(20));

/// An item that the table will never take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The value of its key.
    pub key: String,
    /// What the service says of it.
    pub why: String,
}

// === impl Table ===

impl Table {
    /// Puts items, whatever was there under their keys; of several with the same `key` the last counts. Returns those
    /// that are refused for themselves, each tried alone. What is throttled, unprocessed or unanswered is tried again
    /// for as long as the settings are patient.
    ///
    /// # Errors
    /// Not all could be written. Some may be, and do no harm when they are put again.
    pub async fn put_many(&self, key: &str, items: Vec<Item>) -> Result<Vec<Refused>, DynamoError> {
        let until = Instant::now() + self.settings.patience;
        let batches = batches(last_of_each(key, items));
        let refused = stream::iter(batches.into_iter().map(|batch| self.put_batch(key, batch, until)))
            .buffer_unordered(self.settings.concurrency.max(1))
            .try_collect::<Vec<_>>();
        Ok(refused.await?.concat())
    }

    async fn put_batch(
        &self,
        key: &str,
        batch: Vec<Item>,
        until: Instant,
    ) -> Result<Vec<Refused>, DynamoError> {
        let mut refused = Vec::new();
        // The last one is tried first; a batch that is refused is tried in halves.
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            match self.put_part(&part, until).await {
                Ok(()) => {}
                Err(DynamoError::Invalid(why)) if part.len() == 1 => {
                    let key = part[0].get(key).and_then(Value::as_text).unwrap_or_default();
                    refused.push(Refused {
                        key: key.to_owned(),
                        why,
                    });
                }
                Err(DynamoError::Invalid(_)) => {
                    let mut part = part;
                    let rest = part.split_off(part.len() / 2);
                    parts.extend([rest, part]);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(refused)
    }

    /// All of them, or why not.
    async fn put_part(&self, part: &[Item], until: Instant) -> Result<(), DynamoError> {
        let mut left = part.to_vec();
        let mut failures = 0;
        loop {
            let before = left.len();
            let error = match self.put_once(left.clone()).await {
                Ok(unprocessed) if unprocessed.is_empty() => return Ok(()),
                Ok(unprocessed) => {
                    left = unprocessed;
                    DynamoError::Busy(format!("{} of {before} items were not processed", left.len()))
                }
                Err(error) if error.passes() => error,
                Err(error) => return Err(error),
            };
            // Where some were taken it is not worse than before.
            failures = if left.len() < before { 1 } else { failures + 1 };
            let pause = AGAIN.after(failures).mul_f64(jitter(1.0));
            if Instant::now() + pause >= until {
                return Err(error);
            }
            debug!(error = %error, items = left.len(), "DynamoDB did not take all; again in {pause:?}");
            tokio::time::sleep(pause).await;
        }
    }

    /// One request; what it did not process.
    async fn put_once(&self, items: Vec<Item>) -> Result<Vec<Item>, DynamoError> {
        let requests = items.into_iter().map(|item| {
            let put = PutRequest::builder().set_item(Some(theirs(item))).build();
            let put = put.expect("a put has an item");
            WriteRequest::builder().put_request(put).build()
        });
        let asked = self.clients().await.writes.batch_write_item();
        let asked = asked.request_items(self.name(), requests.collect());
        let answer = asked.send().await.map_err(DynamoError::of)?;
        let unprocessed = answer
            .unprocessed_items
            .unwrap_or_default()
            .into_values()
            .flatten();
        let puts = unprocessed.filter_map(|request| request.put_request);
        Ok(puts.map(|put| item_of(put.item)).collect())
    }
}

/// A request with a key twice is refused.
fn last_of_each(key: &str, items: Vec<Item>) -> Vec<Item> {
    let mut places = HashMap::new();
    for (place, item) in items.iter().enumerate() {
        if let Some(Value::Text(key)) = item.get(key) {
            places.insert(key.clone(), place);
        }
    }
    let last = items.into_iter().enumerate().filter(|(place, item)| {
        let Some(Value::Text(key)) = item.get(key) else {
            return true;
        };
        places.get(key) == Some(place)
    });
    last.map(|(_, item)| item).collect()
}

fn batches(items: Vec<Item>) -> Vec<Vec<Item>> {
    let mut batches: Vec<Vec<Item>> = Vec::new();
    let mut bytes = 0;
    for item in items {
        let size = bytes_of(&item);
        match batches.last_mut() {
            Some(batch) if batch.len() < MOST_ITEMS && bytes + size <= MOST_BYTES => {
                batch.push(item);
                bytes += size;
            }
            _ => {
                batches.push(vec![item]);
                bytes = size;
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: usize, bytes: usize) -> Item {
        Item::from([
            ("id".to_owned(), Value::Text(id.to_string())),
            ("b".to_owned(), Value::Text("x".repeat(bytes))),
        ])
    }

    #[test]
    fn a_batch_is_no_larger_than_a_request_may_be() {
        let sizes = |items: Vec<Item>| batches(items).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes((0..51).map(|id| item(id, 1)).collect()), [25, 25, 1]);
        assert_eq!(sizes((0..5).map(|id| item(id, 6 << 20)).collect()), [2, 2, 1]);
        assert_eq!(sizes(Vec::new()), Vec::<usize>::new());
        assert_eq!(
            sizes(vec![item(0, 20 << 20)]),
            [1],
            "it is the service that refuses it"
        );
    }

    #[test]
    fn of_items_with_one_key_the_last_counts() {
        let kept = last_of_each("id", vec![item(1, 1), item(2, 2), item(1, 3)]);
        assert_eq!(kept, [item(2, 2), item(1, 3)]);
    }
}
