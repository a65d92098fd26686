//! Recent events in DynamoDB.

use super::{
    Answer, EventPlace, EventQuestion, NoAnswer, RecentEvent, RecentStore, RefusedEvent,
    item::{BY_PRODUCT, BY_TYPE, ID, event_of, is_oversize, item_of, text_of},
};
use crate::domain::EventType;
use jiff::Timestamp;
use millrace_dynamodb::{DynamoError, Index, Question, Table};
use tracing::info;

/// Items that one request looks at.
const A_PAGE: usize = 250;
/// Items that are looked at for one answer: a filter that fits few of them would read the whole table.
const MOST_LOOKED_AT: usize = 20_000;
/// Before and behind every timestamp.
const FIRST: &str = "0";
const LAST: &str = "~";

/// A [`RecentStore`] in DynamoDB.
#[derive(Clone, Debug)]
pub struct DynamoEvents(Table);

// === impl DynamoEvents ===

impl DynamoEvents {
    /// In this table.
    pub fn new(table: Table) -> Self {
        Self(table)
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.0
    }

    /// The newest of what one key of an index holds; ones of a moment are told all or not at all, because the index
    /// keeps them in an order of its own.
    async fn newest(
        &self,
        index: &Index,
        of: &str,
        question: &EventQuestion,
        now: Timestamp,
    ) -> Result<Vec<RecentEvent>, NoAnswer> {
        let after = question.after.as_ref().map(|EventPlace(at, _)| *at);
        let last = [after, question.until].into_iter().flatten().min();
        let last = last.map_or_else(|| LAST.to_owned(), text_of);
        let first = question.since.map_or_else(|| FIRST.to_owned(), text_of);
        if first > last {
            return Ok(Vec::new());
        }
        let asked = Question {
            index: index.name,
            of: (index.hash, of),
            between: (index.range, &first, &last),
            most: A_PAGE,
        };
        let mut found: Vec<RecentEvent> = Vec::new();
        let (mut behind, mut looked_at) = (None, 0);
        loop {
            let page = self.0.query(&asked, behind).await.map_err(no_answer)?;
            looked_at += page.items.len();
            let events: Vec<_> = page.items.iter().filter_map(event_of).collect();
            let reached = events.last().map(|event| event.at);
            let fits = |event: &RecentEvent| event.expires_at > now && question.asks_for(event);
            found.extend(events.into_iter().filter(fits));
            let enough = found.get(question.limit.saturating_sub(1)).map(|event| event.at);
            let complete = enough
                .zip(reached)
                .is_some_and(|(enough, reached)| reached < enough);
            behind = page.next;
            if behind.is_none() || complete {
                return Ok(found);
            }
            if looked_at >= MOST_LOOKED_AT {
                return Err(NoAnswer(format!(
                    "of the last {looked_at} events too few fit; ask for a product, or for a shorter time"
                )));
            }
        }
    }
}

impl RecentStore for DynamoEvents {
    fn put<'a>(&'a self, events: &'a [RecentEvent]) -> Answer<'a, Vec<RefusedEvent>> {
        Box::pin(async move {
            let items: Vec<_> = events.iter().map(item_of).collect();
            for (event, _) in events.iter().zip(&items).filter(|(_, item)| is_oversize(item)) {
                info!(
                    event_id = event.id,
                    "an event is too large for DynamoDB; its item is there without the data, which the journal and the archive have"
                );
            }
            let refused = self.0.put_many(ID, items).await.map_err(no_answer)?;
            let refused = refused.into_iter().map(|refused| RefusedEvent {
                id: refused.key,
                why: refused.why,
            });
            Ok(refused.collect())
        })
    }

    fn get<'a>(&'a self, id: &'a str, now: Timestamp) -> Answer<'a, Option<RecentEvent>> {
        Box::pin(async move {
            let item = self.0.get(ID, id).await.map_err(no_answer)?;
            let event = item.as_ref().and_then(event_of);
            Ok(event.filter(|event| event.expires_at > now))
        })
    }

    fn list<'a>(&'a self, question: &'a EventQuestion, now: Timestamp) -> Answer<'a, Vec<RecentEvent>> {
        Box::pin(async move {
            let mut found = Vec::new();
            match (&question.product_id, question.event_type) {
                (Some(product), _) => found = self.newest(&BY_PRODUCT, product, question, now).await?,
                (None, Some(one)) => found = self.newest(&BY_TYPE, one.as_str(), question, now).await?,
                (None, None) => {
                    for one in EventType::ALL {
                        found.extend(self.newest(&BY_TYPE, one.as_str(), question, now).await?);
                    }
                }
            }
            found.sort_by_cached_key(|event| std::cmp::Reverse(event.place()));
            found.truncate(question.limit);
            Ok(found)
        })
    }
}

fn no_answer(error: DynamoError) -> NoAnswer {
    NoAnswer(format!("DynamoDB {error}"))
}
