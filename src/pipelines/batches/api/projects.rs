//! `/projects` and what belongs to one.

use super::Ledger;
use super::list::{next_of, page};
use crate::http::{ApiError, Body, Name, PartOf, Problem, Query};
use axum::extract::{OriginalUri, State};
use jiff::Timestamp;
use millrace_batches::reports::{JobReport, Position, ProjectReport, Sums};
use serde::Serialize;
use utoipa::ToSchema;

/// A part of the list of projects.
#[derive(Serialize, ToSchema)]
struct Projects {
    /// `database`: what all replicas stored.
    scope: &'static str,
    /// Everything that was stored until then is in the figures.
    as_of: Timestamp,
    /// Newest activity first.
    projects: Vec<ProjectReport>,
    /// `cursor` of the next part; null at the end.
    next: Option<String>,
}

/// A part of the list of a project's jobs.
#[derive(Serialize, ToSchema)]
struct Progress {
    /// `database`: what all replicas stored.
    scope: &'static str,
    /// Everything that was stored until then is in the figures.
    as_of: Timestamp,
    /// The project.
    project_id: String,
    /// Newest activity first.
    jobs: Vec<JobReport>,
    /// `cursor` of the next part; null at the end.
    next: Option<String>,
}

/// Projects and how far they are, newest activity first.
#[utoipa::path(get, path = "/projects", params(PartOf), responses((status = 200, body = Projects)))]
pub(super) async fn projects(
    State(ledger): State<Ledger>,
    OriginalUri(uri): OriginalUri,
    Query(part): Query<PartOf>,
) -> Result<Body, ApiError> {
    let (limit, page) = page(part.limit.as_deref(), part.cursor.as_deref())?;
    let asked = ledger.reports.projects(page);
    let answer = async move {
        let Sums {
            as_of,
            of: mut projects,
        } = asked.await?;
        let next = next_of(&mut projects, limit, |last| {
            let name = last.project_id.clone().unwrap_or_default();
            Position(last.last_committed_at, name, String::new())
        });
        Ok(Projects {
            scope: "database",
            as_of,
            projects,
            next,
        })
    };
    ledger.api.answer(&uri, answer).await
}

/// The jobs of a project and how far they are, newest activity first.
#[utoipa::path(
    get, path = "/projects/{id}/progress",
    params(("id" = String, Path, description = "The project."), PartOf),
    responses((status = 200, body = Progress), (status = 404, body = Problem, description = "Nothing is stored of it.")),
)]
pub(super) async fn progress(
    State(ledger): State<Ledger>,
    OriginalUri(uri): OriginalUri,
    Name(project_id): Name,
    Query(part): Query<PartOf>,
) -> Result<Body, ApiError> {
    let (limit, page) = page(part.limit.as_deref(), part.cursor.as_deref())?;
    let first = page.after.is_none();
    let asked = ledger.reports.jobs(project_id.clone(), page);
    let answer = async move {
        let Sums { as_of, of: mut jobs } = asked.await?;
        if jobs.is_empty() && first {
            let why = format!("nothing is stored of project {project_id:?}");
            return Err(ApiError::not_found(why));
        }
        let next = next_of(&mut jobs, limit, |last| {
            Position(last.last_committed_at, last.job_id.clone(), last.platform.clone())
        });
        Ok(Progress {
            scope: "database",
            as_of,
            project_id,
            jobs,
            next,
        })
    };
    ledger.api.answer(&uri, answer).await
}
