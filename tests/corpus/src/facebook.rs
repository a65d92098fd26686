//! Facebook's two shapes: items of crawlers whose author is a page, and flat records of data sets.

use super::{dice::Dice, visit::Visit};
use serde_json::{Map, Value, json};

const REACTIONS: [&str; 7] = ["like", "love", "haha", "wow", "sad", "angry", "care"];

/// The item as it is on Facebook. Which of the shapes it has depends on the item, never on the turn.
pub(super) fn reshaped(item: Value, visit: &Visit<'_>, dice: &mut Dice) -> Value {
    let is_record = visit.item % 2 == 1;
    let is_error = item["meta"]["fetch_status"] != "success";
    match (is_record, is_error) {
        (true, true) if visit.item % 4 == 1 => failed_record(&item, dice),
        (_, true) => item,
        (true, false) => record(&item, visit, dice),
        (false, false) => crawled(item, visit, dice),
    }
}

fn failed_record(item: &Value, dice: &mut Dice) -> Value {
    let codes = [
        "dead_page",
        "blocked",
        "bad_input",
        "parse_error",
        "timeout",
        "RATE_LIMITED",
    ];
    json!({
        "timestamp": item["meta"]["crawled_at"],
        "input": {"url": format!("https://www.facebook.com/{}", item["meta"]["id"].as_str().unwrap_or_default())},
        "error": "Crawl failed",
        "error_code": *dice.pick(&codes),
    })
}

fn record(item: &Value, visit: &Visit<'_>, dice: &mut Dice) -> Value {
    let (meta, content, author) = (&item["meta"], &item["content"], &item["author"]);
    let either = |object: &Value, names: [&str; 2]| match &object[names[0]] {
        Value::Null => object[names[1]].clone(),
        value => value.clone(),
    };
    // A page of a data set is another than one of crawlers, of whom more is known.
    let handle = format!("{}.page", author["username"].as_str().unwrap_or_default());
    let seconds = either(content, ["duration_seconds", "duration"]);
    let reactions = reactions(visit, dice);
    let kinds = reactions
        .iter()
        .map(|(kind, count)| json!({"type": kind, "num": count}));
    let mut record = json!({
        "post_id": meta["id"],
        "url": content["url"],
        "content": either(content, ["description", "text"]),
        "date_posted": meta["published_at"],
        "hashtags": either(content, ["tags", "hashtags"]),
        "num_comments": visit.grown(dice.skewed(900)),
        "num_shares": visit.grown(dice.skewed(400)),
        "num_likes_type": kinds.collect::<Vec<_>>(),
        "video_view_count": visit.grown(dice.skewed(90_000)),
        "page_name": either(author, ["display_name", "name"]),
        "profile_handle": handle,
        "profile_id": format!("1000{:011}", visit.item),
        "page_followers": either(author, ["follower_count", "followers"]),
        "page_is_verified": either(author, ["verified", "is_verified"]),
        "page_intro": author["bio"],
        "page_logo": author["avatar_url"],
        "attachments": [
            {"id": format!("a{}", visit.item), "type": "Video", "video_length": seconds.as_u64().unwrap_or_default() * 1_000},
            {"id": format!("b{}", visit.item), "type": "Photo", "url": "https://photo.example.com/1.jpg"},
        ],
        "timestamp": meta["crawled_at"],
        "input": {"url": format!("https://www.facebook.com/{handle}")},
        "comments": threads(&item["comments"], |comment| renamed(comment, &[
            ("external_id", "comment_id"), ("id", "comment_id"),
            ("author_display_name", "user_name"), ("author_name", "user_name"),
            ("text", "comment_text"), ("likes", "num_likes"), ("like_count", "num_likes"),
            ("reply_count", "num_replies"), ("created_at", "date_created"),
        ])),
    });
    if visit.item % 4 == 3 {
        record["likes"] = visit.grown(dice.skewed(9_000)).into();
    }
    record
}

