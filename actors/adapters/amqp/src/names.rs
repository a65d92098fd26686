//! Names that we make up and send to the broker. AMQP's short strings hold 255 bytes, and the client library
//! panics at a longer one.

/// The longest short string, in bytes.
const LONGEST: usize = 255;

/// A consumer's tag: whose, of which queue, which one.
pub(super) fn consumer_tag(name: &str, queue: &str, number: u64) -> String {
    let number = format!(" {number}");
    let mut tag = format!("{name} {queue}");
    // The number makes it unique; queue and host name may each be as long as they like.
    tag.truncate(tag.floor_char_boundary(LONGEST - number.len()));
    tag + &number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumer_tag_is_short_enough_and_unique_whatever_it_is_made_of() {
        assert_eq!(consumer_tag("millrace@pod", "events", 7), "millrace@pod events 7");
        let (name, queue) = ("ä".repeat(120), "q".repeat(255));
        let tags = [1, 2, u64::MAX].map(|number| consumer_tag(&name, &queue, number));
        assert!(tags.iter().all(|tag| tag.len() <= LONGEST));
        assert!(tags[0] != tags[1] && tags[2].ends_with(&u64::MAX.to_string()));
    }
}
