//! Why an object cannot be had, whatever is done: stable codes.

/// The path names no object.
pub const BAD_PATH: &str = "bad_path";
/// The path names a bucket outside the allow-list.
pub const BUCKET_NOT_ALLOWED: &str = "bucket_not_allowed";
/// The object did not appear within the grace period.
pub const OBJECT_MISSING: &str = "object_missing";
/// The object exceeds the size cap.
pub const OBJECT_TOO_LARGE: &str = "object_too_large";
