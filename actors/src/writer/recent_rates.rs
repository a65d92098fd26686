//! Success and error rates over the last minutes, by platform.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

/// Items of the last five minutes, by platform label, in slots of ten seconds.
#[derive(Debug, Default)]
pub(super) struct RecentRates {
    slots: VecDeque<Slot>,
}

#[derive(Debug)]
struct Slot {
    began: Instant,
    items: BTreeMap<&'static str, Share>,
}

/// Items and how many of them succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Share {
    pub(super) items: u64,
    pub(super) successes: u64,
}

const WINDOW: Duration = Duration::from_secs(5 * 60);
const SLOT: Duration = Duration::from_secs(10);

// === impl RecentRates ===

impl RecentRates {
    pub(super) fn add(&mut self, now: Instant, platform: &'static str, added: Share) {
        self.forget(now);
        let current = self.slots.back().is_some_and(|slot| now < slot.began + SLOT);
        if !current {
            self.slots.push_back(Slot {
                began: now,
                items: BTreeMap::new(),
            });
        }
        if let Some(slot) = self.slots.back_mut() {
            slot.items.entry(platform).or_default().add(added);
        }
    }

    /// Platforms without items in the window are absent: a rate of nothing is not 0 %.
    pub(super) fn shares(&mut self, now: Instant) -> BTreeMap<&'static str, Share> {
        self.forget(now);
        let mut shares = BTreeMap::<_, Share>::new();
        for (platform, share) in self.slots.iter().flat_map(|slot| &slot.items) {
            shares.entry(*platform).or_default().add(*share);
        }
        shares.retain(|_, share| share.items > 0);
        shares
    }

    fn forget(&mut self, now: Instant) {
        while self.slots.front().is_some_and(|slot| now >= slot.began + WINDOW) {
            self.slots.pop_front();
        }
    }
}

// === impl Share ===

impl Share {
    fn add(&mut self, other: Self) {
        self.items += other.items;
        self.successes += other.successes;
    }

    pub(super) fn success_percent(self) -> f64 {
        100.0 * self.successes as f64 / self.items as f64
    }

    pub(super) fn error_percent(self) -> f64 {
        100.0 - self.success_percent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_five_minutes_no_longer_counts() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut rates = RecentRates::default();
        rates.add(
            start,
            "tiktok",
            Share {
                items: 10,
                successes: 0,
            },
        );
        rates.add(
            after(9),
            "tiktok",
            Share {
                items: 10,
                successes: 10,
            },
        );
        rates.add(
            after(100),
            "tiktok",
            Share {
                items: 20,
                successes: 19,
            },
        );
        rates.add(
            after(100),
            "youtube",
            Share {
                items: 0,
                successes: 0,
            },
        );

        let shares = rates.shares(after(299));
        assert_eq!(
            shares["tiktok"],
            Share {
                items: 40,
                successes: 29
            }
        );
        assert_eq!(shares["tiktok"].success_percent(), 72.5);
        assert_eq!(shares["tiktok"].error_percent(), 27.5);
        assert!(!shares.contains_key("youtube"));

        assert_eq!(
            rates.shares(after(300))["tiktok"],
            Share {
                items: 20,
                successes: 19
            }
        );
        assert!(rates.shares(after(400)).is_empty());
    }
}
