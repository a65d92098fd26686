//! `comments`: one row a comment, shared by all projects.

use super::Table;
use super::json;
use crate::domain::Comment;
use millrace_postgres::{Get::*, clock, key, value};

pub(in crate::write) static COMMENTS: Table<Comment> = Table {
    name: "comments",
    touched: None,
    columns: &[
        key("platform", Text(|batch, _| Some(batch.event.platform.as_str()))),
        key("comment_id", Text(|_, comment| Some(&comment.comment_id))),
        value("post_id", Text(|_, comment| Some(&comment.post_id))),
        value(
            "author_username",
            Text(|_, comment| comment.author_username.as_deref()),
        ),
        value("author_name", Text(|_, comment| comment.author_name.as_deref())),
        value("text", Text(|_, comment| comment.text.as_deref())),
        value("like_count", BigInt(|_, comment| comment.like_count)),
        value("reply_count", BigInt(|_, comment| comment.reply_count)),
        value("parent_type", Text(|_, comment| comment.parent_type.as_deref())),
        value("parent_id", Text(|_, comment| comment.parent_id.as_deref())),
        value("commented_at", Time(|_, comment| comment.commented_at)),
        clock("crawled_at", Time(|_, comment| Some(comment.crawled_at))),
        value("extra", Json(|_, comment| json(comment.extra.as_ref()))),
    ],
};
