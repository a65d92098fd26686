//! The words of the field. Plain values: no I/O, no async, no library of any stage.

mod error_code;
mod event;
mod item;
mod json;
mod platform;
mod project;
mod reason;

pub use error_code::{ErrorCategory, ErrorCode, ErrorPolicy};
pub use event::CrawlEvent;
pub use item::{Author, Comment, CrawlError, Items, Post, RejectedItem};
pub use json::Json;
pub use platform::Platform;
pub use project::{Project, project_of};
pub use reason::Reason;

/// Longest part of a key, in bytes: four of them fit into an entry of an index, which has 2,704.
pub const MAX_KEY_BYTES: usize = 512;

/// Text whose case was changed, which may have made it longer than a part of a key may be.
fn within_a_key(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_KEY_BYTES));
    text
}
