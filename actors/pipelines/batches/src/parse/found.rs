//! An item as it was sent, and what is wrong with its syntax.

use super::scan::{Slip, SlipKind};
use crate::domain::Reason;

/// An item as it was sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) raw: &'a str,
    pub(super) flaw: Flaw,
}

/// What is wrong with an item's syntax.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It is JSON.
    None,
    /// Nothing that [`super::fix`] does not fix.
    Mendable,
    /// It cannot be read.
    Fatal(Reason, String),
}

// === impl Found ===

impl<'a> Found<'a> {
    /// An item that is JSON.
    pub(super) fn whole(raw: &'a str) -> Self {
        let flaw = Flaw::None;
        Self { raw, flaw }
    }
}

// === impl Flaw ===

impl Flaw {
    /// What a scan found, as it is told of an item that starts at `item_start`.
    pub(super) fn of(slip: Option<Slip>, item_start: usize, max_depth: usize) -> Self {
        let Some(Slip { at, kind, .. }) = slip else {
            return Self::Mendable;
        };
        let at = at - item_start;
        match kind {
            SlipKind::TooDeep => Self::Fatal(
                Reason::TooDeep,
                format!("nests deeper than {max_depth} at byte {at} of the item"),
            ),
            SlipKind::OpenString | SlipKind::Syntax(_) => Self::Fatal(
                Reason::MalformedItem,
                format!(
                    "no valid JSON: expected {} at byte {at} of the item",
                    kind.expected()
                ),
            ),
        }
    }
}
