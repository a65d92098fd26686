//! When an event happened, and what counts where that cannot be.

use crate::*;
use TimeFallback::{Future, Missing, Past, Unreadable};
use millrace_products::event::TimeFallback;

/// The time of an event with these fields and a record of that time, and what it fell back from.
fn time(fields: &str, headers: &[(&str, &str)], record_time: Option<&str>) -> (String, Vec<TimeFallback>) {
    let mut sent = with_headers(format!(r#"{{"productId":"p"{fields}}}"#), headers);
    sent.timestamp = record_time.map(|time| time.parse().unwrap());
    let (event, counts) = read_counted("ProductDeleted", sent);
    let kinds = TimeFallback::ALL.into_iter().zip(counts.time_fallbacks);
    let kinds = kinds.flat_map(|(kind, times)| (0..times).map(move |_| kind));
    (event.unwrap().at.to_string(), kinds.collect())
}

#[test]
fn every_spelling_of_a_time() {
    let record = Some("2026-03-01T11:00:00Z");
    for fields in [
        r#","timestamp":"2026-02-28T10:30:00Z""#,
        r#","timestamp":"2026-02-28T10:30:00""#,
        r#","timestamp":"2026-02-28 10:30:00.000000""#,
        r#","timestamp":"2026-02-28T17:30:00+07:00""#,
        r#","occurredAt":"2026-02-28T10:30:00Z""#,
        r#","occurredAt":"x","timestamp":"2026-02-28T10:30:00Z""#,
        r#","timestamp":null,"occurredAt":"2026-02-28T10:30:00Z""#,
        r#","timestamp":1772274600"#,
        r#","timestamp":1772274600000"#,
        r#","timestamp":1772274600000000"#,
        r#","timestamp":1772274600.000000000"#,
        r#","timestamp":"1772274600000""#,
    ] {
        assert_eq!(
            time(fields, &[], record),
            ("2026-02-28T10:30:00Z".to_owned(), vec![]),
            "{fields}"
        );
    }
    let header = [("ce_time", "2026-02-28T10:30:00Z")];
    assert_eq!(time("", &header, record).0, "2026-02-28T10:30:00Z");
    assert_eq!(
        time(r#","timestamp":"2026-02-27T10:30:00Z""#, &header, record).0,
        "2026-02-27T10:30:00Z"
    );
}

#[test]
fn what_names_no_time_has_that_of_its_record_or_receipt() {
    let record = Some("2026-03-01T11:00:00Z");
    let of_record = "2026-03-01T11:00:00Z".to_owned();
    assert_eq!(time("", &[], record), (of_record.clone(), vec![Missing]));
    for bad in [
        r#""yesterday""#,
        "true",
        "[2026,3,1]",
        "{}",
        "0",
        "-5",
        "1e300",
        r#""2026-13-01T00:00:00Z""#,
    ] {
        let fields = format!(r#","timestamp":{bad},"occurredAt":"2026-02-01T00:00:00Z""#);
        assert_eq!(
            time(&fields, &[], record),
            (of_record.clone(), vec![Unreadable]),
            "{bad}"
        );
    }
    assert_eq!(time("", &[], None), (RECEIVED.to_owned(), vec![Missing]));
    assert_eq!(
        time(r#","timestamp":"x""#, &[], None),
        (RECEIVED.to_owned(), vec![Unreadable])
    );
}

#[test]
fn too_far_ahead_or_before_2000_the_receipt_counts() {
    let record = Some("2026-03-01T11:00:00Z");
    for (named, at, fallbacks) in [
        (
            "2026-03-01T13:00:00.123456Z",
            "2026-03-01T13:00:00.123456Z",
            vec![],
        ),
        ("2026-03-01T13:00:00.123457Z", RECEIVED, vec![Future]),
        ("9999-12-30T00:00:00Z", RECEIVED, vec![Future]),
        ("2000-01-01T00:00:00Z", "2000-01-01T00:00:00Z", vec![]),
        ("1999-12-31T23:59:59.999999Z", RECEIVED, vec![Past]),
        ("0001-01-01T00:00:00Z", RECEIVED, vec![Past]),
    ] {
        let fields = format!(r#","timestamp":"{named}""#);
        assert_eq!(time(&fields, &[], record), (at.to_owned(), fallbacks), "{named}");
    }
    assert_eq!(
        time("", &[], Some("1970-01-01T00:00:00Z")),
        (RECEIVED.to_owned(), vec![Missing, Past])
    );
    assert_eq!(
        time("", &[], Some("2027-01-01T00:00:00Z")),
        (RECEIVED.to_owned(), vec![Missing, Future])
    );
}

#[test]
fn a_time_is_in_whole_microseconds() {
    let at = |named: &str| time(&format!(r#","timestamp":"{named}""#), &[], None).0;
    assert_eq!(
        at("2026-02-28T10:30:00.123456789Z"),
        "2026-02-28T10:30:00.123456Z"
    );
    let mut sent = chunk(
        "ProductDeleted",
        vec![record(r#"{"productId":"p"}"#), record("{")],
    );
    sent.received_at = "2026-03-01T12:00:00.123456789Z".parse().unwrap();
    sent.records[0].timestamp = None;
    sent.records[1].timestamp = None;
    let (checked, _) = check(sent, &Limits::default());
    assert_eq!(checked.received_at, received());
    assert_eq!(
        (checked.events[0].at, checked.rejected[0].at),
        (received(), received())
    );
}
