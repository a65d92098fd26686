//! What all stored batches add up to, from the sums that [`Rollups`](super::super::Rollups) keeps.

use super::{Question, Reports, all, count, parts};
use crate::{
    domain::{ErrorCategory, ErrorCode},
    reports::{
        CategoryCount, CodeCount, ErrorReport, ErrorsOf, JobReport, Page, ProjectReport, Sums, Unavailable,
    },
};
use jiff::Timestamp;
use millrace_postgres::{Error, Row, types::Type};
use std::{cmp::Reverse, collections::BTreeMap};

/// Codes that are listed; there are 21, and crawlers may invent more.
const MOST_CODES: i64 = 200;

/// As of when the sums are true: of now where nothing waits to be added.
const AS_OF: &str = "\
    SELECT filled, CASE WHEN EXISTS (SELECT FROM rollup_changes) THEN refreshed_at ELSE now() END AS as_of \
    FROM rollup_state";

const PROJECTS: &str = "\
    SELECT nullif(project_key, '') AS project_id, jobs, batches_done, \
           CASE WHEN parts_unplanned = 0 THEN batches_expected END AS batches_expected, \
           CASE WHEN parts_unsized = 0 THEN round(100.0 * batches_counted / batches_expected, 2)::double precision \
           END AS percent, \
           items, successes, errors, rejected, last_committed_at \
    FROM rollup_projects WHERE (last_committed_at, project_key) < ($1, $2) \
    ORDER BY last_committed_at DESC, project_key DESC LIMIT $3";

const JOBS: &str = "\
    SELECT job_id, platform, batches_done, batches_expected, \
           CASE WHEN batches_expected > 0 \
                THEN least(100, round(100.0 * batches_done / batches_expected, 2))::double precision END AS percent, \
           items, successes, errors, rejected, last_committed_at \
    FROM rollup_jobs WHERE project_key = $1 AND (last_committed_at, job_id, platform) < ($2, $3, $4) \
    ORDER BY last_committed_at DESC, job_id DESC, platform DESC LIMIT $5";

/// Each parameter is used in both forms, so that they take the same values.
const CODES_OF_PROJECT: &str = "\
    SELECT error_code, platform, errors FROM rollup_errors \
    WHERE errors > 0 AND project_key = $1 AND ($2::text IS NULL OR platform = $2) \
    ORDER BY errors DESC, error_code, platform LIMIT $3";
const CODES_OF_ALL: &str = "\
    SELECT error_code, platform, errors FROM rollup_errors_all \
    WHERE errors > 0 AND $1::text IS NULL AND ($2::text IS NULL OR platform = $2) \
    ORDER BY errors DESC, error_code, platform LIMIT $3";

/// Codes that are not known count together, under null.
const KNOWN_OF_PROJECT: &str = "\
    SELECT CASE WHEN error_code = ANY ($3) THEN error_code END AS error_code, sum(errors)::bigint AS errors \
    FROM rollup_errors WHERE project_key = $1 AND ($2::text IS NULL OR platform = $2) GROUP BY 1";
const KNOWN_OF_ALL: &str = "\
    SELECT CASE WHEN error_code = ANY ($3) THEN error_code END AS error_code, sum(errors)::bigint AS errors \
    FROM rollup_errors_all WHERE $1::text IS NULL AND ($2::text IS NULL OR platform = $2) GROUP BY 1";

pub(super) async fn projects(reports: Reports, page: Page) -> Result<Sums<Vec<ProjectReport>>, Unavailable> {
    let (at, name, _) = parts(page.after);
    let question = Question::new(PROJECTS)
        .with(at, Type::TIMESTAMPTZ)
        .with(name, Type::TEXT)
        .with(count(page.limit), Type::INT8);
    let [state, projects] = reports.ask([Question::new(AS_OF), question]).await?;
    Ok(Sums {
        as_of: as_of(&state)?,
        of: all(&projects, project)?,
    })
}

