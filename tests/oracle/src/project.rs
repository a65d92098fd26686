//! Whose project: section 1 of the contract.

use uuid::Uuid;

/// The project of an event, where there is one.
pub(crate) fn project_of(payload: Option<&str>, job_id: &str) -> Option<String> {
    if let Some(given) = payload.filter(|given| !given.is_empty() && *given != "NULL") {
        return Some(given.to_owned());
    }
    let job_id = job_id.trim();
    let is_uuid = |text: &str| text.len() == 36 && Uuid::parse_str(text).is_ok();
    if is_uuid(job_id) {
        return None;
    }
    if let (Some(head), Some(tail)) = (job_id.get(..36), job_id.get(36..))
        && is_uuid(head)
        && tail.starts_with('-')
    {
        return Some(head.to_owned());
    }
    let parts: Vec<&str> = job_id.split('-').collect();
    let (last, before) = parts.split_last()?;
    let digits = !last.is_empty() && last.chars().all(|c| c.is_ascii_digit());
    if parts.len() < 3 || !digits {
        return None;
    }
    let project = before[..before.len() - 1].join("-");
    (!project.is_empty()).then_some(project)
}
