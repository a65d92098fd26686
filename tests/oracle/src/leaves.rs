//! Nothing that was sent is lost: what no column takes must be found in `extra`.

use crate::{facebook, row::Row, value};
use serde_json::Value;
use std::{collections::HashSet, sync::LazyLock};

/// A scalar that no column takes: where it was, and its text.
pub(crate) type Leaf = (String, String);

/// Paths that columns take, or that repeat what the event says.
const TAKEN: [&str; 13] = [
    "comments",
    "meta.id meta.platform meta.job_id meta.task_type meta.crawled_at meta.published_at meta.permalink",
    "meta.keyword_source meta.lang meta.region meta.pipeline_version meta.fetch_status meta.fetch_error",
    "meta.error_message meta.error_code meta.error_details",
    "content.external_id content.url content.description content.text content.view_count content.like_count",
    "content.comment_count content.share_count content.save_count content.duration_seconds content.duration",
    "content.tags content.hashtags content.sound_name content.category content.media_type content.media_path",
    "content.transcription content.transcription_status content.transcription_error",
    "author.username author.display_name author.name author.avatar_url author.bio author.follower_count",
    "author.followers author.following_count author.total_likes author.video_count author.verified",
    "author.is_verified",
    "interaction.views interaction.likes interaction.comments_count interaction.shares interaction.saves",
    "interactions.views interactions.likes interactions.comments_count interactions.shares interactions.saves",
];

static TAKEN_PATHS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let lines = TAKEN.iter().chain(&facebook::TAKEN);
    lines.flat_map(|line| line.split(' ')).collect()
});

/// Strings and numbers of an item that no column takes.
pub(crate) fn sent(item: &Value, max_text_bytes: usize) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    collect("", item, max_text_bytes, &mut leaves);
    leaves
}

fn collect(path: &str, value: &Value, max_text_bytes: usize, leaves: &mut Vec<Leaf>) {
    if TAKEN_PATHS.contains(path) {
        return;
    }
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let inner = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                collect(&inner, value, max_text_bytes, leaves);
            }
        }
        Value::Array(values) => {
            values
                .iter()
                .for_each(|value| collect(&format!("{path}[]"), value, max_text_bytes, leaves));
        }
        // Words for booleans may have become booleans.
        scalar if value::boolean(scalar).is_some() => {}
        scalar => {
            leaves.extend(value::text(scalar, max_text_bytes).map(|text| (path.to_owned(), plain(&text))))
        }
    }
}

/// All scalars of rows, `extra` included.
pub(crate) fn found<'a>(rows: impl IntoIterator<Item = &'a Row>) -> HashSet<String> {
    let mut found = HashSet::new();
    for value in rows.into_iter().flat_map(Row::values) {
        scalars(value, &mut found);
    }
    found
}

fn scalars(value: &Value, found: &mut HashSet<String>) {
    match value {
        Value::Object(object) => object.values().for_each(|value| scalars(value, found)),
        Value::Array(values) => values.iter().for_each(|value| scalars(value, found)),
        Value::String(text) => {
            found.insert(plain(text));
        }
        Value::Number(number) => {
            found.insert(number.to_string());
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn plain(text: &str) -> String {
    text.replace('\u{fffd}', "")
}
