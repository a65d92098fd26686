//! What people say below a post.

use super::{
    clock::{self, Moment},
    dice::Dice,
    text,
    visit::Visit,
};
use serde_json::{Value, json};

/// The comments of a visited item. The same in every turn, but for their likes.
pub(super) fn comments(visit: &Visit<'_>, dice: &mut Dice) -> Vec<Value> {
    let mean = visit.settings.comments_per_item as u64;
    let count = dice.below(mean * 2 + 1);
    (0..count)
        .map(|position| comment(visit, dice, position))
        .collect()
}

fn comment(visit: &Visit<'_>, dice: &mut Dice, position: u64) -> Value {
    let id = 7_400_000_000_000_000_000 + visit.item * 10_000 + position;
    let second = visit.item as i64 - clock::DAY - 1_000 + position as i64;
    let commented_at = clock::at(visit.settings.base_time, second, Moment::Published);
    let short = visit.spelling() % 2 == 1;
    let mut comment = json!({
        "author_username": text::handle(dice, position),
        "text": text::remark(dice),
        "reply_count": visit.grown(dice.skewed(12)),
        "created_at": clock::iso(commented_at),
        "parent_type": "CONTENT",
    });
    let likes = visit.grown(dice.skewed(400));
    comment[if short { "likes" } else { "like_count" }] = likes.into();
    comment[if short {
        "author_name"
    } else {
        "author_display_name"
    }] = text::person(dice).into();
    if dice.chance(10) && position > 0 {
        comment["parent_type"] = "COMMENT".into();
        comment["parent_id"] = (id - 1).to_string().into();
    }
    // Some crawlers lose the id of a comment now and then.
    if !dice.chance(4) {
        comment[if short { "id" } else { "external_id" }] = id.to_string().into();
    }
    comment
}
