//! What real crawlers do to an item: every spelling and every damage that the service must survive.

use super::{clock, dice::Dice, text, visit::Visit};
use serde_json::{Value, json};

/// Stands for a lone surrogate until the JSON is text: a `Value` cannot hold one.
pub(super) const LONE_SURROGATE: char = '\u{f8ff}';

/// Before a word in a string: the string becomes the word, which is no JSON, or none that all readers take.
pub(super) const BARE_WORD: char = '\u{f8fe}';

/// Stands for a raw line feed.
pub(super) const RAW_LINE_FEED: char = '\u{f8fd}';

/// One oddity. They take turns, so that a small corpus has them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quirk {
    NumericIds,
    HugeCounts,
    NegativeCount,
    UnreadableCounts,
    NullWords,
    NulCharacters,
    LoneSurrogate,
    UnknownFields,
    Legacy,
    NoZone,
    UnreadableTime,
    TwoSpellings,
    NullBeforeValue,
    NoCrawledAt,
    NoAuthor,
    AuthorById,
    NoComments,
    LongText,
    DeepExtra,
    WordBooleans,
    LoudStatus,
    NoTags,
    MediaProblem,
    HalfSeconds,
    LeftToEvent,
    NotAnObject,
    MissingId,
    UnknownStatus,
    NoStatusNoContent,
    NotANumber,
    RawControl,
    Slip,
    TooDeep,
}

const ALL: [Quirk; 33] = {
    use Quirk::*;
    [
        NumericIds,
        HugeCounts,
        NotAnObject,
        NegativeCount,
        UnreadableCounts,
        NullWords,
        MissingId,
        NotANumber,
        NulCharacters,
        LoneSurrogate,
        UnknownFields,
        Slip,
        Legacy,
        RawControl,
        UnknownStatus,
        NoZone,
        UnreadableTime,
        TwoSpellings,
        NullBeforeValue,
        TooDeep,
        NoStatusNoContent,
        NoCrawledAt,
        NoAuthor,
        AuthorById,
        NoComments,
        LongText,
        DeepExtra,
        WordBooleans,
        LoudStatus,
        NoTags,
        MediaProblem,
        HalfSeconds,
        LeftToEvent,
    ]
};

const EVERY: u64 = 5;

// === impl Quirk ===

impl Quirk {
    /// The quirk of an item, if it has one.
    pub(super) fn of(item: u64) -> Option<Self> {
        (item % EVERY == 3).then(|| ALL[(item / EVERY) as usize % ALL.len()])
    }

    /// Damages a post. What is damaged depends on the item alone, never on the turn.
    pub(super) fn apply(self, item: &mut Value, visit: &Visit<'_>, dice: &mut Dice) {
        match self {
            Self::NumericIds => numeric_ids(item, visit),
            Self::HugeCounts | Self::NegativeCount | Self::UnreadableCounts => self.spoil_counts(item, visit),
            Self::NullWords => null_words(item),
            Self::NulCharacters => spread(item, '\0'),
            Self::LoneSurrogate => spread(item, LONE_SURROGATE),
            Self::UnknownFields => unknown_fields(item, dice),
            Self::Legacy => legacy(item),
            Self::NoZone => item["meta"]["crawled_at"] = clock::spelled(visit.crawled_at(), 1).into(),
            Self::UnreadableTime => item["meta"]["published_at"] = "hôm qua".into(),
            Self::TwoSpellings | Self::NullBeforeValue => self.say_twice(item, visit),
            Self::NoCrawledAt => remove(&mut item["meta"], &["crawled_at"]),
            Self::NoAuthor => item["author"] = Value::Null,
            Self::AuthorById => author_by_id(item, visit),
            Self::NoComments if visit.item.is_multiple_of(2) => item["comments"] = Value::Null,
            Self::NoComments => remove(item, &["comments"]),
            Self::LongText => long_text(item, visit, dice),
            Self::DeepExtra => item["content"]["stickers"] = nested(20),
            Self::WordBooleans => word_booleans(item, visit),
            Self::LoudStatus => item["meta"]["fetch_status"] = "SUCCESS".into(),
            Self::NoTags => replace(item, "tags", "hashtags", json!([])),
            Self::MediaProblem => media_problem(item),
            Self::HalfSeconds => replace(item, "duration_seconds", "duration", 45.5.into()),
            Self::LeftToEvent => remove(&mut item["meta"], &["task_type", "keyword_source"]),
            Self::NotAnObject => {
                *item = dice
                    .pick(&[json!("oops"), json!(42), json!(null), json!([1])])
                    .clone()
            }
            Self::MissingId => missing_id(item, dice),
            Self::UnknownStatus => {
                item["meta"]["fetch_status"] = (*dice.pick(&["pending", "skipped"])).into()
            }
            Self::NotANumber => {
                set_count(item, "save_count", "saves", bare("NaN"));
                item["content"]["score"] = json!([bare("Infinity"), 0.5, bare("-Infinity")]);
            }
            Self::RawControl => spread(item, RAW_LINE_FEED),
            Self::Slip => {
                let slips: [&str; 6] = ["012", "\"\\x\"", "[1,]", "None", ".5", "'text'"];
                item["content"]["slip"] = bare(dice.pick::<&str>(&slips));
            }
            Self::TooDeep => item["content"]["stickers"] = nested(visit.settings.caps.max_depth),
            Self::NoStatusNoContent => {
                remove(&mut item["meta"], &["fetch_status"]);
                item["content"] = Value::Null;
            }
        }
    }

