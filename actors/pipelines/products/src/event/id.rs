//! The id of an event that brings none.

use sha2::{Digest, Sha256};
use std::fmt::Write;
use uuid::Uuid;

/// Of the topic and the record's bytes: a redelivery and what a producer sends again get the same id.
///
/// `key` is that of the record where it alone says which product is meant: then two events with equal values are not
/// the same event.
pub(super) fn derived(topic: &str, value: &[u8], key: Option<&[u8]>) -> String {
    let mut hash = Sha256::new();
    hash.update(value);
    hash.update(key.unwrap_or_default());
    let mut name = String::with_capacity(topic.len() + 71);
    name.push_str("kafka:");
    name.push_str(topic);
    name.push('/');
    for byte in hash.finalize() {
        let _ = write!(name, "{byte:02x}");
    }
    Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program outside that computes the id finds the same: `uuid.uuid5(uuid.NAMESPACE_URL, "kafka:" + topic + "/" + sha256)`.
    #[test]
    fn an_id_can_be_computed_elsewhere() {
        assert_eq!(
            derived("ProductCreated", b"{}", None),
            "d99df1a4-481a-5497-96d6-e37f8ef84923"
        );
        assert_ne!(
            derived("ProductCreated", b"{}", None),
            derived("ProductUpdated", b"{}", None)
        );
        assert_ne!(
            derived("ProductDeleted", b"{}", Some(b"p1")),
            derived("ProductDeleted", b"{}", Some(b"p2"))
        );
    }
}
