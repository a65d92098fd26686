use crate::pipeline::Pipeline;
use crate::testkit::in_virtual_time;
use millrace_engine::{Acks, DeliveryHandle, Envelope, Outcome};
use std::collections::BTreeMap;
use tokio::sync::mpsc::unbounded_channel;
use tracing::Span;

#[test]
fn each_outcome_has_its_outcome() {
    in_virtual_time(|| async {
        let mut pipeline = Pipeline::start();
        pipeline.acks.post_all([1, 4, 6, 8, 2], &pipeline.port);
        let outcomes = pipeline.acks.outcomes(5).await;
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
        assert_eq!(pipeline.script.written(), [2, 4]);
        assert!(pipeline.acks.try_outcome().is_none());
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

/// Tags begin anew on each channel: what was number one on the lost channel is another event on the next.
#[test]
fn a_handle_of_a_lost_channel_settles_nothing_on_the_next() {
    let of = |tag, acks: &Acks| {
        let handle = DeliveryHandle::new(tag, acks.clone());
        Envelope::new((), "event", Span::none(), handle)
    };
    let (lost, settled_on_lost) = unbounded_channel();
    let (done_late, dropped_late) = (of(1, &lost), of(2, &lost));
    drop(settled_on_lost);
    let (next, mut settled_on_next) = unbounded_channel();
    let at_work = [of(1, &next), of(2, &next)];

    done_late.settle(Outcome::Done);
    drop(dropped_late);
    let stray = settled_on_next.try_recv();
    assert!(stray.is_err(), "{stray:?}");

    for mail in at_work {
        mail.settle(Outcome::Done);
    }
    let tags = [(); 2].map(|()| settled_on_next.try_recv().unwrap().tag);
    assert_eq!(tags, [1, 2]);
}
