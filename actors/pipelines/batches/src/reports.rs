//! What the database can say about the work of all replicas, for the API. The answers are plain rows,
//! described for its OpenAPI document where they are declared.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};
use utoipa::ToSchema;

/// Where the answers come from.
pub trait ReportQueries: Send + Sync {
    /// Projects, newest activity first.
    fn projects(&self, page: Page) -> Answer<Sums<Vec<ProjectReport>>>;
    /// The jobs of a project, newest activity first.
    fn jobs(&self, project_id: String, page: Page) -> Answer<Sums<Vec<JobReport>>>;
    /// Crawl errors by code and by category.
    fn errors(&self, of: ErrorsOf) -> Answer<Sums<ErrorReport>>;
    /// Stored batches, newest first; `prefix` is of an event, job or project id. None where too many begin so.
    fn batches(&self, prefix: Option<String>, page: Page) -> Answer<Option<Vec<BatchReport>>>;
    /// A stored batch and its first rejected items, at most so many.
    fn batch(
        &self,
        event_id: String,
        most_rejected: usize,
    ) -> Answer<Option<(StoredBatch, Vec<RejectedReport>)>>;
}

/// An answer on its way.
pub type Answer<T> = BoxFuture<'static, Result<T, Unavailable>>;

/// What all stored batches add up to, and as of when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums<T> {
    /// Everything stored until then is in it, and nothing that was stored later.
    pub as_of: Timestamp,
    /// The sums.
    pub of: T,
}

/// The database has no answer; the words say why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable(pub String);

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What comes after this row; `None` is the beginning.
    pub after: Option<Position>,
    /// Rows at most.
    pub limit: usize,
}

/// Where a row is in its list: lists are sorted by time, then by name, all descending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position(
    /// The row's time.
    pub Timestamp,
    /// Its name.
    pub String,
    /// The second part of its name, where it has one.
    pub String,
);

/// Which crawl errors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorsOf {
    /// Of one project.
    pub project_id: Option<String>,
    /// Of one platform.
    pub platform: Option<String>,
}

/// How far a project is.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ProjectReport {
    /// The project; null gathers the dry runs.
    pub project_id: Option<String>,
    /// Its jobs so far.
    pub jobs: i64,
    /// Batches stored.
    pub batches_done: i64,
    /// Batches announced; null where a job has not said how many it has.
    pub batches_expected: Option<i64>,
    /// Part that is done; null where it is not known how much there is.
    pub percent: Option<f64>,
    /// Items stored.
    pub items: i64,
    /// Items that are posts.
    pub successes: i64,
    /// Items that are crawl errors.
    pub errors: i64,
    /// Items that could not be read.
    pub rejected: i64,
    /// When a batch was stored last.
    pub last_committed_at: Timestamp,
}

/// How far a job is, on one platform.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct JobReport {
    /// The job.
    pub job_id: String,
    /// The platform.
    pub platform: String,
    /// Batches stored.
    pub batches_done: i64,
    /// Batches announced, where the job says how many it has.
    pub batches_expected: Option<i64>,
    /// Part that is done, where it is known how much there is.
    pub percent: Option<f64>,
    /// Items stored.
    pub items: i64,
    /// Items that are posts.
    pub successes: i64,
    /// Items that are crawl errors.
    pub errors: i64,
    /// Items that could not be read.
    pub rejected: i64,
    /// When a batch was stored last.
    pub last_committed_at: Timestamp,
}

/// Crawl errors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorReport {
    /// The most frequent codes, at most 200.
    pub codes: Vec<CodeCount>,
    /// Every category.
    pub categories: Vec<CategoryCount>,
}

/// Crawl errors of one code on one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CodeCount {
    /// As the crawler reported it, in upper case.
    pub error_code: String,
    /// Its category.
    pub category: String,
    /// The platform.
    pub platform: String,
    /// How often it occurred.
    pub errors: i64,
}

/// Crawl errors of one category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CategoryCount {
    /// The category.
    pub category: String,
    /// How often one of its codes occurred.
    pub errors: i64,
}

/// A stored batch, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BatchReport {
    /// Its event.
    pub event_id: String,
    /// Its job.
    pub job_id: String,
    /// Its project; null is a dry run.
    pub project_id: Option<String>,
    /// Its platform.
    pub platform: String,
    /// Items stored.
    pub items: i64,
    /// Items that are crawl errors.
    pub errors: i64,
    /// Items that could not be read.
    pub rejected: i64,
    /// When it was stored.
    pub committed_at: Timestamp,
    /// The number of the attempt that stored it, from 1; only charged attempts count.
    pub attempts: i64,
}

/// A row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StoredBatch {
    /// The event.
    pub event_id: String,
    /// The object it names.
    pub object_path: String,
    /// The object's tag when it was read.
    pub object_etag: Option<String>,
    /// Whose it is; null is a dry run.
    pub project_id: Option<String>,
    /// The job.
    pub job_id: String,
    /// The platform.
    pub platform: String,
    /// Number of the batch, as it was sent.
    pub batch_index: Option<i64>,
    /// Batches of the job, as it was sent.
    pub total_batches: Option<i64>,
    /// Items that the event announced.
    pub content_count: Option<i64>,
    /// Items that the object holds.
    pub item_count: i64,
    /// Items that are posts.
    pub success_count: i64,
    /// Items that are crawl errors.
    pub error_count: i64,
    /// Items that could not be read.
    pub rejected_count: i64,
    /// How often each error code occurs.
    pub error_distribution: BTreeMap<String, i64>,
    /// When the event happened, as its producer says.
    pub event_at: Timestamp,
    /// When it was delivered to us.
    pub received_at: Timestamp,
    /// When its rows were stored.
    pub committed_at: Timestamp,
    /// The number of the attempt that stored it, from 1; only charged attempts count.
    pub attempts: i64,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
}

/// An item that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RejectedReport {
    /// Its place in the object, from 0.
    pub item_index: i64,
    /// A code.
    pub reason: String,
    /// What is wrong with it.
    pub detail: String,
}

// === impl Unavailable ===

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Page ===

impl Page {
    /// The beginning of a list.
    pub fn first(limit: usize) -> Self {
        Self { after: None, limit }
    }
}
