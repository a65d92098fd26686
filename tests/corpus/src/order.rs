//! In which order events arrive: any, and some twice.

use super::dice::{Dice, Stream};

/// Positions of `events` events in shuffled order; `percent` of them occur twice.
pub fn publish_order(seed: u64, events: usize, percent: u8) -> Vec<usize> {
    let mut dice = Dice::new(seed, Stream::Order, 0);
    let mut order: Vec<usize> = (0..events).collect();
    order.extend((0..events).filter(|_| dice.chance(u64::from(percent))));
    for last in (1..order.len()).rev() {
        order.swap(last, dice.below(last as u64 + 1) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_comes_and_some_come_twice() {
        let order = publish_order(7, 1_000, 10);
        let twice = order.len() - 1_000;
        assert!((50..150).contains(&twice), "{twice} duplicates");
        let mut seen = order.clone();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, (0..1_000).collect::<Vec<_>>());
        assert_ne!(order[..100], (0..100).collect::<Vec<_>>()[..]);
        assert_eq!(order, publish_order(7, 1_000, 10));
        assert_eq!(publish_order(7, 50, 0).len(), 50);
    }
}
