//! Who posts. Some people post a lot, so the same author turns up in many batches.

use super::{
    clock,
    dice::{Dice, Stream},
    text,
};
use serde_json::{Value, json};

/// An author's number: the same number is the same person.
#[derive(Clone, Copy)]
pub(super) struct AuthorNumber(pub(super) u64);

/// First number of people who post once.
const STRANGERS: u64 = 1 << 32;

// === impl AuthorNumber ===

impl AuthorNumber {
    /// A known author: the lower the number, the more they post.
    pub(super) fn regular(dice: &mut Dice, items: usize) -> Self {
        Self(dice.skewed(items as u64 / 8 + 20))
    }

    /// An author that nothing else mentions. Only they may have damaged fields: where three crawls disagree
    /// about which fields there are, the outcome would depend on the order of arrival.
    pub(super) fn stranger(item: u64) -> Self {
        Self(STRANGERS + item)
    }

    /// The handle.
    pub(super) fn handle(self, seed: u64) -> String {
        text::handle(&mut Dice::new(seed, Stream::Author, self.0), self.0)
    }

    /// The `author` of an item that was crawled at `second` of the corpus; followers grow with time.
    pub(super) fn json(self, seed: u64, second: i64, short_names: bool) -> Value {
        let mut dice = Dice::new(seed, Stream::Author, self.0);
        let username = text::handle(&mut dice, self.0);
        let grown = (second + 2 * clock::DAY).max(0) as u64 / 60;
        let followers = dice.skewed(2_000_000) + grown;
        let name = text::person(&mut dice);
        let mut author = json!({
            "username": username,
            "following_count": dice.skewed(2_000),
            "total_likes": dice.skewed(5_000_000) + grown * 3,
            "video_count": dice.skewed(900) + 1,
        });
        let verified = dice.chance(8);
        let fields: [(&str, &str, Value); 3] = [
            ("display_name", "name", name.into()),
            ("follower_count", "followers", followers.into()),
            ("verified", "is_verified", verified.into()),
        ];
        for (long, short, value) in fields {
            author[if short_names { short } else { long }] = value;
        }
        if dice.chance(80) {
            author["bio"] = text::sentence(&mut dice).into();
        }
        if dice.chance(90) {
            author["avatar_url"] = format!("https://p16-sign.example.com/{:016x}.jpeg", dice.bits()).into();
        }
        author
    }
}