fn crawled(mut item: Value, visit: &Visit<'_>, dice: &mut Dice) -> Value {
    let mut page = item["author"].take();
    renamed(
        &mut page,
        &[
            ("avatar_url", "picture"),
            ("bio", "about"),
            ("display_name", "name"),
        ],
    );
    item["page"] = page;
    let content = &mut item["content"];
    renamed(
        content,
        &[
            ("description", "message"),
            ("text", "message"),
            ("external_id", "post_id"),
        ],
    );
    let medium = content["media_path"].take();
    let seconds = [content["duration_seconds"].take(), content["duration"].take()];
    for name in [
        "media_path",
        "media_type",
        "duration_seconds",
        "duration",
        "sound_name",
    ] {
        content.as_object_mut().map(|content| content.remove(name));
    }
    content["attachments"] = json!([
        {"type": "VIDEO", "media_path": medium, "duration_seconds": seconds.into_iter().find(|sent| !sent.is_null())},
        {"type": "photo", "url": "https://photo.example.com/2.jpg"},
    ]);
    // The kinds instead of a count of likes.
    for (place, name) in [
        ("content", "like_count"),
        ("interaction", "likes"),
        ("interactions", "likes"),
    ] {
        if let Some(counts) = item.get_mut(place).and_then(Value::as_object_mut) {
            counts.remove(name);
        }
    }
    let mut kinds: Map<_, _> = reactions(visit, dice)
        .into_iter()
        .map(|(kind, count)| (kind, count.into()))
        .collect();
    if visit.item.is_multiple_of(4) {
        let total: u64 = kinds.values().filter_map(Value::as_u64).sum();
        kinds.insert("total".to_owned(), total.into());
    }
    item["content"]["reactions"] = kinds.into();
    item["comments"] = threads(&item["comments"], |comment| {
        renamed(
            comment,
            &[("likes", "like_count"), ("author_name", "author_display_name")],
        );
        let (likes, name) = (
            comment["like_count"].take(),
            comment["author_display_name"].take(),
        );
        comment["reactions"] = json!({"like": likes, "love": 0});
        comment["author"] = json!({"name": name});
    });
    item
}

fn reactions(visit: &Visit<'_>, dice: &mut Dice) -> Vec<(String, u64)> {
    let count = |kind: &&str| ((*kind).to_owned(), visit.grown(dice.skewed(9_000)));
    REACTIONS.iter().map(count).collect()
}

/// Two of three comments answer the one before the three, or each other, where they say of what an answer stands in.
fn threads(comments: &Value, mut reshape: impl FnMut(&mut Value)) -> Value {
    let mut threads: Vec<Value> = Vec::new();
    let has_id = |comment: &Value| {
        ["id", "external_id", "comment_id"]
            .iter()
            .any(|name| comment[name].is_string())
    };
    for (position, comment) in comments.as_array().into_iter().flatten().enumerate() {
        let mut comment = comment.clone();
        let mut place = match threads.last_mut() {
            Some(last) if position % 3 > 0 && has_id(last) => last,
            _ => {
                reshape(&mut comment);
                threads.push(comment);
                continue;
            }
        };
        if position % 3 == 2 && place["replies"].get(0).is_some_and(has_id) {
            place = &mut place["replies"][0];
        }
        // What it answers is where it stands.
        for name in ["parent_type", "parent_id"] {
            comment.as_object_mut().map(|fields| fields.remove(name));
        }
        reshape(&mut comment);
        match place["replies"].as_array_mut() {
            Some(replies) => replies.push(comment),
            None => place["replies"] = json!([comment]),
        }
    }
    threads.into()
}

fn renamed(object: &mut Value, names: &[(&str, &str)]) {
    let Some(fields) = object.as_object_mut() else {
        return;
    };
    for (from, to) in names {
        if let Some(value) = fields.remove(*from) {
            fields.insert((*to).to_owned(), value);
        }
    }
}
