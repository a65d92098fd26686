//! Whose rows these are: rules 1 to 3 of "whose project".

use uuid::Uuid;

/// The outcome of [`project_of`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Project {
    /// A project's own crawl.
    Named(String),
    /// A dry run: the job id is a UUID.
    DryRun,
    /// No rule could read the job id; treated as a dry run, and counted.
    Unparsed,
}

/// Finds the project of an event from what its payload says and, failing that, from its job id.
pub fn project_of(payload_project_id: Option<&str>, job_id: &str) -> Project {
    let given = payload_project_id.map(str::trim);
    if let Some(id) = given.filter(|id| !id.is_empty() && *id != "NULL") {
        return Project::Named(id.to_owned());
    }
    let job_id = job_id.trim();
    if is_uuid(job_id) {
        return Project::DryRun;
    }
    match leading_uuid(job_id).or_else(|| before_last_two(job_id)) {
        Some(id) => Project::Named(id.to_owned()),
        None => Project::Unparsed,
    }
}

// === impl Project ===

impl Project {
    /// The project's id, where there is a project.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Named(id) => Some(id),
            Self::DryRun | Self::Unparsed => None,
        }
    }
}

const UUID_LEN: usize = 36;

fn is_uuid(text: &str) -> bool {
    // `Uuid` also reads braces, URNs and no hyphens; crawlers write only the hyphenated form.
    text.len() == UUID_LEN && Uuid::try_parse(text).is_ok()
}

fn leading_uuid(job_id: &str) -> Option<&str> {
    let (head, tail) = job_id.split_at_checked(UUID_LEN)?;
    (tail.starts_with('-') && is_uuid(head)).then_some(head)
}

fn before_last_two(job_id: &str) -> Option<&str> {
    let (rest, index) = job_id.rsplit_once('-')?;
    let (project, _keyword) = rest.rsplit_once('-')?;
    let is_index = !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit());
    (is_index && !project.is_empty()).then_some(project)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Case {
        payload_project_id: Option<String>,
        job_id: String,
        project_id: Option<String>,
        is_dryrun: bool,
    }

    #[test]
    fn every_case_of_the_contract() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../fixtures/project.json")).unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            let found = project_of(case.payload_project_id.as_deref(), &case.job_id);
            assert_eq!(found.id(), case.project_id.as_deref(), "job id {:?}", case.job_id);
            assert_eq!(found.id().is_none(), case.is_dryrun, "job id {:?}", case.job_id);
        }
    }
}
