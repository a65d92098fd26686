//! Why DynamoDB did not do what it was asked, sorted by what helps.

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
};

/// What it said, or why it said nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DynamoError {
    /// It is throttled, or broken for a moment: the same request again, later.
    #[error("busy: {0}")]
    Busy(String),
    /// No answer, or none of the service's.
    #[error("does not answer: {0}")]
    Away(String),
    /// It does not know us, or we may not.
    #[error("refuses us: {0}")]
    Denied(String),
    /// The table or the index is not there.
    #[error("not there: {0}")]
    Missing(String),
    /// What was asked makes no sense to it.
    #[error("refused: {0}")]
    Invalid(String),
}

/// Names of exceptions that say who we are not.
const DENIED: [&str; 8] = [
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "KMSAccessDeniedException",
    "MissingAuthenticationTokenException",
    "OptInRequired",
    "UnrecognizedClientException",
];
/// Names of exceptions that say how much was asked.
const BUSY: [&str; 7] = [
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ResourceInUseException",
    "ThrottlingException",
    "TransactionConflictException",
];
/// Names of exceptions that blame what was asked.
const INVALID: [&str; 4] = [
    "ItemCollectionSizeLimitExceededException",
    "SerializationException",
    "ValidationError",
    "ValidationException",
];

// === impl DynamoError ===

impl DynamoError {
    /// Sorts a failure by its name, else by its status.
    pub(crate) fn of<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let SdkError::ServiceError(context) = &error else {
            return Self::Away(DisplayErrorContext(&error).to_string());
        };
        let status = context.raw().status().as_u16();
        let name = context.err().code().unwrap_or_default();
        let said = context.err().message().unwrap_or("without a word");
        Self::sort(status, name, format!("{name} ({status}): {said}"))
    }

    fn sort(status: u16, name: &str, said: String) -> Self {
        match (name, status) {
            ("ResourceNotFoundException", _) => Self::Missing(said),
            (name, _) if DENIED.contains(&name) => Self::Denied(said),
            (name, _) if INVALID.contains(&name) => Self::Invalid(said),
            (name, _) if BUSY.contains(&name) => Self::Busy(said),
            (_, 429 | 500..) => Self::Busy(said),
            (_, 401 | 403) => Self::Denied(said),
            // A page of something else that listens there.
            _ => Self::Away(said),
        }
    }

    /// The same request may succeed later, and no one made a mistake.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Away(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_sorted_by_name_and_else_by_status() {
        let kind = |status, name| match DynamoError::sort(status, name, String::new()) {
            DynamoError::Busy(_) => "busy",
            DynamoError::Away(_) => "away",
            DynamoError::Denied(_) => "denied",
            DynamoError::Missing(_) => "missing",
            DynamoError::Invalid(_) => "invalid",
        };
        for (status, name, expected) in [
            (400, "ProvisionedThroughputExceededException", "busy"),
            (400, "ThrottlingException", "busy"),
            (400, "RequestLimitExceeded", "busy"),
            (500, "InternalServerError", "busy"),
            (503, "", "busy"),
            (429, "", "busy"),
            (400, "ValidationException", "invalid"),
            (400, "SerializationException", "invalid"),
            (400, "ResourceNotFoundException", "missing"),
            (400, "AccessDeniedException", "denied"),
            (400, "UnrecognizedClientException", "denied"),
            (403, "", "denied"),
            (404, "", "away"),
            (200, "", "away"),
        ] {
            assert_eq!(kind(status, name), expected, "{status} {name}");
        }
    }
}
