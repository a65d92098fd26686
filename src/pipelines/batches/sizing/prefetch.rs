//! How many events are in flight where no number was chosen.

/// What a batch is assumed to weigh before the first one was seen: a TikTok batch of 50 items with their
/// comments is around 1 MiB of JSON, and its rows weigh three times as much.
pub const ASSUMED_BATCH_BYTES: u64 = 4 << 20;

/// Events in flight for batches of this weight: each of the `hands` has one in work and one in line, so that
/// no worker waits for the broker, but no more than the memory budget (bytes) is likely to hold.
pub fn prefetch(hands: usize, memory_budget: u64, batch_bytes: u64) -> u16 {
    let fits = memory_budget / batch_bytes.max(1);
    let sized = (2 * hands as u64).min(fits).clamp(1, 1000);
    u16::try_from(sized).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sized(hands: usize, mebibytes: u64) -> u16 {
        prefetch(hands, mebibytes << 20, ASSUMED_BATCH_BYTES)
    }

    #[test]
    fn prefetch_follows_the_worker_counts_until_the_budget_is_full() {
        assert_eq!(sized(17, 256), 34);
        assert_eq!(sized(3, 256), 6);
        assert_eq!(sized(17, 16), 4);
        assert_eq!(sized(17, 1), 1);
        assert_eq!(sized(1320, 1 << 20), 1000);
    }
}
