//! What is done about records that panics or deaths of the process have to do with: they are tried in halves.

use crate::Care;

/// A record that was alone so often when it ended badly is not read again.
const ALONE: u32 = 3;

/// A suspicious range, and how it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caution {
    /// Behind the last suspicious record.
    pub(crate) until: i64,
    /// Most records of the next chunk.
    pub(crate) size: u32,
    /// How often one record was alone when it ended badly.
    pub(crate) alone: u32,
}

// === impl Caution ===

impl Caution {
    /// After a chunk of so many records, up to `next`, has ended badly.
    pub(crate) fn after_failure(before: Option<Self>, records: usize, next: i64) -> Self {
        let records = u32::try_from(records).unwrap_or(u32::MAX);
        let alone = match before {
            Some(before) if records <= 1 => before.alone + 1,
            None if records <= 1 => 1,
            _ => 0,
        };
        Self {
            until: next,
            size: (records / 2).max(1),
            alone,
        }
    }

    /// After a chunk up to `next` was stored. What is left of the range is the half that has it, so that is halved.
    pub(crate) fn after_success(self, next: i64) -> Option<Self> {
        (next < self.until).then_some(Self {
            size: (self.size / 2).max(1),
            alone: 0,
            ..self
        })
    }

    /// How the next chunk is to be treated.
    pub(crate) fn care(self) -> Care {
        if self.alone >= ALONE {
            Care::Reject
        } else {
            Care::Part
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a chunk of records 0…n, some of which end badly, until all are stored; returns which were rejected,
    /// and how many failures it took.
    fn tried(records: i64, bad: &[i64], chunk: u32) -> (Vec<i64>, usize) {
        let (mut at, mut caution, mut rejected, mut failures) = (0, None::<Caution>, Vec::new(), 0);
        while at < records {
            let size = caution.map_or(chunk, |caution| caution.size);
            let end = caution.map_or(records, |caution: Caution| caution.until);
            let next = end.min(at + i64::from(size));
            let care = caution.map_or(Care::None, Caution::care);
            if care == Care::Reject {
                assert_eq!(next - at, 1, "only one that is alone");
                rejected.push(at);
            } else if bad.iter().any(|bad| (at..next).contains(bad)) {
                failures += 1;
                let count = usize::try_from(next - at).expect("a count");
                caution = Some(Caution::after_failure(caution, count, next));
                continue;
            }
            at = next;
            caution = caution.and_then(|caution| caution.after_success(at));
        }
        (rejected, failures)
    }

    #[test]
    fn every_single_record_is_found_in_few_failures() {
        for chunk in [1_u32, 2, 3, 7, 64, 1_000] {
            let most = chunk.ilog2() as usize + 4;
            for bad in 0..i64::from(chunk) {
                let (rejected, failures) = tried(i64::from(chunk), &[bad], chunk);
                assert_eq!(rejected, [bad], "of {chunk}");
                assert!(failures <= most, "{bad} of {chunk}: {failures}");
            }
        }
    }

    #[test]
    fn several_are_found_and_nothing_else_is_accused() {
        let bad = [0, 3, 4, 500, 998, 999];
        assert_eq!(tried(1_000, &bad, 1_000).0, bad);
        assert_eq!(tried(1_000, &bad, 7).0, bad);
        assert_eq!(tried(1_000, &[], 100), (Vec::new(), 0));
    }

    #[test]
    fn what_has_passed_alone_starts_anew() {
        let alone = |caution| Caution::after_failure(caution, 1, 5);
        let twice = alone(Some(alone(None)));
        assert_eq!(twice.care(), Care::Part);
        assert_eq!(alone(Some(twice)).care(), Care::Reject);
        assert_eq!(twice.after_success(5), None);
        let other = Caution { until: 9, ..twice };
        assert_eq!(other.after_success(5).map(|caution| caution.alone), Some(0));
    }
}