    fn spoil_counts(self, item: &mut Value, visit: &Visit<'_>) {
        if self == Self::HugeCounts {
            // One more than a double can tell from its neighbour.
            let views = visit.grown(9_007_199_254_740_993);
            set_count(item, "view_count", "views", views.into());
            set_count(item, "like_count", "likes", visit.grown(3_000_000_000).into());
            item["author"]["total_likes"] = visit.grown(5_000_000_000_000).into();
        } else if self == Self::NegativeCount {
            set_count(item, "like_count", "likes", (-1).into());
            item["author"]["video_count"] = (-7).into();
            each_comment(item, |comment| comment["reply_count"] = (-1).into());
        } else {
            set_count(item, "share_count", "shares", "12,5k".into());
            set_count(item, "save_count", "saves", u64::MAX.into());
            item["author"]["following_count"] = json!({"approx": "nhiều"});
        }
    }

    /// Of two spellings the first that holds anything counts, so the second may differ.
    fn say_twice(self, item: &mut Value, visit: &Visit<'_>) {
        if self == Self::NullBeforeValue {
            item["content"]["share_count"] = Value::Null;
            item["interaction"]["shares"] = visit.grown(33).into();
            return;
        }
        set_count(item, "view_count", "views", Value::Null);
        item["content"]["view_count"] = visit.grown(1_000).into();
        item["interactions"]["views"] = visit.grown(4_000).into();
        item["author"]["name"] = "không phải tên này".into();
        item["author"]["display_name"] = "Tên Thật".into();
    }
}

fn remove(from: &mut Value, names: &[&str]) {
    if let Some(object) = from.as_object_mut() {
        for name in names {
            object.remove(*name);
        }
    }
}

/// Writes a field of `content` under one name only.
fn replace(item: &mut Value, name: &str, other_name: &str, value: Value) {
    remove(&mut item["content"], &[other_name]);
    item["content"][name] = value;
}

fn each_comment(item: &mut Value, change: impl FnMut(&mut Value)) {
    if let Some(comments) = item["comments"].as_array_mut() {
        comments.iter_mut().for_each(change);
    }
}

/// Replaces a count wherever the item has it.
fn set_count(item: &mut Value, in_content: &str, elsewhere: &str, count: Value) {
    for place in ["interaction", "interactions"] {
        if let Some(found) = item.get_mut(place).and_then(|object| object.get_mut(elsewhere)) {
            *found = count;
            return;
        }
    }
    item["content"][in_content] = count;
}

fn numeric_ids(item: &mut Value, visit: &Visit<'_>) {
    let id = 7_999_000_000_000_000_000 + visit.item;
    item["meta"]["id"] = id.into();
    item["content"]["external_id"] = id.into();
    each_comment(item, |comment| {
        for name in ["id", "external_id"] {
            let number = comment
                .get(name)
                .and_then(Value::as_str)
                .and_then(|id| id.parse::<u64>().ok());
            if let Some(number) = number {
                comment[name] = number.into();
            }
        }
    });
}

fn author_by_id(item: &mut Value, visit: &Visit<'_>) {
    remove(&mut item["author"], &["username"]);
    item["author"]["id"] = (6_800_000_000_000_000_000 + visit.item).into();
}

fn word_booleans(item: &mut Value, visit: &Visit<'_>) {
    remove(&mut item["author"], &["is_verified"]);
    item["author"]["verified"] = if visit.item.is_multiple_of(2) {
        "True"
    } else {
        "False"
    }
    .into();
}

