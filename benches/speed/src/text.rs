//! Words for made-up posts: enough of them that a compressor finds about what it finds in real text.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

const WORDS: [&str; 64] = [
    "xe", "điện", "hôm", "nay", "mình", "đánh", "giá", "chiếc", "được", "nhiều", "người", "quan", "tâm",
    "nhất", "Việt", "Nam", "đẹp", "quá", "muốn", "mua", "lắm", "rồi", "bao", "nhiêu", "vậy", "bạn", "chạy",
    "êm", "pin", "sạc", "nhanh", "ở", "Hà", "Nội", "Sài", "Gòn", "review", "VinFast", "VF8", "trải",
    "nghiệm", "thực", "tế", "không", "có", "gì", "để", "chê", "nội", "thất", "rộng", "rãi", "cảm", "ơn",
    "anh", "chị", "chia", "sẻ", "video", "hay", "😍", "🚗", "👏", "ha ha",
];

/// Words until there are so many bytes.
pub(crate) fn words(dice: &mut ChaCha8Rng, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 12);
    while text.len() < bytes {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(WORDS[dice.random_range(0..WORDS.len())]);
        // Names, prices and misspellings: words that come once.
        if dice.random_range(0..6) == 0 {
            text.push_str(&dice.random_range(0..100_000_u32).to_string());
        }
    }
    text
}
