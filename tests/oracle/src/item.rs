//! What becomes of one item: section 2 of the contract.

use crate::{
    error_code,
    event::Event,
    row::{Row, row},
    settings::OracleSettings,
    value,
};
use jiff::Timestamp;
use serde_json::Value;

/// An item of a batch, with what decides how it is read.
pub(crate) struct Item<'a> {
    /// As it was sent.
    pub(crate) sent: &'a Value,
    /// The same in the common words.
    pub(crate) item: &'a Value,
    pub(crate) event: &'a Event,
    pub(crate) settings: &'a OracleSettings,
}

/// What an item is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Post,
    Error,
    Rejected(&'static str),
}

// === impl Item ===

impl Item<'_> {
    /// Post, error or rejected.
    pub(crate) fn kind(&self) -> Kind {
        if !self.item["meta"].is_object() {
            return Kind::Rejected("malformed_item");
        }
        if self.id().is_none() {
            return Kind::Rejected("missing_id");
        }
        let status = &self.item["meta"]["fetch_status"];
        match status.as_str().map(str::to_lowercase).as_deref() {
            Some("success") => Kind::Post,
            Some("error") => Kind::Error,
            _ if value::is_none(status) && self.item["content"].is_object() => Kind::Post,
            _ => Kind::Rejected("unknown_fetch_status"),
        }
    }

    /// `meta.id`.
    pub(crate) fn id(&self) -> Option<String> {
        self.text(&["meta.id"])
    }

    /// When it was crawled: the item says, else the event; else only the service knows.
    pub(crate) fn crawled_at(&self) -> Option<Timestamp> {
        self.time("meta.crawled_at").or(self.event.event_at)
    }

    pub(crate) fn author_key(&self) -> Option<String> {
        self.text(&["author.username", "author.id", "content.channel_id"])
    }

    /// Its row of `post_analytics`.
    pub(crate) fn post(&self) -> Row {
        let event = self.event;
        let details = value::json(
            value::at(self.item, "meta.error_details"),
            self.settings.max_text_bytes,
        );
        let status = self
            .text(&["meta.fetch_status"])
            .map(|status| status.to_lowercase());
        let error_code = self
            .text(&["meta.error_code"])
            .map(|code| error_code::stored(Some(code)));
        let mut row = row! {
            scope: event.scope(),
            platform: event.platform,
            id: self.id(),
            project_id: event.project_id,
            is_dryrun: event.project_id.is_none(),
            external_id: self.text(&["content.external_id"]),
            url: self.text(&["content.url"]),
            permalink: self.text(&["meta.permalink"]),
            content_text: self.text(&["content.description", "content.text"]),
            content_transcription: self.text(&["content.transcription"]),
            transcription_status: self.text(&["content.transcription_status"]),
            transcription_error: self.text(&["content.transcription_error"]),
            hashtags: self.tags(),
            lang: self.text(&["meta.lang"]),
            region: self.text(&["meta.region"]),
            category: self.text(&["content.category"]),
            sound_name: self.text(&["content.sound_name"]),
            media_type: self.text(&["content.media_type"]),
            media_path: self.text(&["content.media_path"]),
            media_duration: value::first(self.item, &["content.duration_seconds", "content.duration"]).as_f64(),
            published_at: self.time("meta.published_at").map(|at| at.to_string()),
            crawled_at: self.crawled_at().map(|at| at.to_string()),
            author_key: self.author_key(),
            author_username: self.text(&["author.username"]),
            author_name: self.text(&["author.display_name", "author.name"]),
            follower_count: self.count(&["author.follower_count", "author.followers"]),
            job_id: event.job_id,
            batch_index: event.batch_index,
            task_type: self.text(&["meta.task_type"]).or(event.task_type.clone()),
            keyword_source: self.text(&["meta.keyword_source"]).or(event.keyword.clone()),
            brand_name: event.brand_name,
            pipeline_version: self.text(&["meta.pipeline_version"]),
            fetch_status: status,
            fetch_error: self.text(&["meta.fetch_error", "meta.error_message"]),
            error_code: error_code,
            error_details: details,
        };
        row.extend(self.counts());
        row
    }

    fn counts(&self) -> Row {
        row! {
            view_count: self.count(&["content.view_count", "interaction.views", "interactions.views"]),
            like_count: self.count(&["content.like_count", "interaction.likes", "interactions.likes"]),
            comment_count: self.count(&[
                "content.comment_count",
                "interaction.comments_count",
                "interactions.comments_count",
            ]),
            share_count: self.count(&["content.share_count", "interaction.shares", "interactions.shares"]),
            save_count: self.count(&["content.save_count", "interaction.saves", "interactions.saves"]),
        }
    }

    /// Its row of `authors`, where there is a key.
    pub(crate) fn author(&self) -> Option<Row> {
        let author_key = self.author_key()?;
        let verified = value::first(self.item, &["author.verified", "author.is_verified"]);
        Some(row! {
            platform: self.event.platform,
            author_key: author_key,
            username: self.text(&["author.username"]),
            display_name: self.text(&["author.display_name", "author.name"]),
            avatar_url: self.text(&["author.avatar_url"]),
            bio: self.text(&["author.bio"]),
            follower_count: self.count(&["author.follower_count", "author.followers"]),
            following_count: self.count(&["author.following_count"]),
            total_likes: self.count(&["author.total_likes"]),
            video_count: self.count(&["author.video_count"]),
            verified: value::boolean(verified),
            crawled_at: self.crawled_at().map(|at| at.to_string()),
        })
    }

    /// Its rows of `comments`; `comment_id` is null where none was sent.
    pub(crate) fn comments(&self) -> Vec<Row> {
        let sent = self.item["comments"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        sent.iter()
            .filter(|comment| comment.is_object())
            .map(|comment| self.comment(comment))
            .collect()
    }

    fn comment(&self, comment: &Value) -> Row {
        let text =
            |spellings: &[&str]| value::text(value::first(comment, spellings), self.settings.max_text_bytes);
        let count = |spellings: &[&str]| value::count(value::first(comment, spellings));
        row! {
            platform: self.event.platform,
            comment_id: text(&["external_id", "id"]),
            post_id: self.id(),
            author_username: text(&["author_username"]),
            author_name: text(&["author_display_name", "author_name"]),
            text: text(&["text"]),
            like_count: count(&["like_count", "likes"]),
            reply_count: count(&["reply_count"]),
            parent_type: text(&["parent_type"]),
            parent_id: text(&["parent_id"]),
            commented_at: value::time(&comment["created_at"]).map(|at| at.to_string()),
            crawled_at: self.crawled_at().map(|at| at.to_string()),
        }
    }

    /// Its row of `crawl_errors`, but for what several crawls make together.
    pub(crate) fn error(&self) -> Row {
        let error_code = error_code::stored(self.text(&["meta.error_code"]));
        let details = value::json(
            value::at(self.item, "meta.error_details"),
            self.settings.max_text_bytes,
        );
        row! {
            scope: self.event.scope(),
            platform: self.event.platform,
            content_id: self.id(),
            project_id: self.event.project_id,
            job_id: self.event.job_id,
            error_category: error_code::category(&error_code),
            retryable: error_code::retryable(&error_code, self.settings),
            error_code: error_code,
            error_message: self.text(&["meta.fetch_error", "meta.error_message"]),
            error_details: details,
            permalink: self.text(&["meta.permalink"]),
        }
    }

    fn text(&self, spellings: &[&str]) -> Option<String> {
        value::text(value::first(self.item, spellings), self.settings.max_text_bytes)
    }

    fn count(&self, spellings: &[&str]) -> Option<i64> {
        value::count(value::first(self.item, spellings))
    }

    fn time(&self, path: &str) -> Option<Timestamp> {
        value::time(value::at(self.item, path))
    }

    fn tags(&self) -> Option<Vec<String>> {
        let sent = value::first(self.item, &["content.tags", "content.hashtags"]);
        value::tags(sent, self.settings.max_text_bytes)
    }
}