fn null_words(item: &mut Value) {
    item["meta"]["lang"] = "NULL".into();
    item["meta"]["pipeline_version"] = "".into();
    item["content"]["category"] = "".into();
    item["content"]["media_path"] = "NULL".into();
    item["author"]["bio"] = "".into();
    item["author"]["avatar_url"] = "NULL".into();
    each_comment(item, |comment| comment["parent_id"] = "NULL".into());
}

/// Puts a character that no table can hold into text that goes everywhere.
fn spread(item: &mut Value, bad: char) {
    item["content"]["title"] = format!("tiêu{bad} đề").into();
    item["content"]["category"] = format!("Giải{bad} trí").into();
    item["author"]["bio"] = format!("{bad}kênh chính thức").into();
    item["meta"]["error_details"] = json!({ "note": format!("x{bad}y") });
    each_comment(item, |comment| {
        let text = comment["text"].as_str().unwrap_or_default();
        comment["text"] = format!("{text}{bad} nha").into();
    });
}

fn unknown_fields(item: &mut Value, dice: &mut Dice) {
    item["meta"]["crawler_host"] = format!("node-{}", dice.below(40)).into();
    item["content"]["poll"] = json!({"question": "Xe nào?", "votes": [12, 7, 30_000_000_000_i64]});
    item["content"]["aspect_ratio"] = 0.5625.into();
    item["author"]["signature_url"] = "https://example.com/chữ ký.png".into();
    item["author"]["private"] = false.into();
    item["debug"] = json!({"proxy": "vn-03", "tries": 2});
}

fn legacy(item: &mut Value) {
    remove(
        &mut item["meta"],
        &[
            "fetch_status",
            "fetch_error",
            "error_code",
            "error_details",
            "pipeline_version",
        ],
    );
}

fn long_text(item: &mut Value, visit: &Visit<'_>, dice: &mut Dice) {
    // A megabyte each would make a large corpus huge; once is enough.
    if visit.item < EVERY * ALL.len() as u64 {
        let bytes = visit.settings.caps.max_text_bytes + 1_000;
        item["content"]["transcription"] = text::transcription(dice, bytes).into();
    }
}

fn bare(word: &str) -> Value {
    format!("{BARE_WORD}{word}").into()
}

/// Puts what stands for something that a `Value` cannot hold in its place.
pub(super) fn written(json: &str) -> String {
    let json = json
        .replace(LONE_SURROGATE, "\\ud83d")
        .replace(RAW_LINE_FEED, "\n");
    let opening = format!("\"{BARE_WORD}");
    let mut parts = json.split(&opening);
    let mut written = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // The word is a string of JSON up to the first quote that is not escaped.
        let end = (0..part.len()).find(|at| part[*at..].starts_with('"') && !part[..*at].ends_with('\\'));
        let (word, rest) = part.split_at(end.unwrap_or(part.len()));
        let word: String = serde_json::from_str(&format!("\"{word}\"")).unwrap_or_default();
        written.push_str(&word);
        written.push_str(rest.get(1..).unwrap_or_default());
    }
    written
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!("giữa"), |inner, level| {
        if level % 2 == 0 {
            json!([inner])
        } else {
            json!({ "in": inner })
        }
    })
}

fn media_problem(item: &mut Value) {
    item["meta"]["fetch_error"] = "audio track could not be downloaded".into();
    item["meta"]["error_code"] = "MEDIA_DOWNLOAD_FAILED".into();
    item["meta"]["error_details"] = json!({"exception_type": "MediaDownloadError", "retries": 3});
}

fn missing_id(item: &mut Value, dice: &mut Dice) {
    match dice.below(4) {
        0 => remove(&mut item["meta"], &["id"]),
        1 => item["meta"]["id"] = Value::Null,
        2 => item["meta"]["id"] = "".into(),
        _ => item["meta"]["id"] = "NULL".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_no_value_can_hold_is_written() {
        let item =
            json!({"a": bare("NaN"), "b": [bare("\"\\x\""), bare("[1,]")], "c": format!("x{RAW_LINE_FEED}")});
        assert_eq!(
            written(&item.to_string()),
            "{\"a\":NaN,\"b\":[\"\\x\",[1,]],\"c\":\"x\n\"}"
        );
    }

    #[test]
    fn every_quirk_has_its_turn() {
        let seen: BTreeSet<String> = (0..300)
            .filter_map(Quirk::of)
            .map(|quirk| format!("{quirk:?}"))
            .collect();
        assert_eq!(seen.len(), ALL.len());
    }
}
