//! Items that could not be crawled.

use super::{dice::Dice, item, visit::Visit};
use millrace_batches::domain::ErrorCode;
use serde_json::{Value, json};

/// The `ordinal`th error item: the codes take turns, so that a small corpus has them all.
pub(super) fn item(visit: &Visit<'_>, dice: &mut Dice, ordinal: u64) -> Value {
    let code = code(ordinal, visit.hostile());
    let mut meta = item::meta(visit);
    meta["fetch_status"] = if visit.hostile() && ordinal % 4 == 1 {
        "ERROR"
    } else {
        "error"
    }
    .into();
    let text_key = if visit.spelling() % 3 == 2 {
        "error_message"
    } else {
        "fetch_error"
    };
    meta[text_key] = format!("Không tải được nội dung: {}", code.as_deref().unwrap_or("?")).into();
    meta["error_details"] = json!({
        "exception_type": "CrawlError",
        "response_code": *dice.pick(&[403, 404, 429, 500, 503]),
        "url": meta["permalink"],
    });
    if let Some(code) = code {
        meta["error_code"] = code.into();
    }
    if dice.chance(10) {
        meta["permalink"] = Value::Null;
    }
    json!({ "meta": meta, "content": null, "author": null, "comments": [] })
}

fn code(ordinal: u64, hostile: bool) -> Option<String> {
    let known: Vec<&str> = ErrorCode::known().collect();
    let turns = known.len() as u64 + if hostile { 4 } else { 0 };
    match (ordinal % turns) as usize {
        turn if turn < known.len() => Some(known[turn].to_owned()),
        21 => Some("CAPTCHA_REQUIRED".to_owned()), // no code of ours
        22 => Some(" timeout ".to_owned()),
        23 => Some("rate_limited".to_owned()),
        _ => None,
    }
}
