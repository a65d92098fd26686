//! A crawled item as JSON: a post, or what the crawler has to say about why there is none.

use super::{
    author::AuthorNumber,
    clock, comment, crawl_error,
    dice::Dice,
    facebook,
    quirk::Quirk,
    settings::Temper,
    text,
    visit::{Turn, Visit},
};
use serde_json::{Map, Value, json};

/// The item as this visit sees it.
pub(super) fn item(visit: &Visit<'_>) -> Value {
    let mut dice = visit.dice();
    let errors_every = if visit.hostile() { 13 } else { 25 };
    let quirk = visit.hostile().then(|| Quirk::of(visit.item)).flatten();
    let item = if visit.item % errors_every == 5 {
        crawl_error::item(visit, &mut dice, visit.item / errors_every)
    } else {
        let mut item = post(visit, &mut dice, quirk.is_some());
        if let Some(quirk) = quirk {
            // Damage is done to the common names.
            quirk.apply(&mut item, visit, &mut dice);
            return item;
        }
        item
    };
    match visit.job.platform {
        "facebook" => facebook::reshaped(item, visit, &mut dice),
        _ => item,
    }
}

/// `meta.id`: digits on TikTok, eleven letters on YouTube.
pub(super) fn content_id(visit: &Visit<'_>) -> String {
    if visit.job.platform == "youtube" {
        let bits = Dice::new(
            visit.settings.seed,
            super::dice::Stream::Item,
            visit.item | 1 << 44,
        )
        .bits();
        format!("yt{:05x}-{:03x}", visit.item, bits & 0xfff)
    } else {
        (7_312_000_000_000_000_000 + visit.item * 1_000 + 7).to_string()
    }
}

/// The part of `meta` that posts and errors share.
pub(super) fn meta(visit: &Visit<'_>) -> Value {
    let id = content_id(visit);
    let job = visit.job;
    json!({
        "id": id,
        "platform": job.platform,
        "job_id": job.id,
        "task_type": if job.project_id.is_some() { "research_and_crawl" } else { "dryrun_keyword" },
        "crawled_at": clock::iso(visit.crawled_at()),
        "permalink": format!("https://www.{}.com/watch/{id}", job.platform),
        "keyword_source": job.keyword,
        "pipeline_version": format!("crawler_{}_v3", job.platform),
    })
}

fn post(visit: &Visit<'_>, dice: &mut Dice, by_stranger: bool) -> Value {
    let author = if by_stranger {
        AuthorNumber::stranger(visit.item)
    } else {
        AuthorNumber::regular(dice, visit.settings.items)
    };
    let mut meta = meta(visit);
    let published_at = visit.published_at(dice);
    let time_spelling = if visit.settings.temper == Temper::Hostile {
        visit.item
    } else {
        0
    };
    meta["published_at"] = clock::spelled(published_at, time_spelling).into();
    meta["lang"] = "vi".into();
    meta["region"] = "VN".into();
    meta["fetch_status"] = "success".into();
    meta["fetch_error"] = Value::Null;
    meta["error_code"] = Value::Null;
    meta["error_details"] = json!({});

    let mut item = json!({ "meta": meta, "content": content(visit, dice, author) });
    count(visit, dice, &mut item);
    let second = visit.turn.second(visit.item);
    item["author"] = author.json(visit.settings.seed, second, visit.spelling() % 3 == 1);
    item["comments"] = comment::comments(visit, dice).into();
    if visit.turn == Turn::Later && visit.item.is_multiple_of(3) {
        leave_gaps(&mut item);
    }
    item
}

fn content(visit: &Visit<'_>, dice: &mut Dice, author: AuthorNumber) -> Value {
    let id = content_id(visit);
    let youtube = visit.job.platform == "youtube";
    let tags = text::tags(dice);
    let description = text::description(dice, &tags);
    let seconds = if youtube {
        dice.between(60, 3_600)
    } else {
        dice.between(7, 180)
    };
    let other_words = visit.spelling() % 3 == 2;
    let mut content = json!({
        "external_id": id,
        "url": format!("https://www.{}.com/watch/{id}?src=crawl", visit.job.platform),
        "category": *dice.pick(&["Automotive", "Food", "Education", "Giải trí"]),
    });
    content[if other_words { "text" } else { "description" }] = description.into();
    content[if other_words {
        "duration"
    } else {
        "duration_seconds"
    }] = seconds.into();
    content[if other_words { "hashtags" } else { "tags" }] = tags.into();
    if youtube {
        content["channel_id"] = format!("UC{:010}", author.0).into();
        content["video_id"] = id.into();
        content["category_id"] = "2".into();
        content["definition"] = "hd".into();
        content["title"] = text::sentence(dice).into();
    } else {
        content["sound_name"] = format!("Nhạc nền - {}", author.handle(visit.settings.seed)).into();
        content["media_type"] = "audio".into();
        content["media_path"] = format!("{}/audio/{}/{id}.mp3", visit.job.platform, visit.job.folder).into();
    }
    transcribe(youtube, dice, &mut content);
    content
}

fn transcribe(youtube: bool, dice: &mut Dice, content: &mut Value) {
    let bytes = match (youtube, dice.below(100)) {
        (true, 0..15) => dice.between(20_000, 60_000),
        (true, 15..60) => dice.between(800, 4_000),
        (false, 0..35) => dice.between(100, 600),
        (_, 90..) => {
            content["transcription_status"] = "failed".into();
            content["transcription_error"] = "no speech found".into();
            return;
        }
        _ => return,
    };
    content["transcription"] = text::transcription(dice, bytes as usize).into();
    content["transcription_status"] = "completed".into();
}

/// Writes the counts in one of their three places.
fn count(visit: &Visit<'_>, dice: &mut Dice, item: &mut Value) {
    let views = dice.skewed(3_000_000);
    let counts = [
        ("view_count", "views", views),
        ("like_count", "likes", dice.skewed(views / 8 + 1)),
        ("comment_count", "comments_count", dice.skewed(views / 90 + 1)),
        ("share_count", "shares", dice.skewed(views / 200 + 1)),
        ("save_count", "saves", dice.skewed(views / 150 + 1)),
    ];
    let place = ["content", "interaction", "interactions"][(visit.spelling() % 3) as usize];
    if place != "content" {
        item[place] = Value::Object(Map::new());
    }
    for (in_content, elsewhere, count) in counts {
        let name = if place == "content" { in_content } else { elsewhere };
        item[place][name] = visit.grown(count).into();
    }
}

/// A later crawl that knows less: what it leaves out must stay as it was.
fn leave_gaps(item: &mut Value) {
    if let Some(content) = item["content"].as_object_mut() {
        for name in ["category", "sound_name", "transcription", "transcription_status"] {
            content.remove(name);
        }
    }
}
