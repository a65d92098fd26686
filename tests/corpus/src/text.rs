//! What people write: Vietnamese sentences, tags, names.

use super::dice::Dice;

const OPENINGS: [&str; 12] = [
    "Hôm nay mình sẽ review",
    "Mọi người ơi, ai đã dùng",
    "Thật sự rất thích",
    "Đánh giá chi tiết",
    "Không ngờ",
    "Cuối tuần đi trải nghiệm",
    "Góc nhìn thẳng thắn về",
    "So sánh nhanh",
    "Có nên mua",
    "Sau ba tháng sử dụng",
    "Cập nhật giá mới nhất của",
    "Chia sẻ thật lòng về",
];

const SUBJECTS: [&str; 14] = [
    "VinFast VF8",
    "VinFast VF3",
    "phần mềm Misa",
    "Honda City",
    "Toyota Vios",
    "trà sữa Phúc Long",
    "cà phê Highlands",
    "điện thoại Xiaomi",
    "ứng dụng MoMo",
    "Shopee Mall",
    "bột giặt Omo",
    "sữa Vinamilk",
    "Viettel 5G",
    "bia Sài Gòn",
];

const OPINIONS: [&str; 14] = [
    "chất lượng tốt hơn mong đợi",
    "giá hơi cao nhưng xứng đáng",
    "chăm sóc khách hàng rất chu đáo",
    "giao hàng chậm quá trời",
    "pin đi được gần 400 km",
    "nội thất rộng rãi, ghế ngồi êm",
    "ứng dụng hay bị lỗi khi thanh toán",
    "quảng cáo một đằng làm một nẻo",
    "phù hợp với gia đình trẻ",
    "đáng đồng tiền bát gạo",
    "mình sẽ không mua lại lần nữa",
    "màu sắc ngoài đời đẹp hơn trong ảnh",
    "bảo hành nhanh, nhân viên lịch sự",
    "vẫn còn nhiều điểm cần cải thiện",
];

const TAILS: [&str; 10] = [
    "nhé mọi người",
    "luôn á",
    "thật sự luôn",
    "so với tầm giá",
    "trong phân khúc này",
    "theo cảm nhận của mình",
    "ở Sài Gòn",
    "tại Hà Nội",
    "các bác nghĩ sao",
    "đừng bỏ lỡ",
];

const REMARKS: [&str; 16] = [
    "Xe đẹp quá! Muốn mua lắm rồi!",
    "Giá bao nhiêu vậy bạn?",
    "Cho mình xin địa chỉ với ạ",
    "Mình dùng rồi, bình thường thôi",
    "Ship về Đà Nẵng bao lâu shop ơi",
    "Xem xong muốn đặt liền luôn",
    "Chê nha, hỏng sau hai tuần",
    "Ủng hộ hàng Việt Nam",
    "Ad trả lời tin nhắn giúp mình",
    "Nghe nói sắp giảm giá đúng không",
    "Hay quá, cảm ơn bạn đã chia sẻ",
    "Nhạc nền tên gì vậy mọi người",
    "Lần trước mua bị lỗi mà không ai giải quyết",
    "Quá đỉnh",
    "Để dành tiền thôi chứ biết sao giờ",
    "Chuẩn luôn, mình cũng thấy vậy",
];

const EMOJI: [&str; 12] = [
    "🚗", "⚡", "😍", "😂", "🔥", "👍", "❤️", "😭", "🇻🇳", "👏🏻", "🤔", "💯",
];

const TAGS: [&str; 16] = [
    "VinFast",
    "VF8",
    "xedien",
    "review",
    "trảinghiệm",
    "xuhuong",
    "fyp",
    "Misa",
    "kếtoán",
    "đánhgiáxe",
    "vietnam",
    "muasắm",
    "ẩmthực",
    "LearnOnTikTok",
    "côngnghệ",
    "giađình",
];

const FAMILY: [&str; 8] = ["Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Võ", "Đặng", "Bùi"];
const MIDDLE: [&str; 6] = ["Văn", "Thị", "Minh", "Ngọc", "Quốc", "Thanh"];
const GIVEN: [&str; 10] = [
    "An", "Bình", "Chi", "Dũng", "Hạnh", "Khoa", "Linh", "Phương", "Tuấn", "Yến",
];
const HANDLE: [&str; 8] = ["nguyen", "tran", "le", "pham", "hoang", "vo", "dang", "bui"];

/// One sentence about something people buy.
pub(super) fn sentence(dice: &mut Dice) -> String {
    let (opening, subject) = (dice.pick(&OPENINGS), dice.pick(&SUBJECTS));
    let (outcome, tail) = (dice.pick(&OPINIONS), dice.pick(&TAILS));
    format!("{opening} {subject}: {outcome} {tail}.")
}

/// The text under a post: sentences, emoji, tags.
pub(super) fn description(dice: &mut Dice, tags: &[&str]) -> String {
    let sentences: Vec<String> = (0..dice.between(1, 3)).map(|_| sentence(dice)).collect();
    let mut text = sentences.join(if dice.chance(20) { "\n" } else { " " });
    if dice.chance(70) {
        text.push(' ');
        text.push_str(emoji(dice));
    }
    for tag in tags {
        text.push_str(" #");
        text.push_str(tag);
    }
    text
}

/// Spoken text of at least `bytes` bytes.
pub(super) fn transcription(dice: &mut Dice, bytes: usize) -> String {
    let mut text = sentence(dice);
    while text.len() < bytes {
        text.push(' ');
        text.push_str(&sentence(dice));
    }
    text
}

/// What is said below a post.
pub(super) fn remark(dice: &mut Dice) -> String {
    let mut text = (*dice.pick(&REMARKS)).to_owned();
    if dice.chance(40) {
        text.push(' ');
        text.push_str(emoji(dice));
    }
    text
}

/// Up to six different tags.
pub(super) fn tags(dice: &mut Dice) -> Vec<&'static str> {
    let first = dice.below(TAGS.len() as u64) as usize;
    let count = dice.between(1, 6) as usize;
    (0..count)
        .map(|step| TAGS[(first + step * 3) % TAGS.len()])
        .collect()
}

/// Something a crawler searches for.
pub(super) fn keyword(dice: &mut Dice) -> &'static str {
    dice.pick::<&str>(&SUBJECTS)
}

/// A person's name as shown.
pub(super) fn person(dice: &mut Dice) -> String {
    let (family, middle, given) = (dice.pick(&FAMILY), dice.pick(&MIDDLE), dice.pick(&GIVEN));
    format!("{family} {middle} {given}")
}

/// A person's handle; `number` keeps it apart from all others.
pub(super) fn handle(dice: &mut Dice, number: u64) -> String {
    format!(
        "{}.{}{number}",
        dice.pick(&HANDLE),
        dice.pick(&["vn", "review", "official", "88"])
    )
}

fn emoji(dice: &mut Dice) -> &'static str {
    dice.pick::<&str>(&EMOJI)
}
