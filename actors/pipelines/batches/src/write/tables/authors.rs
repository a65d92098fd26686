//! `authors`: one row an author, shared by all projects.

use super::Table;
use super::json;
use crate::domain::Author;
use millrace_postgres::{Get::*, clock, key, value};

pub(in crate::write) static AUTHORS: Table<Author> = Table {
    name: "authors",
    touched: None,
    columns: &[
        key("platform", Text(|batch, _| Some(batch.event.platform.as_str()))),
        key("author_key", Text(|_, author| Some(&author.author_key))),
        value("username", Text(|_, author| author.username.as_deref())),
        value("display_name", Text(|_, author| author.display_name.as_deref())),
        value("avatar_url", Text(|_, author| author.avatar_url.as_deref())),
        value("bio", Text(|_, author| author.bio.as_deref())),
        value("follower_count", BigInt(|_, author| author.follower_count)),
        value("following_count", BigInt(|_, author| author.following_count)),
        value("total_likes", BigInt(|_, author| author.total_likes)),
        value("video_count", BigInt(|_, author| author.video_count)),
        value("verified", Bool(|_, author| author.verified)),
        clock("crawled_at", Time(|_, author| Some(author.crawled_at))),
        value("extra", Json(|_, author| json(author.extra.as_ref()))),
    ],
};
