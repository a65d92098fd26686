//! The question whether the database takes writes: a write like those of batches, of which nothing stays.
//!
//! It has a row for each table, under keys that nobody else has, so that it waits for no row of anybody's; what it does
//! wait for (a locked table, a full disk, a standby that does not confirm) every batch waits for.

use super::{
    blame::Blame,
    database::Database,
    statements::{LEAVE_A_TRACE, Patience, Statements},
};
use crate::{
    domain::{
        Author, Comment, CrawlError, CrawlEvent, Delivery, Items, Platform, Post, Project, Reason,
        RejectedItem,
    },
    messages::{ObjectInfo, ParsedBatch},
    supervision::{ByteBudget, Fault},
};
use deadpool_postgres::ClientWrapper;
use jiff::Timestamp;
use std::sync::Arc;
use tokio::time::timeout;

/// What a commit says that does not come to an end.
const UNCONFIRMED: &str = "a commit is not confirmed: with synchronous replication, see whether the standbys are \
     there (pg_stat_replication, synchronous_standby_names)";

/// Whether the database takes writes; if not, what it says.
pub(super) async fn writes(database: &Database, statements: &Statements) -> Result<(), String> {
    match ask(database, statements).await {
        // Refused for what it says, as a constraint of somebody's may do: then it was looked at.
        Ok(()) | Err(Blame::Fault(Fault::Poison { .. })) => Ok(()),
        Err(Blame::Fault(fault)) => Err(fault.to_string()),
        Err(Blame::Collision(detail) | Blame::Doubt { detail, .. }) => Err(detail),
    }
}

async fn ask(database: &Database, statements: &Statements) -> Result<(), Blame> {
    let limits = database.limits();
    // Shorter than a write's own, for an answer that comes late says little.
    let patience = Patience {
        statement: limits.statement / 2,
        lock: limits.statement / 4,
    };
    let bound = limits.statement + limits.connect;
    let lease = database.lease().await?;
    match timeout(bound, rows(&lease, statements, patience)).await {
        Ok(taken) => taken?,
        Err(_) => return Err(Blame::slow(format!("no answer within {bound:?}"))),
    }
    let commit = format!("{}; {LEAVE_A_TRACE}; COMMIT", patience.begin());
    match timeout(bound, lease.batch_execute(&commit)).await {
        Ok(committed) => committed?,
        Err(_) => {
            database.cancel(lease).await;
            return Err(Blame::slow(UNCONFIRMED));
        }
    }
    lease.give_back();
    Ok(())
}

/// Writes them and takes them back.
async fn rows(
    client: &ClientWrapper,
    statements: &Statements,
    patience: Patience,
) -> Result<(), tokio_postgres::Error> {
    let batch = nobodys(&format!(".millrace-probe-{:032x}", rand::random::<u128>()));
    let filled = statements.fill(client, &[&batch], patience).await;
    filled.inspect_err(|error| statements.learn(error))?;
    client.batch_execute("ROLLBACK").await
}

/// A batch with a row for each table.
fn nobodys(name: &str) -> ParsedBatch {
    let (now, name) = (Timestamp::now(), name.to_owned());
    ParsedBatch {
        object: ObjectInfo {
            path: name.clone(),
            etag: None,
            claims_zstd: false,
        },
        items: items(&name, now),
        event: Arc::new(CrawlEvent {
            event_id: name.clone(),
            event_at: now,
            job_id: name,
            project: Project::DryRun,
            platform: Platform::Tiktok,
            content_count: None,
            batch_index: None,
            total_batches: None,
            task_type: None,
            keyword: None,
            brand_name: None,
            user_id: None,
            delivery: Delivery {
                received_at: now,
                first_seen: now,
                attempt: 1,
                trace_id: None,
            },
        }),
        bytes: 0,
        reservation: ByteBudget::new(1).try_reserve(0).expect("nothing always fits"),
    }
}

fn items(name: &str, now: Timestamp) -> Items {
    let name = || name.to_owned();
    Items {
        posts: vec![Post {
            id: name(),
            crawled_at: now,
            ..Post::default()
        }],
        authors: vec![Author {
            author_key: name(),
            crawled_at: now,
            ..Author::default()
        }],
        comments: vec![Comment {
            comment_id: name(),
            post_id: name().into(),
            crawled_at: now,
            ..Comment::default()
        }],
        errors: vec![CrawlError {
            content_id: name(),
            crawled_at: now,
            ..CrawlError::default()
        }],
        rejected: vec![RejectedItem {
            item_index: 0,
            reason: Reason::MissingId,
            detail: name(),
            raw: String::new(),
        }],
        curtailed: Vec::new(),
    }
}
