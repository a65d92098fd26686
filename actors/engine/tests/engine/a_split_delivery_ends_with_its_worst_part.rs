use millrace_engine::{DeliveryHandle, Envelope, Outcome, Settlement};
use proptest::prelude::*;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tracing::Span;

/// A split of delivery 7, and what its source hears.
fn split(parts: usize) -> (Vec<Envelope<usize>>, UnboundedReceiver<Settlement>) {
    let (acks, settled) = unbounded_channel();
    let mail = Envelope::new((), "event-7", Span::none(), DeliveryHandle::new(7, acks)).retried(true);
    (mail.split((0..parts).collect()).collect(), settled)
}

fn dead_letter(detail: impl ToString) -> Outcome {
    let detail = detail.to_string();
    Outcome::DeadLetter {
        reason: "bad",
        detail,
    }
}

fn retry(detail: impl ToString, charged: bool) -> Outcome {
    Outcome::Retry {
        stage: "writer",
        cause: "slow",
        detail: detail.to_string(),
        charged,
    }
}

/// None is a part that is dropped.
fn settle(part: Envelope<usize>, outcome: Option<Outcome>) {
    match outcome {
        Some(outcome) => part.settle(outcome),
        None => drop(part),
    }
}

/// What a part means for the whole; a dropped one is a charged retry.
fn badness(outcome: Option<&Outcome>) -> u8 {
    match outcome {
        Some(Outcome::Done) => 0,
        Some(Outcome::Retry { charged: false, .. }) => 1,
        Some(Outcome::Retry { charged: true, .. }) | None => 2,
        Some(Outcome::DeadLetter { .. }) => 3,
    }
}

#[test]
fn it_is_settled_when_all_parts_are() {
    let (parts, mut settled) = split(3);
    for part in parts {
        assert!(settled.try_recv().is_err(), "part {} is open", part.body);
        part.settle(Outcome::Done);
    }
    assert_eq!(
        settled.try_recv().unwrap(),
        Settlement {
            tag: 7,
            outcome: Outcome::Done
        }
    );
    assert!(settled.try_recv().is_err());
}

#[test]
fn without_parts_it_is_done() {
    let (parts, mut settled) = split(0);
    assert!(parts.is_empty());
    assert_eq!(settled.try_recv().unwrap().outcome, Outcome::Done);
}

#[test]
fn of_equally_bad_outcomes_the_first_is_kept() {
    for outcome in [
        dead_letter,
        |detail| retry(detail, true),
        |detail| retry(detail, false),
    ] {
        let (parts, mut settled) = split(3);
        for (part, detail) in parts.into_iter().zip(["first", "second", "third"]) {
            part.settle(outcome(detail));
        }
        assert_eq!(settled.try_recv().unwrap().outcome, outcome("first"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_worst_part_decides_in_whatever_order(
        outcomes in prop::collection::vec(
            prop_oneof![
                Just(Some(Outcome::Done)),
                any::<bool>().prop_map(|charged| Some(retry("late", charged))),
                Just(Some(dead_letter("broken"))),
                Just(None),
            ],
            1..6,
        ),
        again in 0_usize..6,
    ) {
        let (parts, mut settled) = split(outcomes.len());
        let worst = outcomes.iter().map(|outcome| badness(outcome.as_ref())).max();
        for (number, (part, outcome)) in parts.into_iter().zip(outcomes).enumerate() {
            prop_assert!(settled.try_recv().is_err());
            if number != again {
                settle(part, outcome);
                continue;
            }
            // A part may be split in its turn.
            let mut inner = part.split(vec![0, 1]);
            let (one, other) = (inner.next().unwrap(), inner.next().unwrap());
            one.settle(Outcome::Done);
            prop_assert!(settled.try_recv().is_err());
            settle(other, outcome);
        }
        let only = settled.try_recv().unwrap();
        prop_assert_eq!(Some(badness(Some(&only.outcome))), worst, "{:?}", only);
        prop_assert!(settled.try_recv().is_err());
    }
}
