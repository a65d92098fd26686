//! Records of every sort, the same for the same seed: good ones in several spellings, repeats, late ones, poison.

use millrace_stack::Sent;
use serde_json::{Value, json};

/// One topic of each kind; the number is the place in a trial's list of topics.
pub(crate) const TYPES: [&str; 4] = [
    "ProductCreated",
    "ProductUpdated",
    "ProductDeleted",
    "LowStockWarning",
];
/// Each topic has so many partitions.
pub(crate) const PARTITIONS: i32 = 3;

const HOUR: i64 = 3_600_000;
/// Few, so that each has many events.
const PRODUCTS: u64 = 40;

/// A small generator (SplitMix64): nothing here needs more.
pub(crate) struct Dice(u64);

/// A record and the place of its topic in the list.
pub(crate) type Mixed = (usize, Sent);

// === impl Dice ===

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn one_in(&mut self, odds: u64) -> bool {
        self.below(odds) == 0
    }
}

/// So many records; one in twelve comes twice.
pub(crate) fn mixed(seed: u64, count: usize) -> Vec<Mixed> {
    let mut dice = Dice::new(seed);
    let now = jiff::Timestamp::now().as_millisecond();
    let mut all: Vec<Mixed> = Vec::with_capacity(count);
    while all.len() < count {
        let earlier = dice.below(all.len().max(1) as u64) as usize;
        let again = all.get(earlier).filter(|_| dice.one_in(12)).cloned();
        let number = all.len();
        all.push(again.unwrap_or_else(|| made(&mut dice, seed, number, now)));
    }
    all
}

fn made(dice: &mut Dice, seed: u64, number: usize, now: i64) -> Mixed {
    let kind = dice.below(4) as usize;
    let product = dice.below(PRODUCTS);
    // Most are of the last two hours, some of any of the last fifty.
    let hours = if dice.one_in(20) { 50 } else { 2 };
    let at = now - dice.below((hours * HOUR) as u64) as i64;
    let value = match dice.below(40) {
        0 => None,
        1 => Some(b"{\"id\": 1, ".to_vec()),
        2 => Some(b"\0\0\0\0\x07framed".to_vec()),
        3 => Some(
            json!({"id": format!("v{number}"), "type": TYPES[kind], "version": 2})
                .to_string()
                .into(),
        ),
        _ => Some(event(dice, seed, number, kind, product, at).to_string().into()),
    };
    let sent = Sent {
        partition: Some((product % PARTITIONS as u64) as i32),
        key: Some(format!("p{product}").into()),
        value,
        headers: match dice.below(3) {
            0 => vec![
                ("source".to_owned(), Some(b"shop".to_vec())),
                ("bin".to_owned(), Some(vec![0, 200])),
            ],
            _ => Vec::new(),
        },
        timestamp: Some(at),
    };
    (kind, sent)
}

fn event(dice: &mut Dice, seed: u64, number: usize, kind: usize, product: u64, at: i64) -> Value {
    let of = TYPES[kind];
    let time = jiff::Timestamp::from_millisecond(at).unwrap().to_string();
    let id = format!("e{seed}-{number}");
    let stock = dice.below(20);
    let product_id = format!("p{product}");
    let details = json!({
        "id": product_id, "name": format!("n{}", dice.below(5)), "price": dice.below(900) as f64 / 4.0, "stock": stock,
        "sellerId": format!("s{}", product % 7),
    });
    let mut event = match kind {
        2 => json!({"productId": product_id, "sellerId": "s1"}),
        3 => json!({"productId": product_id, "currentStock": stock, "threshold": dice.below(20)}),
        _ => json!({"product": details}),
    };
    let (id_name, type_name, time_name) = match dice.below(2) {
        0 => ("id", "type", "timestamp"),
        _ => ("eventId", "eventType", "occurredAt"),
    };
    event[type_name] = of.into();
    // One without an id is known by its bytes, and one without a time is of its record's.
    if !dice.one_in(15) {
        event[id_name] = id.clone().into();
    }
    if !dice.one_in(15) {
        event[time_name] = time.clone().into();
    }
    match dice.one_in(10) {
        true => {
            json!({"specversion": "1.0", "id": id, "source": "/shop", "type": format!("com.shop.{of}"), "time": time, "data": event})
        }
        false => event,
    }
}
