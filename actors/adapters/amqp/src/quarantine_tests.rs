use super::*;

const MS: Duration = Duration::from_millis(1);

/// A gate for a prefetch of 32, on a clock of its own.
struct Case {
    quarantine: Quarantine<u64>,
    now: Instant,
}

// === impl Case ===

impl Case {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            quarantine: Quarantine::new(32, now),
            now,
        }
    }

    fn queue(&mut self, tags: impl IntoIterator<Item = u64>) {
        tags.into_iter().for_each(|tag| self.quarantine.queue(tag, tag));
    }

    fn hold(&mut self, tags: impl IntoIterator<Item = u64>) {
        tags.into_iter()
            .for_each(|tag| self.quarantine.hold(tag, tag).unwrap());
    }

    /// Lets in all who may go now.
    fn let_in(&mut self) -> Vec<Turn<u64>> {
        std::iter::from_fn(|| self.quarantine.next(self.now, false)).collect()
    }

    fn left(&mut self, tag: u64) -> bool {
        self.quarantine.left(tag, self.now)
    }

    /// Waits until something may change by itself.
    fn wait(&mut self) -> Duration {
        let deadline = self.quarantine.deadline(false).unwrap();
        let waited = deadline - self.now;
        self.now = deadline;
        waited
    }
}

#[test]
fn none_waits_while_none_is_quarantined() {
    let mut case = Case::new();
    case.queue([1, 2]);
    assert_eq!(case.let_in(), [Turn::Together(1), Turn::Together(2)]);
    assert!(!case.left(1));
    assert_eq!(
        (case.quarantine.alone(), case.quarantine.deadline(false)),
        (None, None)
    );
}

#[test]
fn one_goes_alone_through_an_empty_pipeline_and_the_others_after_it() {
    let mut case = Case::new();
    case.queue([1]);
    assert_eq!(case.let_in(), [Turn::Together(1)]);
    case.hold([2]);
    assert_eq!(case.let_in(), [], "the pipeline is not empty");
    case.queue([3]);
    assert_eq!(case.let_in(), [], "and does not fill again");
    assert!(!case.left(1), "it was not alone");
    assert_eq!(case.let_in(), [Turn::Alone(2)]);
    assert_eq!(case.quarantine.alone(), Some(2));
    assert!(
        !case.left(9),
        "a delivery that never went in is none of its business"
    );
    assert!(case.left(2));
    assert_eq!(case.let_in(), [Turn::Together(3)]);
}

#[test]
fn the_others_get_back_eight_times_what_was_taken_from_them() {
    let mut case = Case::new();
    case.queue([1]);
    case.let_in();
    case.hold([2, 3]);
    case.let_in();
    case.now += 400 * MS;
    case.left(1);
    assert_eq!(case.let_in(), [Turn::Alone(2)]);
    case.now += 200 * MS;
    case.queue([4, 5]);
    case.left(2);
    assert_eq!(case.let_in(), [Turn::Together(4), Turn::Together(5)]);
    case.left(4);
    assert_eq!(case.wait(), 8 * 600 * MS);
    assert_eq!(case.let_in(), []);
    case.left(5);
    assert_eq!(case.let_in(), [Turn::Alone(3)]);
}

#[test]
fn several_go_one_after_another_while_the_pipeline_is_empty() {
    let mut case = Case::new();
    case.queue([1]);
    case.let_in();
    case.hold([2, 3, 4]);
    case.let_in();
    case.queue([5]);
    case.left(1);
    assert_eq!(case.let_in(), [Turn::Alone(2)]);
    case.now += 250 * MS;
    case.left(2);
    assert_eq!(case.let_in(), [Turn::Alone(3)]);
    case.now += 250 * MS;
    case.left(3);
    assert_eq!(
        case.let_in(),
        [Turn::Together(5)],
        "they have waited for long enough"
    );
}

#[test]
fn it_costs_nothing_where_there_are_no_others() {
    let mut case = Case::new();
    case.hold([1, 2]);
    assert_eq!(case.let_in(), [Turn::Alone(1)]);
    case.now += 900 * MS;
    case.left(1);
    assert_eq!(case.let_in(), [Turn::Alone(2)], "without a pause");
}

#[test]
fn one_that_takes_long_keeps_no_other_out_for_longer_than_a_second() {
    let mut case = Case::new();
    case.hold([1, 2]);
    case.let_in();
    case.queue([3]);
    assert_eq!(case.let_in(), []);
    assert_eq!(case.wait(), ALONE_AT_MOST);
    assert_eq!(case.let_in(), [Turn::Together(3)]);
    case.now += 60 * ALONE_AT_MOST;
    case.queue([4]);
    assert_eq!(case.let_in(), [Turn::Together(4)]);
    assert_eq!(case.quarantine.alone(), Some(1), "it still is");
    assert!(case.left(1));
    assert_eq!(case.let_in(), [], "now it is the other's turn");
    case.left(3);
    case.left(4);
    assert_eq!(case.let_in(), [Turn::Alone(2)]);
}

#[test]
fn a_pipeline_that_does_not_run_empty_costs_patience_and_then_more_of_it() {
    let mut case = Case::new();
    case.queue([1]);
    case.let_in();
    case.hold([2]);
    case.queue([3]);
    assert_eq!(case.let_in(), []);
    assert_eq!(case.wait(), SHORTEST_WAIT);
    assert_eq!(case.let_in(), [Turn::Together(3)]);
    assert_eq!(case.wait(), 8 * SHORTEST_WAIT);
    assert_eq!(case.let_in(), []);
    assert_eq!(case.wait(), 2 * SHORTEST_WAIT);
    case.left(1);
    case.left(3);
    assert_eq!(case.let_in(), [Turn::Alone(2)]);
}

#[test]
fn in_an_outage_none_is_kept_out_and_none_goes_alone() {
    let mut case = Case::new();
    case.queue([1]);
    case.let_in();
    case.hold([2]);
    assert_eq!(case.let_in(), []);
    case.queue([3]);
    assert_eq!(case.quarantine.next(case.now, true), Some(Turn::Together(3)));
    case.left(1);
    case.left(3);
    assert_eq!(case.quarantine.next(case.now, true), None);
    assert_eq!(case.quarantine.deadline(true), None);
    assert_eq!(case.let_in(), [Turn::Alone(2)]);
}

#[test]
fn those_that_wait_do_not_use_up_the_deliveries() {
    for (prefetch, most) in [(1, 0), (2, 1), (7, 1), (34, 4), (500, 32)] {
        let mut quarantine = Quarantine::new(prefetch, Instant::now());
        quarantine.queue(0, 0);
        let held = (1..=500)
            .filter(|tag| quarantine.hold(*tag, *tag).is_ok())
            .count();
        assert_eq!(held, most, "of a prefetch of {prefetch}");
    }
    let mut quarantine = Quarantine::new(1, Instant::now());
    assert_eq!(quarantine.hold(1, 1), Ok(()), "no other is there");
    assert_eq!(quarantine.hold(2, 2), Err(2));
    assert_eq!(quarantine.waiting().collect::<Vec<_>>(), [1]);
}
