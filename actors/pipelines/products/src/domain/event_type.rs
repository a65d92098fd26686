//! The four kinds of product events.

/// In the order in which events of one product and one time are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    /// A product was put up for sale.
    Created,
    /// Its values changed.
    Updated,
    /// Its stock is low.
    LowStock,
    /// It is gone.
    Deleted,
}

// === impl EventType ===

impl EventType {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Created, Self::Updated, Self::LowStock, Self::Deleted];

    /// As events, tables and metrics name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "ProductCreated",
            Self::Updated => "ProductUpdated",
            Self::LowStock => "LowStockWarning",
            Self::Deleted => "ProductDeleted",
        }
    }

    /// The one that is called so.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}
