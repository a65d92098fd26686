//! Where a crawler puts a value and how it spells it. Of several spellings the first that is present
//! wins; present means not `null`, `""` or `"NULL"`.

use super::key::Key;

/// A section of an item: its position in the sections of the item's shape, from 1; 0 is the item itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(pub(super) usize);

/// An object within an item, or within another section, whose fields are read one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Section {
    /// Where it stands; a section comes behind the one that holds it.
    pub(super) parent: Place,
    pub(super) key: Key<'static>,
}

/// One name of a value, and the section it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spelling {
    pub(super) place: Place,
    pub(super) key: Key<'static>,
}

/// A field of the item, or of a comment, itself.
pub(super) const fn top(key: &'static str) -> Spelling {
    Place::TOP.field(key)
}

/// A field of `meta`.
pub(super) const fn meta(key: &'static str) -> Spelling {
    Place::META.field(key)
}

/// A field of `content`.
pub(super) const fn content(key: &'static str) -> Spelling {
    Place::CONTENT.field(key)
}

/// A field of `author`.
pub(super) const fn author(key: &'static str) -> Spelling {
    Place::AUTHOR.field(key)
}

// === impl Place ===

impl Place {
    /// The item, or the comment, itself.
    pub(super) const TOP: Self = Self(0);
    // These are the first of `common::SECTIONS`, in its order.
    pub(super) const META: Self = Self(1);
    pub(super) const CONTENT: Self = Self(2);
    pub(super) const AUTHOR: Self = Self(3);
    pub(super) const INTERACTION: Self = Self(4);
    pub(super) const INTERACTIONS: Self = Self(5);
    pub(super) const CONTENT_INTERACTION: Self = Self(6);
    pub(super) const CONTENT_INTERACTIONS: Self = Self(7);

    /// A field of this section.
    pub(super) const fn field(self, key: &'static str) -> Spelling {
        Spelling {
            place: self,
            key: Key::new(key),
        }
    }

    /// A section within this one.
    pub(super) const fn section(self, key: &'static str) -> Section {
        Section {
            parent: self,
            key: Key::new(key),
        }
    }
}
