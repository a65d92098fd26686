//! What a stage makes of one message.

/// The messages that go on: none, one or many. With none the delivery is done; with many it is split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Messages<T> {
    /// Nothing goes on.
    None,
    /// As most stages do.
    One(T),
    /// Each goes its own way, and the delivery is settled when all are: see
    /// [`DeliveryHandle::split`](crate::DeliveryHandle::split).
    Many(Vec<T>),
}

// === impl Messages ===

impl<T> From<T> for Messages<T> {
    fn from(one: T) -> Self {
        Self::One(one)
    }
}

impl<T> From<Option<T>> for Messages<T> {
    fn from(perhaps: Option<T>) -> Self {
        perhaps.map_or(Self::None, Self::One)
    }
}

impl<T> From<Vec<T>> for Messages<T> {
    fn from(many: Vec<T>) -> Self {
        Self::Many(many)
    }
}
