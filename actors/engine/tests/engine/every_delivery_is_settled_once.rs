use crate::line::Line;
use crate::testkit::in_virtual_time;
use millrace_engine::{DeliveryHandle, Envelope, Outcome};
use std::collections::BTreeMap;
use tokio::sync::mpsc::unbounded_channel;
use tracing::Span;

#[test]
fn each_outcome_has_its_outcome() {
    in_virtual_time(|| async {
        let mut line = Line::start();
        line.acks.post_all([1, 4, 6, 8, 2], &line.port);
        let outcomes = line.acks.outcomes(5).await;
        let retry = |cause, detail: &str, charged| Outcome::Retry {
            stage: "double",
            cause,
            detail: detail.to_owned(),
            charged,
        };
        let expected = BTreeMap::from([
            (1, Outcome::Done),
            (2, Outcome::Done),
            (
                4,
                Outcome::DeadLetter {
                    reason: "four",
                    detail: "it is four".to_owned(),
                },
            ),
            (6, retry("six", "it is six", true)),
            (8, retry("eight", "it is eight", false)),
        ]);
        assert_eq!(outcomes, expected);
        assert_eq!(line.script.written(), [2, 4]);
        assert!(line.acks.try_outcome().is_none());
    });
}

#[test]
fn a_dropped_envelope_is_retried_never_done() {
    let (acks, mut settled) = unbounded_channel();
    drop(Envelope::new(
        (),
        "event-7",
        Span::none(),
        DeliveryHandle::new(7, acks),
    ));
    let settlement = settled.try_recv().unwrap();
    assert_eq!(settlement.tag, 7);
    assert!(matches!(
        settlement.outcome,
        Outcome::Retry {
            cause: "dropped",
            charged: true,
            ..
        }
    ));
    assert!(settled.try_recv().is_err());
}

#[test]
fn a_handle_of_a_closed_channel_settles_nothing() {
    let (old, settled) = unbounded_channel();
    let late = Envelope::new((), "event-1", Span::none(), DeliveryHandle::new(1, old));
    drop(settled);
    // The broker delivers the event again, and its tag on the new channel is the same.
    let (new, mut settled) = unbounded_channel();
    let again = Envelope::new((), "event-1", Span::none(), DeliveryHandle::new(1, new));
    late.settle(Outcome::Done);
    assert!(settled.try_recv().is_err(), "the late handle has no part in it");
    drop(again);
    let only = settled.try_recv().unwrap();
    assert!(matches!(only.outcome, Outcome::Retry { .. }), "{only:?}");
    assert!(settled.try_recv().is_err());
}
