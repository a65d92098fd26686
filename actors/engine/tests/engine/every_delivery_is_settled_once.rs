use crate::line::Line;
use crate::testkit::in_virtual_time;
use millrace_engine::{Envelope, Receipt, Verdict};
use std::collections::BTreeMap;
use tracing::Span;

#[test]
fn each_outcome_has_its_verdict() {
    in_virtual_time(|| async {
        let mut line = Line::start();
        line.desk.post_all([1, 4, 6, 8, 2], &line.port);
        let verdicts = line.desk.verdicts(5).await;
        let retry = |cause, detail: &str, charged| Verdict::Retry {
            room: "double",
            cause,
            detail: detail.to_owned(),
            charged,
        };
        let expected = BTreeMap::from([
            (1, Verdict::Done),
            (2, Verdict::Done),
            (
                4,
                Verdict::DeadLetter {
                    reason: "four",
                    detail: "it is four".to_owned(),
                },
            ),
            (6, retry("six", "it is six", true)),
            (8, retry("eight", "it is eight", false)),
        ]);
        assert_eq!(verdicts, expected);
        assert_eq!(line.script.written(), [2, 4]);
        assert!(line.desk.try_verdict().is_none());
    });
}

#[test]
fn a_dropped_envelope_is_retried_never_done() {
    let (desk, mut settled) = tokio::sync::mpsc::unbounded_channel();
    drop(Envelope::new((), "event-7", Span::none(), Receipt::new(7, desk)));
    let settlement = settled.try_recv().unwrap();
    assert_eq!(settlement.tag, 7);
    assert!(matches!(
        settlement.verdict,
        Verdict::Retry {
            cause: "dropped",
            charged: true,
            ..
        }
    ));
    assert!(settled.try_recv().is_err());
}

#[test]
fn a_receipt_of_a_closed_desk_settles_nothing() {
    let (desk, settled) = tokio::sync::mpsc::unbounded_channel();
    let mail = Envelope::new((), "event-1", Span::none(), Receipt::new(1, desk));
    drop(settled);
    mail.settle(Verdict::Done);
}