pub(super) async fn jobs(
    reports: Reports,
    project_id: String,
    page: Page,
) -> Result<Sums<Vec<JobReport>>, Unavailable> {
    let (at, name, part) = parts(page.after);
    let question = Question::new(JOBS)
        .with(project_id, Type::TEXT)
        .with(at, Type::TIMESTAMPTZ)
        .with(name, Type::TEXT)
        .with(part, Type::TEXT)
        .with(count(page.limit), Type::INT8);
    let [state, jobs] = reports.ask([Question::new(AS_OF), question]).await?;
    Ok(Sums {
        as_of: as_of(&state)?,
        of: all(&jobs, job)?,
    })
}

pub(super) async fn errors(reports: Reports, of: ErrorsOf) -> Result<Sums<ErrorReport>, Unavailable> {
    let (codes, known) = match of.project_id {
        Some(_) => (CODES_OF_PROJECT, KNOWN_OF_PROJECT),
        None => (CODES_OF_ALL, KNOWN_OF_ALL),
    };
    let filtered = |sql| {
        Question::new(sql)
            .with(of.project_id.clone(), Type::TEXT)
            .with(of.platform.clone(), Type::TEXT)
    };
    let codes = filtered(codes).with(MOST_CODES, Type::INT8);
    let known = filtered(known).with(ErrorCode::labels().collect::<Vec<_>>(), Type::TEXT_ARRAY);
    let [state, codes, known] = reports.ask([Question::new(AS_OF), codes, known]).await?;
    Ok(Sums {
        as_of: as_of(&state)?,
        of: ErrorReport {
            codes: all(&codes, code)?,
            categories: categories(all(&known, code_sum)?),
        },
    })
}

fn as_of(state: &[Row]) -> Result<Timestamp, Unavailable> {
    let state: Vec<(bool, Timestamp)> =
        all(state, |row| Ok((row.try_get("filled")?, row.try_get("as_of")?)))?;
    match state.first() {
        Some((true, as_of)) => Ok(*as_of),
        _ => Err(Unavailable(
            "what was stored before is not counted yet: `millrace migrate` does that".to_owned(),
        )),
    }
}

/// Sums of codes by their category, the most frequent first.
fn categories(codes: Vec<(Option<String>, i64)>) -> Vec<CategoryCount> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for (code, errors) in codes.into_iter().filter(|(_, errors)| *errors > 0) {
        let category = match code {
            Some(code) => ErrorCode::new(Some(&code)).category(),
            None => ErrorCategory::Unknown,
        };
        *sums.entry(category.as_str()).or_default() += errors;
    }
    let mut sums: Vec<_> = sums
        .into_iter()
        .map(|(category, errors)| CategoryCount {
            category: category.to_owned(),
            errors,
        })
        .collect();
    sums.sort_by_key(|sum| Reverse(sum.errors));
    sums
}

fn code_sum(row: &Row) -> Result<(Option<String>, i64), Error> {
    Ok((row.try_get("error_code")?, row.try_get("errors")?))
}

fn code(row: &Row) -> Result<CodeCount, Error> {
    let error_code: String = row.try_get("error_code")?;
    Ok(CodeCount {
        category: ErrorCode::new(Some(&error_code)).category().as_str().to_owned(),
        error_code,
        platform: row.try_get("platform")?,
        errors: row.try_get("errors")?,
    })
}

fn project(row: &Row) -> Result<ProjectReport, Error> {
    Ok(ProjectReport {
        project_id: row.try_get("project_id")?,
        jobs: row.try_get("jobs")?,
        batches_done: row.try_get("batches_done")?,
        batches_expected: row.try_get("batches_expected")?,
        percent: row.try_get("percent")?,
        items: row.try_get("items")?,
        successes: row.try_get("successes")?,
        errors: row.try_get("errors")?,
        rejected: row.try_get("rejected")?,
        last_committed_at: row.try_get("last_committed_at")?,
    })
}

fn job(row: &Row) -> Result<JobReport, Error> {
    Ok(JobReport {
        job_id: row.try_get("job_id")?,
        platform: row.try_get("platform")?,
        batches_done: row.try_get("batches_done")?,
        batches_expected: row.try_get("batches_expected")?,
        percent: row.try_get("percent")?,
        items: row.try_get("items")?,
        successes: row.try_get("successes")?,
        errors: row.try_get("errors")?,
        rejected: row.try_get("rejected")?,
        last_committed_at: row.try_get("last_committed_at")?,
    })
}
