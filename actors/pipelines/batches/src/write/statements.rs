//! The statements of a write, and the order in which they are sent.

use super::{
    nobody,
    tables::{AUTHORS, COMMENTS, CRAWL_ERRORS, INGESTED_BATCHES, POST_ANALYTICS, REJECTED_ITEMS},
    written::Written,
};
use crate::{
    domain::{Author, Comment, CrawlError, Items, Post, RejectedItem},
    failpoints,
    messages::ParsedBatch,
};
use millrace_engine::failpoints::{Point, reached};
use millrace_postgres::{
    BYTES_A_STATEMENT, Client, Error, Insert, LEAVE_A_TRACE, Preparing, ROWS_A_STATEMENT, TableRows, Version,
    Write,
};
use std::{collections::HashSet, sync::Arc};

/// The text of every statement, made once. Cheap to clone.
#[derive(Clone)]
pub(super) struct Statements(Arc<Inserts>);

struct Inserts {
    preparing: Preparing,
    ledger: Insert<ParsedBatch, ()>,
    posts: Insert<ParsedBatch, Post>,
    authors: Insert<ParsedBatch, Author>,
    comments: Insert<ParsedBatch, Comment>,
    crawl_errors: Insert<ParsedBatch, CrawlError>,
    rejected_items: Insert<ParsedBatch, RejectedItem>,
}

// === impl Statements ===

impl Default for Statements {
    fn default() -> Self {
        Self(Arc::new(Inserts {
            preparing: Preparing::default(),
            ledger: Insert::new(&INGESTED_BATCHES),
            posts: Insert::new(&POST_ANALYTICS),
            authors: Insert::new(&AUTHORS),
            comments: Insert::new(&COMMENTS),
            crawl_errors: Insert::new(&CRAWL_ERRORS),
            rejected_items: Insert::new(&REJECTED_ITEMS),
        }))
    }
}

impl Write for Statements {
    type In = ParsedBatch;
    type Written<'a> = Written<'a>;

    fn id(batch: &ParsedBatch) -> &str {
        &batch.event.event_id
    }

    fn was_tried(batch: &ParsedBatch) -> bool {
        batch.event.delivery.attempt > 1
    }

    fn bytes(batch: &ParsedBatch) -> usize {
        batch.bytes
    }

    fn probe(name: String) -> ParsedBatch {
        nobody::batch(&name)
    }

    /// The ledger first: it says which events are new, and only their rows follow.
    async fn fill<'a>(&'a self, client: &Client, batches: &[&'a ParsedBatch]) -> Result<Written<'a>, Error> {
        all_reached(failpoints::WRITE_BEGIN, batches);
        self.0.prepare(client).await?;
        let mut unseen = self.0.enter(client, batches).await?;
        // An event that comes twice in one write is stored once.
        let (stored, repeated): (Vec<_>, Vec<_>) = batches
            .iter()
            .copied()
            .partition(|batch| unseen.remove(&batch.event.event_id));
        let rows = self.0.insert(client, &stored).await?;
        if stored.is_empty() {
            client.batch_execute(LEAVE_A_TRACE).await?;
        }
        all_reached(failpoints::WRITE_END, batches);
        Ok(Written {
            stored,
            repeated,
            rows,
        })
    }

    fn failed(&self, error: &Error) {
        self.0.preparing.learn(error);
    }

    fn committed(batches: &[&ParsedBatch]) {
        all_reached(failpoints::WRITE_COMMITTED, batches);
    }
}

fn all_reached(point: Point, batches: &[&ParsedBatch]) {
    for batch in batches {
        reached(point, &batch.event.event_id);
    }
}

// === impl Inserts ===

impl Inserts {
    async fn prepare(&self, client: &Client) -> Result<(), Error> {
        let statements = [
            self.ledger.sql(),
            self.posts.sql(),
            self.authors.sql(),
            self.comments.sql(),
            self.crawl_errors.sql(),
            self.rejected_items.sql(),
        ];
        self.preparing.prepare(client, statements).await
    }

    async fn enter(&self, client: &Client, batches: &[&ParsedBatch]) -> Result<HashSet<String>, Error> {
        let entries = batches.iter().map(|batch| (*batch, &()));
        let entered = self.ledger.keys(client, &self.preparing, entries).await?;
        entered.iter().map(|row| row.try_get(0)).collect()
    }

    /// Sends all statements at once and in this order, which every transaction keeps: writers that
    /// lock tables in different orders deadlock. What takes several statements is sent table by table.
    async fn insert(&self, client: &Client, stored: &[&ParsedBatch]) -> Result<Vec<TableRows>, Error> {
        let preparing = &self.preparing;
        let posts = self
            .posts
            .run(client, preparing, each(stored, |items| &items.posts));
        let authors = self
            .authors
            .run(client, preparing, each(stored, |items| &items.authors));
        let comments = self
            .comments
            .run(client, preparing, each(stored, |items| &items.comments));
        let crawl_errors = self
            .crawl_errors
            .run(client, preparing, each(stored, |items| &items.errors));
        let rejected = each(stored, |items| &items.rejected);
        let curtailed = each(stored, |items| &items.curtailed);
        let rejected_items = self
            .rejected_items
            .run(client, preparing, rejected.chain(curtailed));
        let rows: usize = stored.iter().map(|batch| batch.items.row_count()).sum();
        let bytes: usize = stored.iter().map(|batch| batch.bytes).sum();
        let is_small = rows <= ROWS_A_STATEMENT && bytes <= BYTES_A_STATEMENT;
        let (posts, authors, comments, crawl_errors, rejected_items) = if is_small {
            tokio::try_join!(biased; posts, authors, comments, crawl_errors, rejected_items)?
        } else {
            (
                posts.await?,
                authors.await?,
                comments.await?,
                crawl_errors.await?,
                rejected_items.await?,
            )
        };
        let ledger = TableRows {
            table: self.ledger.table(),
            rows: stored.len() as u64,
        };
        Ok(vec![
            ledger,
            posts,
            authors,
            comments,
            crawl_errors,
            rejected_items,
        ])
    }
}

fn each<'a, T>(
    batches: &[&'a ParsedBatch],
    of: fn(&'a Items) -> &'a Vec<T>,
) -> impl Iterator<Item = Version<'a, ParsedBatch, T>> {
    batches
        .iter()
        .flat_map(move |batch| of(&batch.items).iter().map(move |item| (*batch, item)))
}
