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
