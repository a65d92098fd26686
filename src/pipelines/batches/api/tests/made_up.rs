//! A service whose database is made up.

use crate::http::{
    Shown,
    tests::made_up::{MadeUp, Running, start_shown},
};
use crate::pipelines::batches::api::Reported;
use futures_util::FutureExt;
use jiff::Timestamp;
use millrace_batches::recent::Recent;
use millrace_batches::reports::{
    Answer, BatchReport, CategoryCount, CodeCount, ErrorReport, ErrorsOf, JobReport, Page, Position,
    ProjectReport, RejectedReport, ReportQueries, StoredBatch, Sums, Unavailable,
};
use std::{collections::BTreeMap, sync::Arc};

/// A database that holds so many of everything.
struct Books {
    rows: usize,
    health: Arc<MadeUp>,
}

/// The service, and what happened in it lately.
pub(super) struct Started {
    pub(super) http: Running,
    pub(super) recent: Recent,
}

/// Rows of everything in the made-up database.
pub(super) const ROWS: usize = 123;

pub(super) async fn start() -> Started {
    let recent = Recent::default();
    let shown = |health: &Arc<MadeUp>| {
        let reports = Arc::new(Books {
            rows: ROWS,
            health: health.clone(),
        });
        let recent = recent.clone();
        vec![Arc::new(Reported { recent, reports }) as Arc<dyn Shown>]
    };
    let http = start_shown(shown).await;
    Started { http, recent }
}

// === impl Books ===

impl Books {
    /// The part of so many rows that a page asks for, each with its number, newest first.
    fn part<T: Send + 'static>(&self, page: &Page, row: impl Fn(i64) -> T) -> Answer<Vec<T>> {
        let first = match &page.after {
            Some(Position(at, ..)) => self.rows as i64 - at.as_second() + 1,
            None => 0,
        };
        let numbers = (first..self.rows as i64).take(page.limit);
        self.answer(numbers.map(|n| row(self.rows as i64 - n)).collect())
    }

    fn answer<T: Send + 'static>(&self, found: T) -> Answer<T> {
        let down = self.health.situation().database_down;
        let answer = if down {
            Err(Unavailable("connection refused".to_owned()))
        } else {
            Ok(found)
        };
        async move { answer }.boxed()
    }
}

/// Sums of now.
fn sums<T: Send + 'static>(found: Answer<T>) -> Answer<Sums<T>> {
    let of_now = |of| Sums { as_of: time(9), of };
    async move { found.await.map(of_now) }.boxed()
}

fn time(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

impl ReportQueries for Books {
    fn projects(&self, page: Page) -> Answer<Sums<Vec<ProjectReport>>> {
        sums(self.part(&page, |n| ProjectReport {
            project_id: (n != 1).then(|| format!("p{n}")),
            jobs: 1,
            batches_done: n,
            batches_expected: None,
            percent: None,
            items: 50,
            successes: 40,
            errors: 9,
            rejected: 1,
            last_committed_at: time(n),
        }))
    }

    fn jobs(&self, project_id: String, page: Page) -> Answer<Sums<Vec<JobReport>>> {
        if project_id != "p1" {
            return sums(self.answer(Vec::new()));
        }
        sums(self.part(&page, |n| JobReport {
            job_id: format!("p1-brand-{n}"),
            platform: "tiktok".to_owned(),
            batches_done: 1,
            batches_expected: Some(2),
            percent: Some(50.0),
            items: 50,
            successes: 40,
            errors: 9,
            rejected: 1,
            last_committed_at: time(n),
        }))
    }

    fn errors(&self, of: ErrorsOf) -> Answer<Sums<ErrorReport>> {
        let platform = of.platform.unwrap_or_else(|| "tiktok".to_owned());
        let category = || "network".to_owned();
        sums(self.answer(ErrorReport {
            codes: vec![CodeCount {
                error_code: "TIMEOUT".to_owned(),
                category: category(),
                platform,
                errors: 4,
            }],
            categories: vec![CategoryCount {
                category: category(),
                errors: 4,
            }],
        }))
    }

    fn batches(&self, prefix: Option<String>, page: Page) -> Answer<Option<Vec<BatchReport>>> {
        let found = self.part(&page, |n| BatchReport {
            event_id: format!("{}{n}", prefix.as_deref().unwrap_or("e")),
            job_id: "j".to_owned(),
            project_id: None,
            platform: "tiktok".to_owned(),
            items: 1,
            errors: 0,
            rejected: 0,
            committed_at: time(n),
            attempts: 0,
        });
        let too_many = prefix.as_deref() == Some("too-many");
        async move { Ok(found.await?).map(|found| (!too_many).then_some(found)) }.boxed()
    }

    fn batch(
        &self,
        event_id: String,
        most_rejected: usize,
    ) -> Answer<Option<(StoredBatch, Vec<RejectedReport>)>> {
        if event_id != "e1" {
            return self.answer(None);
        }
        let rejected = (0..most_rejected as i64).map(|item_index| RejectedReport {
            item_index,
            reason: "missing_id".to_owned(),
            detail: "no id".to_owned(),
        });
        let stored = StoredBatch {
            event_id,
            object_path: "b/k".to_owned(),
            object_etag: None,
            project_id: None,
            job_id: "j".to_owned(),
            platform: "tiktok".to_owned(),
            batch_index: None,
            total_batches: None,
            content_count: None,
            item_count: 1,
            success_count: 0,
            error_count: 0,
            rejected_count: 1,
            error_distribution: BTreeMap::new(),
            event_at: time(1),
            received_at: time(1),
            committed_at: time(1),
            attempts: 0,
            trace_id: Some("abc".to_owned()),
        };
        self.answer(Some((stored, rejected.collect())))
    }
}
