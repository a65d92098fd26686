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
    /// One for each post of which some comments did not become rows; that post is no rejected item.
    pub curtailed: Vec<RejectedItem>,
}

// === impl Items ===

impl Items {
    /// Items of the batch: each is a post, an error or a rejection.
    pub fn item_count(&self) -> usize {
        self.posts.len() + self.errors.len() + self.rejected.len()
    }

    /// Rows before merging.
    pub fn row_count(&self) -> usize {
        self.item_count() + self.authors.len() + self.comments.len() + self.curtailed.len()
    }

    /// Gives back the space of rows that did not come, where it is worth a copy.
    pub fn shrink(&mut self) {
        shrink(&mut self.posts);
        shrink(&mut self.authors);
        shrink(&mut self.comments);
        shrink(&mut self.errors);
        shrink(&mut self.rejected);
        shrink(&mut self.curtailed);
    }
}

fn shrink<T>(rows: &mut Vec<T>) {
    if rows.len() + rows.len() / 8 < rows.capacity() {
        rows.shrink_to_fit();
    }
}
