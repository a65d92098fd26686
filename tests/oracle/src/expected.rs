//! Events and objects in, tables out.

use crate::{
    event::{Event, Poison},
    facebook,
    item::{Item, Kind},
    leaves::{self, Leaf},
    object::{self, Sent},
    row::{Row, Versions, key, merge, row},
    settings::{Objects, OracleSettings},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

/// What every table and the dead-letter queue must hold. Tables are maps by key.
#[derive(Debug, Default)]
pub struct Expected {
    /// `post_analytics`.
    pub posts: BTreeMap<String, Row>,
    /// `authors`.
    pub authors: BTreeMap<String, Row>,
    /// `comments`; those without an id of their own by what they say.
    pub comments: BTreeMap<String, Row>,
    /// `crawl_errors`.
    pub crawl_errors: BTreeMap<String, Row>,
    /// `rejected_items`.
    pub rejected_items: BTreeMap<String, Row>,
    /// `ingested_batches`.
    pub ledger: BTreeMap<String, Row>,
    /// One for each poison message: the event's id where it could be read, and the reason.
    pub dead_letters: Vec<(Option<String>, String)>,
    /// What posts must hold beside their columns.
    pub(crate) leaves: BTreeMap<String, Vec<Leaf>>,
}

// === impl Expected ===

impl Expected {
    /// The rows of each table, the ledger last.
    pub fn tables(&self) -> [&BTreeMap<String, Row>; 6] {
        [
            &self.posts,
            &self.authors,
            &self.comments,
            &self.crawl_errors,
            &self.rejected_items,
            &self.ledger,
        ]
    }
}

/// Versions of rows, before they are merged.
#[derive(Default)]
struct Crawled {
    posts: BTreeMap<String, Versions>,
    authors: BTreeMap<String, Versions>,
    comments: BTreeMap<String, Versions>,
    errors: BTreeMap<String, Versions>,
    leaves: BTreeMap<String, (Timestamp, Vec<Leaf>)>,
}

/// Computes what `events`, as published and in any order, make of empty tables.
pub fn expect<B: AsRef<[u8]>>(
    events: impl IntoIterator<Item = B>,
    objects: &Objects,
    settings: &OracleSettings,
) -> Expected {
    let mut expected = Expected::default();
    let mut crawled = Crawled::default();
    let mut stored = BTreeSet::new();
    for body in events {
        match batch(body.as_ref(), objects, settings) {
            Err((id, reason)) => expected.dead_letters.push((id, reason.to_owned())),
            // An event that is in the ledger changes nothing.
            Ok((event, items)) if stored.insert(event.event_id.clone()) => {
                store(&event, &items, settings, &mut crawled, &mut expected);
            }
            Ok(_) => {}
        }
    }
    crawled.merge_into(&mut expected);
    expected
}

fn batch(body: &[u8], objects: &Objects, settings: &OracleSettings) -> Result<(Event, Vec<Sent>), Poison> {
    let event = Event::read(body, settings)?;
    let poison = |reason| (Some(event.event_id.clone()), reason);
    let object = objects.get(&(event.bucket.clone(), event.key.clone()));
    let object = object.ok_or(poison("object_missing"))?;
    let items = object::items(object, settings).map_err(poison)?;
    Ok((event, items))
}

fn store(
    event: &Event,
    items: &[Sent],
    settings: &OracleSettings,
    crawled: &mut Crawled,
    expected: &mut Expected,
) {
    let (mut successes, mut rejected) = (0, 0);
    let mut comments_left = settings.max_comments;
    let path = event.object_path();
    let rejection = |index: usize, reason: &str| {
        let row = row! {
            object_path: path, item_index: index, job_id: event.job_id,
            event_id: event.event_id, reason: reason,
        };
        (key(&[&path, &index.to_string()]), row)
    };
    let mut distribution = BTreeMap::<String, i64>::new();
    for (index, item) in items.iter().enumerate() {
        let told = item.as_ref().map(|sent| match event.platform.as_str() {
            "facebook" => Cow::Owned(facebook::translated(sent)),
            _ => Cow::Borrowed(sent),
        });
        let read = told.as_ref().map(|told| Item {
            sent: item.as_ref().unwrap_or(told),
            item: told,
            event,
            settings,
        });
        let kind = match &read {
            Ok(item) => item.kind(),
            Err(reason) => Kind::Rejected(reason),
        };
        match (kind, &read) {
            (Kind::Post, Ok(item)) => {
                successes += 1;
                let comments = item.comments();
                let stored = comments.len().min(comments_left);
                if stored < comments.len() {
                    // The post is stored and no rejected item, but not all of its comments are rows.
                    expected
                        .rejected_items
                        .extend([rejection(index, "too_many_comments")]);
                }
                comments_left -= stored;
                crawled.post(item, comments.into_iter().take(stored));
            }
            (Kind::Error, Ok(item)) => {
                let code = crawled.error(item);
                *distribution.entry(code).or_default() += 1;
            }
            (Kind::Rejected(reason), _) => {
                rejected += 1;
                expected.rejected_items.extend([rejection(index, reason)]);
            }
            (Kind::Post | Kind::Error, Err(_)) => unreachable!("what cannot be read is rejected"),
        }
    }
    let mut row = row! {
        event_id: event.event_id,
        object_path: path,
        project_id: event.project_id,
        job_id: event.job_id,
        platform: event.platform,
        batch_index: event.batch_index,
        total_batches: event.total_batches,
        content_count: event.content_count,
        item_count: items.len(),
        success_count: successes,
        error_count: items.len() - successes - rejected,
        rejected_count: rejected,
        error_distribution: distribution,
    };
    if let Some(at) = event.event_at {
        row.insert("event_at".to_owned(), at.to_string().into());
    }
    expected.ledger.insert(event.event_id.clone(), row);
}

/// The key of a comment without an id of its own: what it says, however an id is derived from it.
pub(crate) fn comment_key(row: &Row) -> String {
    let parts = [
        "platform",
        "post_id",
        "author_username",
        "author_name",
        "text",
        "commented_at",
    ];
    let part = |name: &&str| {
        row.get(*name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .replace('\u{fffd}', "")
    };
    format!(
        "without id | {}",
        parts.iter().map(part).collect::<Vec<_>>().join(" | ")
    )
}

// === impl Crawled ===

impl Crawled {
    fn post(&mut self, item: &Item<'_>, comments: impl Iterator<Item = Row>) {
        // Where only the service knows the time there is no second version to compare with.
        let at = item.crawled_at().unwrap_or(Timestamp::MIN);
        let id = item.id().unwrap_or_default();
        let post_key = key(&[item.event.scope(), &item.event.platform, &id]);
        let sent = leaves::sent(item.sent, item.settings.max_text_bytes);
        let known = self.leaves.entry(post_key.clone()).or_insert((at, Vec::new()));
        if at >= known.0 {
            *known = (at, sent);
        }
        self.posts.entry(post_key).or_default().push((at, item.post()));
        if let Some(author) = item.author() {
            let key = key(&[&item.event.platform, &item.author_key().unwrap_or_default()]);
            self.authors.entry(key).or_default().push((at, author));
        }
        for mut comment in comments {
            let key = match comment["comment_id"].as_str() {
                Some(id) => key(&[&item.event.platform, id]),
                None => {
                    comment.remove("comment_id");
                    comment_key(&comment)
                }
            };
            self.comments.entry(key).or_default().push((at, comment));
        }
    }

    fn error(&mut self, item: &Item<'_>) -> String {
        let at = item.crawled_at().unwrap_or(Timestamp::MIN);
        let error = item.error();
        let text = |column: &str| error[column].as_str().unwrap_or_default().to_owned();
        let code = text("error_code");
        let key = key(&[&text("scope"), &text("platform"), &text("content_id"), &code]);
        self.errors.entry(key).or_default().push((at, error));
        code
    }

    fn merge_into(self, expected: &mut Expected) {
        let merged = |tables: BTreeMap<String, Versions>| {
            tables
                .into_iter()
                .map(|(key, versions)| (key, merge(versions)))
                .collect()
        };
        expected.posts = merged(self.posts);
        expected.authors = merged(self.authors);
        expected.comments = merged(self.comments);
        for (key, versions) in self.errors {
            let times = || {
                versions
                    .iter()
                    .map(|(at, _)| *at)
                    .filter(|at| *at > Timestamp::MIN)
            };
            let seen = [
                ("created_at", times().min().map(|at| json!(at.to_string()))),
                ("last_seen_at", times().max().map(|at| json!(at.to_string()))),
                ("occurrences", Some(json!(versions.len()))),
            ];
            let mut row = merge(versions);
            row.extend(
                seen.into_iter()
                    .filter_map(|(name, value)| Some((name.to_owned(), value?))),
            );
            expected.crawl_errors.insert(key, row);
        }
        expected.leaves = self
            .leaves
            .into_iter()
            .map(|(key, (_, leaves))| (key, leaves))
            .collect();
    }
}
