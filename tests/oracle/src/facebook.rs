//! Facebook's two shapes, told in the words of all other items: what is computed from them is then the same.

use crate::value;
use serde_json::{Map, Value, json};

const REACTIONS: [&str; 7] = ["like", "love", "haha", "wow", "sad", "angry", "care"];

/// Paths of a record, and of a page, that columns take.
pub(crate) const TAKEN: [&str; 6] = [
    "post_id url date_posted hashtags num_comments num_shares likes video_view_count timestamp",
    "page_name profile_handle page_intro page_logo page_followers page_is_verified",
    "page.username page.name page.picture page.avatar_url page.about page.bio page.followers page.follower_count",
    "page.verified page.is_verified page.display_name page.following_count page.total_likes page.video_count",
    "content.message content.post_id content.reaction_count content.reactions_count content.video_view_count",
    "error",
];

/// The item as another platform's crawler would have sent it.
pub(crate) fn translated(item: &Value) -> Value {
    let has = |name: &str| !value::is_none(&item[name]);
    if !item.is_object() {
        return item.clone();
    }
    if !has("meta") && (has("error_code") || has("error")) {
        failed_record(item)
    } else if !has("meta") && has("post_id") {
        record(item)
    } else {
        crawled(item)
    }
}

fn failed_record(item: &Value) -> Value {
    let code = match item["error_code"].as_str().unwrap_or_default() {
        "dead_page" => json!("CONTENT_NOT_FOUND"),
        "blocked" => json!("ACCESS_DENIED"),
        "bad_input" => json!("INVALID_URL"),
        "parse_error" => json!("PARSE_ERROR"),
        "timeout" => json!("TIMEOUT"),
        _ => item["error_code"].clone(),
    };
    json!({"meta": {
        "id": value::first(item, &["post_id", "url", "input.url"]),
        "fetch_status": "error",
        "error_code": code,
        "error_message": item["error"],
        "permalink": item["url"],
        "crawled_at": item["timestamp"],
    }})
}

fn record(item: &Value) -> Value {
    let likes = match value::is_none(&item["likes"]) {
        true => total(&item["num_likes_type"]),
        false => item["likes"].clone(),
    };
    let medium = item["attachments"].as_array().and_then(|all| all.first());
    json!({
        "meta": {
            "id": item["post_id"],
            "permalink": item["url"],
            "crawled_at": item["timestamp"],
            "published_at": item["date_posted"],
        },
        "content": {
            "external_id": item["post_id"],
            "url": item["url"],
            "text": item["content"],
            "tags": item["hashtags"],
            "view_count": item["video_view_count"],
            "like_count": likes,
            "comment_count": item["num_comments"],
            "share_count": item["num_shares"],
            "media_type": medium.map(kind),
            "duration": medium.map(seconds),
        },
        "author": {
            "username": item["profile_handle"],
            "id": item["profile_id"],
            "name": item["page_name"],
            "avatar_url": item["page_logo"],
            "bio": item["page_intro"],
            "followers": item["page_followers"],
            "verified": item["page_is_verified"],
        },
        "comments": threads(&item["comments"]),
    })
}

fn crawled(item: &Value) -> Value {
    let mut told = item.clone();
    if item["page"].is_object() && !item["author"].is_object() {
        told["author"] = item["page"].clone();
        say(&mut told["author"], "avatar_url", &item["page"]["picture"]);
        say(&mut told["author"], "bio", &item["page"]["about"]);
    }
    if item["content"].is_object() {
        let content = &item["content"];
        let told = &mut told["content"];
        say(told, "external_id", &content["post_id"]);
        let text = value::first(content, &["description", "text", "message"]);
        say(told, "description", text);
        let counted = ["content.like_count", "interaction.likes", "interactions.likes"];
        if value::is_none(value::first(item, &counted)) {
            let reactions = value::first(item, &["content.reactions", "reactions"]);
            say(told, "like_count", &total(reactions));
        }
        if let Some(medium) = content["attachments"].as_array().and_then(|all| all.first()) {
            say(told, "media_type", &kind(medium));
            say(told, "media_path", &medium["media_path"]);
            let known = value::first(content, &["duration_seconds", "duration"]);
            if value::is_none(known) {
                told["duration"] = seconds(medium);
            }
        }
    }
    if item["comments"].is_array() {
        told["comments"] = threads(&item["comments"]);
    }
    told
}

/// Fills what is not there.
fn say(object: &mut Value, name: &str, value: &Value) {
    if value::is_none(&object[name]) && !value::is_none(value) {
        object[name] = value.clone();
    }
}

/// The total of reactions, or what the kinds sum up to.
fn total(reactions: &Value) -> Value {
    if reactions["total"].is_u64() {
        return reactions["total"].clone();
    }
    let of_kind = |kind: &str| match reactions {
        Value::Array(kinds) => kinds
            .iter()
            .find(|entry| {
                entry["type"]
                    .as_str()
                    .is_some_and(|name| name.eq_ignore_ascii_case(kind))
            })
            .and_then(|entry| entry["num"].as_i64()),
        _ => reactions[kind].as_i64(),
    };
    let counts: Vec<i64> = REACTIONS.iter().filter_map(|kind| of_kind(kind)).collect();
    match counts.is_empty() {
        true => Value::Null,
        false => counts.iter().sum::<i64>().into(),
    }
}

fn kind(medium: &Value) -> Value {
    medium["type"].as_str().map(str::to_lowercase).into()
}

fn seconds(medium: &Value) -> Value {
    match (
        medium["duration_seconds"].as_f64(),
        medium["video_length"].as_f64(),
    ) {
        (Some(seconds), _) => seconds.into(),
        (None, Some(milliseconds)) if milliseconds > 0.0 => (milliseconds / 1_000.0).into(),
        _ => Value::Null,
    }
}

/// Comments and replies in one list, a reply behind what it answers.
fn threads(comments: &Value) -> Value {
    let mut flat = Vec::new();
    flatten(comments, None, &mut flat);
    flat.into()
}

fn flatten(comments: &Value, parent: Option<&Value>, flat: &mut Vec<Value>) {
    for comment in comments.as_array().into_iter().flatten() {
        let Some(fields) = comment.as_object() else {
            flat.push(comment.clone());
            continue;
        };
        let told = told_comment(comment, fields, parent);
        let id = told["external_id"].clone();
        flat.push(told);
        flatten(&comment["replies"], Some(&id), flat);
    }
}

fn told_comment(comment: &Value, fields: &Map<String, Value>, parent: Option<&Value>) -> Value {
    let first = |names: &[&str]| value::first(comment, names).clone();
    let mut told = Value::Object(fields.clone());
    let likes = first(&["like_count", "likes", "num_likes"]);
    told["external_id"] = first(&["external_id", "id", "comment_id"]);
    told["author_username"] = first(&["author_username", "author.username"]);
    told["author_name"] = first(&["author_display_name", "author_name", "user_name", "author.name"]);
    told["author_display_name"] = told["author_name"].clone();
    told["text"] = first(&["text", "message", "comment_text"]);
    told["like_count"] = match value::is_none(&likes) {
        true => total(&comment["reactions"]),
        false => likes,
    };
    told["reply_count"] = first(&["reply_count", "num_replies"]);
    told["created_at"] = first(&["created_at", "created_time", "date_created"]);
    if let Some(parent) = parent {
        say(&mut told, "parent_type", &"COMMENT".into());
        say(&mut told, "parent_id", parent);
    }
    told
}
