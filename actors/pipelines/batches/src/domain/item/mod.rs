//! What a batch holds, one struct a table. Text is valid UTF-8 without U+0000; times carry a zone.

mod author;
mod comment;
mod crawl_error;
mod post;
mod rejected;

pub use author::Author;
pub use comment::Comment;
pub use crawl_error::CrawlError;
pub use post::Post;
pub use rejected::RejectedItem;

/// The items of one batch, by table. Keys may repeat: who stores them merges them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Items {
    /// One for each successful item, in batch order.
    pub posts: Vec<Post>,
    /// One for each successful item with an author key.
    pub authors: Vec<Author>,
    /// Comments of all successful items.
    pub comments: Vec<Comment>,
    /// One for each error item.
    pub errors: Vec<CrawlError>,
    /// One for each item that could not be read.
    pub rejected: Vec<RejectedItem>,
}

// === impl Items ===

impl Items {
    /// Items of the batch: each is a post, an error or a rejection.
    pub fn item_count(&self) -> usize {
        self.posts.len() + self.errors.len() + self.rejected.len()
    }

    /// Rows before merging.
    pub fn row_count(&self) -> usize {
        self.item_count() + self.authors.len() + self.comments.len()
    }
}
