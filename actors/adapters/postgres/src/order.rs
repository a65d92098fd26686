//! Rows in the order of their keys.
//!
//! Most keys of a write differ in one column only, and there within a few bytes after what all have in common. So those
//! bytes are compared first, as a number.

use super::{
    rows::{KeyPart, Version},
    table::{Column, Get, Rule, Table},
};
use std::cmp::Ordering;

/// The keys of versions, by their numbers.
pub(crate) struct Keys<'a> {
    parts: Vec<KeyPart<'a>>,
    /// Columns of a key.
    width: usize,
    /// Columns in which all keys are equal.
    same: usize,
}

/// A version, by its number, and the bytes by which its key differs first from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ranked {
    rank: u128,
    pub(crate) index: usize,
}

// === impl Keys ===

impl<'a> Keys<'a> {
    pub(crate) fn of<B, T>(table: &'static Table<B, T>, versions: &[Version<'a, B, T>]) -> Self {
        let columns = table.columns.iter().filter(|column| column.rule == Rule::Key);
        let columns = columns.collect::<Vec<_>>();
        let parts = versions
            .iter()
            .flat_map(|version| columns.iter().map(|column| part(table, column, *version)));
        Self::new(parts.collect(), columns.len())
    }

    fn new(parts: Vec<KeyPart<'a>>, width: usize) -> Self {
        let is_same = |column: &usize| {
            let mut all = parts.iter().skip(*column).step_by(width);
            let first = all.next();
            all.all(|part| Some(part) == first)
        };
        let same = (0..width).take_while(is_same).count();
        Self { parts, width, same }
    }

    /// By key, and versions of one key by `then`; what is equal stays as it came.
    pub(crate) fn sorted(&self, then: impl Fn(usize, usize) -> Ordering) -> Vec<Ranked> {
        let mut order = self.ranked();
        order.sort_by(|one, other| {
            self.compare(one, other)
                .then_with(|| then(one.index, other.index))
        });
        order
    }

    /// Whether both are versions of one row.
    pub(crate) fn are_equal(&self, one: &Ranked, other: &Ranked) -> bool {
        self.compare(one, other).is_eq()
    }

    fn compare(&self, one: &Ranked, other: &Ranked) -> Ordering {
        one.rank
            .cmp(&other.rank)
            .then_with(|| self.rest(one.index).cmp(self.rest(other.index)))
    }

    /// The part of a key in which not all are equal.
    fn rest(&self, index: usize) -> &[KeyPart<'a>] {
        &self.parts[index * self.width..][self.same..self.width]
    }

    fn ranked(&self) -> Vec<Ranked> {
        let parts = || self.parts.iter().skip(self.same).step_by(self.width.max(1));
        let texts = parts().map(|part| match part {
            KeyPart::Text(text) => Some(text.as_bytes()),
            KeyPart::Missing | KeyPart::BigInt(_) => None,
        });
        // Where it is no text the keys themselves are compared.
        let texts = if self.same < self.width {
            texts.collect::<Option<Vec<_>>>()
        } else {
            None
        };
        let count = self.parts.len().checked_div(self.width).unwrap_or_default();
        let Some(texts) = texts else {
            return (0..count).map(|index| Ranked { rank: 0, index }).collect();
        };
        let common = common_prefix(&texts);
        let rank = |text: &[u8]| {
            let mut bytes = [0; size_of::<u128>()];
            let differing = &text[common..];
            let known = differing.len().min(bytes.len());
            bytes[..known].copy_from_slice(&differing[..known]);
            u128::from_be_bytes(bytes)
        };
        let ranked = |(index, text): (usize, &&[u8])| Ranked {
            rank: rank(text),
            index,
        };
        texts.iter().enumerate().map(ranked).collect()
    }
}

fn part<'a, B, T>(
    table: &Table<B, T>,
    column: &Column<B, T>,
    (batch, item): Version<'a, B, T>,
) -> KeyPart<'a> {
    match column.get {
        Get::Text(get) => get(batch, item).map_or(KeyPart::Missing, KeyPart::Text),
        Get::BigInt(get) => get(batch, item).map_or(KeyPart::Missing, KeyPart::BigInt),
        _ => unreachable!("{}.{}: keys are text or numbers", table.name, column.name),
    }
}

/// How many bytes all texts begin with.
fn common_prefix(texts: &[&[u8]]) -> usize {
    let Some((first, rest)) = texts.split_first() else {
        return 0;
    };
    rest.iter().fold(first.len(), |common, text| {
        let equal = first[..common].iter().zip(text.iter());
        equal.take_while(|(one, other)| one == other).count()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part() -> impl Strategy<Value = Option<String>> {
        // Alike at the beginning, of several lengths, and with the byte that fills up a rank.
        proptest::option::weighted(0.95, "(|aaaaaaaaaaaaaaaa|aaaaaaaaaaaaaaab)[ab\u{0}é]{0,3}")
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_whole_keys_and_stable(
            width in 1_usize..4,
            texts in proptest::collection::vec(part(), 0..60),
            times in proptest::collection::vec(0..3_u8, 60),
        ) {
            let count = texts.len() / width;
            let texts = &texts[..count * width];
            let parts = texts.iter().map(|text| text.as_deref().map_or(KeyPart::Missing, KeyPart::Text));
            let parts = parts.collect::<Vec<_>>();
            let key = |index: usize| &parts[index * width..][..width];
            let mut wanted = (0..count).collect::<Vec<_>>();
            wanted.sort_by(|one, other| {
                key(*one).cmp(key(*other)).then_with(|| times[*one].cmp(&times[*other]))
            });
            let keys = Keys::new(parts.clone(), width);
            let sorted = keys.sorted(|one, other| times[one].cmp(&times[other]));
            let order = sorted.iter().map(|ranked| ranked.index).collect::<Vec<_>>();
            prop_assert_eq!(&order, &wanted);
            for pair in sorted.windows(2) {
                let equal = key(pair[0].index) == key(pair[1].index);
                prop_assert_eq!(keys.are_equal(&pair[0], &pair[1]), equal);
            }
        }
    }
}
