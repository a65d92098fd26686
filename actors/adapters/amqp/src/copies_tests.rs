use super::*;

fn original() -> BasicProperties {
    let mut headers = FieldTable::new();
    put(&mut headers, "traceparent", text("00-aa-bb-01"));
    put(&mut headers, "x-death", text("the broker's notes"));
    put(&mut headers, "CC", text("elsewhere"));
    BasicProperties::default()
        .with_headers(headers)
        .with_user_id("crawler")
        .with_expiration("1000")
        .with_message_id("m1")
        .with_correlation_id("c1")
        .finish()
}

#[test]
fn a_dead_letter_keeps_properties_and_says_why() {
    let first_seen: Timestamp = "2025-12-06T10:00:00Z".parse().unwrap();
    let details = DeadLetter {
        reason: "bad_path",
        detail: &"é".repeat(5_000),
        attempts: 2,
        first_seen,
        event_id: Some("evt_1"),
    };
    let dead = dead_letter(&original(), &details);
    assert_eq!(header_text(&dead, REASON), Some("bad_path"));
    assert_eq!(header_text(&dead, DETAIL).map(str::len), Some(MAX_DETAIL));
    assert_eq!(header_text(&dead, FIRST_SEEN), Some("2025-12-06T10:00:00Z"));
    assert_eq!(header_text(&dead, EVENT_ID), Some("evt_1"));
    assert_eq!(header_text(&dead, "traceparent"), Some("00-aa-bb-01"));
    assert_eq!(attempts(&dead), 2);
    assert_eq!(dead.message_id().map(String::as_str), Some("m1"));
    assert_eq!(dead.delivery_mode(), Some(2));
    assert_eq!(dead.expiration(), None, "a dead letter must not expire");
}

#[test]
fn copies_leave_out_what_would_misroute_or_be_refused() {
    let back = retry(
        &original(),
        1,
        Timestamp::UNIX_EPOCH,
        Some(Duration::from_millis(1_500)),
    );
    assert_eq!(header_text(&back, "CC"), None);
    assert_eq!(header_text(&back, "x-death"), None);
    assert_eq!(back.user_id(), None);
    assert_eq!(header_text(&back, "x-millrace-original-user-id"), Some("crawler"));
    assert_eq!(header_text(&back, "x-millrace-original-expiration"), Some("1000"));
    assert_eq!(back.expiration().map(String::as_str), Some("1500"));
    assert_eq!(attempts(&back), 1);
}

#[test]
fn a_dead_letter_that_is_put_off_comes_back_as_what_it_is_and_uncharged() {
    let details = DeadLetter {
        reason: "killed_worker",
        detail: "the process crashed",
        attempts: 3,
        first_seen: Timestamp::UNIX_EPOCH,
        event_id: Some("evt_1"),
    };
    let back = put_off(&original(), &details, Duration::from_secs(1));
    let told = ("killed_worker", "the process crashed");
    assert_eq!(was_put_off(&back), Some(told));
    assert_eq!(attempts(&back), 2, "the next delivery is its third attempt again");
    assert_eq!(header_text(&back, FIRST_SEEN), Some("1970-01-01T00:00:00Z"));
    assert_eq!(back.expiration().map(String::as_str), Some("1000"));

    let dead = dead_letter(&back, &details);
    assert_eq!(was_put_off(&dead), None, "or a replay would end at once");
}

#[test]
fn a_copy_fits_into_one_frame() {
    let mut headers = FieldTable::new();
    put(&mut headers, "small", text("kept"));
    put(&mut headers, "large", text(&"x".repeat(60_000)));
    put(&mut headers, "larger", text(&"x".repeat(70_000)));
    put(&mut headers, DETAIL, text(&"x".repeat(MAX_DETAIL)));
    let original = BasicProperties::default().with_headers(headers).finish();

    for roomy in [0, 200_000] {
        let (all, left_out) = fit(original.clone(), roomy);
        assert_eq!(header_text(&all, "larger").map(str::len), Some(70_000));
        assert_eq!(left_out, None);
    }
    let (fitting, left_out) = fit(original.clone(), 131_072);
    assert_eq!(left_out.as_deref(), Some("larger"));
    assert_eq!(header_text(&fitting, "larger"), None);
    assert_eq!(header_text(&fitting, "large").map(str::len), Some(60_000));
    assert_eq!(header_text(&fitting, "small"), Some("kept"));
    assert_eq!(header_text(&fitting, TOO_LARGE), Some("larger"));

    let (tight, left_out) = fit(original, 8_192);
    assert_eq!(left_out.as_deref(), Some("larger,large"));
    assert!(size(tight.headers().unwrap()) < 8_192 - BESIDE_HEADERS);
    assert_eq!(header_text(&tight, DETAIL).map(str::len), Some(MAX_DETAIL));
}

/// A producer may use our names, and as many names as a frame holds.
#[test]
fn headers_that_pass_for_ours_do_not_stay() {
    let mut headers = FieldTable::new();
    for forged in [DETAIL, EVENT_ID, TOO_LARGE, "x-millrace-other", FIRST_SEEN] {
        put(&mut headers, forged, text(&"x".repeat(25_000)));
    }
    for number in 0..500 {
        put(&mut headers, &format!("n{number}"), text("v"));
    }
    let original = BasicProperties::default().with_headers(headers).finish();
    let now = Timestamp::UNIX_EPOCH;
    let back = retry(&original, 2, now, Some(Duration::from_secs(1)));
    let (fitting, _) = fit(back, 65_536);
    assert!(size(fitting.headers().unwrap()) < 65_536 - BESIDE_HEADERS);
    let back = retry(&original, 2, now, Some(Duration::from_secs(1)));
    let (tight, left_out) = fit(back, 4_096);
    assert!(size(tight.headers().unwrap()) < 4_096 - BESIDE_HEADERS);
    assert_eq!(attempts(&tight), 2, "or it would be tried for ever");
    assert_eq!(header_text(&tight, FIRST_SEEN), Some("1970-01-01T00:00:00Z"));
    assert!(left_out.unwrap().len() <= MAX_LEFT_OUT);
}

#[test]
fn a_message_that_was_never_retried_has_no_attempts() {
    assert_eq!(attempts(&BasicProperties::default()), 0);
}
