use crate::pipeline::{POLICY, limits};
use crate::testkit::{TestAcks, in_virtual_time, until};
use futures_util::FutureExt;
use millrace_engine::{Build, Drain, Fault, Load, Outcome, Port, Sink, State, Supervision};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;

/// How long a write waits for a locked row before it is given up.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// A table in which some rows are locked, and some crash the server.
#[derive(Default)]
struct Table {
    locked: Mutex<HashSet<u64>>,
    deadly: Mutex<HashSet<u64>>,
    writes: Mutex<Vec<Write>>,
}

/// What one member wrote, or tried to.
#[derive(Clone, Debug)]
struct Write {
    member: usize,
    numbers: Vec<u64>,
    began: Instant,
    ended: Instant,
    stored: bool,
}

struct Writer {
    member: usize,
    table: Arc<Table>,
}

struct Pool {
    acks: TestAcks,
    port: Port<u64>,
    table: Arc<Table>,
    _supervision: Supervision,
}

impl Sink for Writer {
    type In = u64;

    fn load(_: &u64) -> Load {
        Load { rows: 1, bytes: 1 }
    }

    async fn write(&mut self, batch: &[&u64]) -> Result<(), Fault> {
        let began = Instant::now();
        let numbers: Vec<u64> = batch.iter().map(|number| **number).collect();
        let meets = |rows: &Mutex<HashSet<u64>>| {
            let rows = rows.lock().unwrap();
            numbers.iter().any(|number| rows.contains(number))
        };
        let outcome = if meets(&self.table.deadly) {
            Err(Fault::outage("database", "connection closed"))
        } else if meets(&self.table.locked) {
            tokio::time::sleep(LOCK_WAIT).await;
            Err(Fault::transient("write_too_slow", "locked"))
        } else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok(())
        };
        self.table.writes.lock().unwrap().push(Write {
            member: self.member,
            numbers,
            began,
            ended: Instant::now(),
            stored: outcome.is_ok(),
        });
        outcome
    }
}

// === impl Pool ===

impl Pool {
    async fn start(members: usize) -> Self {
        let supervision = Supervision::start("test", POLICY, Drain::default());
        let table = Arc::<Table>::default();
        let start = |member| {
            let table = table.clone();
            let build: Build<Writer> = Arc::new(move || {
                let table = table.clone();
                async move { Ok(Writer { member, table }) }.boxed_local()
            });
            let here = actix::Arbiter::current();
            supervision.sink(("writer", member), &here, limits(100, 1_000), build)
        };
        let port = Port::new((0..members).map(start));
        let actors = supervision.actors();
        until(|| {
            let entries = actors.entries();
            entries.len() == members && entries.values().all(|entry| entry.state == State::Up)
        })
        .await;
        Self {
            acks: TestAcks::default(),
            port,
            table,
            _supervision: supervision,
        }
    }

    fn lock(&self, numbers: impl IntoIterator<Item = u64>) {
        self.table.locked.lock().unwrap().extend(numbers);
    }

    /// Posts what comes back from a retry queue.
    fn post_retried(&self, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            self.port.post(self.acks.envelope(number, number).retried(true));
        }
    }

    fn writes(&self) -> Vec<Write> {
        self.table.writes.lock().unwrap().clone()
    }
}

fn is_charged(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Retry { charged: true, .. })
}

#[test]
fn it_goes_alone_through_one_member_and_the_rest_through_the_others() {
    in_virtual_time(|| async {
        let mut pool = Pool::start(3).await;
        pool.lock([1, 2, 3]);
        pool.post_retried([1, 2, 3, 4]);
        pool.acks.post_all(100..150, &pool.port);
        let first = pool.acks.outcomes(50).await;
        assert!(
            first.values().all(|outcome| *outcome == Outcome::Done),
            "{first:?}"
        );
        assert!(
            pool.writes()
                .iter()
                .all(|write| write.ended - write.began < LOCK_WAIT),
            "the fresh ones waited for none of those that failed before"
        );
        let rest = pool.acks.outcomes(4).await;
        assert_eq!(rest[&4], Outcome::Done);
        assert!(
            [1, 2, 3].iter().all(|number| is_charged(&rest[number])),
            "{rest:?}"
        );
        let writes = pool.writes();
        let retried: Vec<_> = writes
            .iter()
            .filter(|write| write.numbers.iter().any(|number| *number < 5))
            .collect();
        assert!(
            retried
                .iter()
                .all(|write| write.member == 0 && write.numbers.len() == 1),
            "{retried:?}"
        );
    });
}

#[test]
fn with_one_member_the_rest_has_its_turn_after_each() {
    in_virtual_time(|| async {
        let mut pool = Pool::start(1).await;
        pool.lock([1, 2, 3]);
        pool.post_retried([1, 2, 3]);
        tokio::time::sleep(LOCK_WAIT / 2).await;
        pool.acks.post_all(100..150, &pool.port);
        pool.acks.outcomes(53).await;
        let order: Vec<_> = pool.writes().iter().map(|write| write.numbers[0]).collect();
        assert_eq!(order, [1, 100, 2, 3]);
    });
}

#[test]
fn a_write_of_many_that_was_too_slow_is_taken_apart_by_one_member() {
    in_virtual_time(|| async {
        let mut pool = Pool::start(2).await;
        pool.lock([1, 2]);
        // Both members have a locked row in a write of many.
        pool.acks.post_all([90, 91], &pool.port);
        pool.acks.post_all([1, 2, 10, 11, 12, 13], &pool.port);
        pool.acks.outcomes(2).await;
        tokio::time::sleep(LOCK_WAIT / 2).await;
        pool.acks.post_all(100..120, &pool.port);
        let outcomes = pool.acks.outcomes(26).await;
        assert!(is_charged(&outcomes[&1]) && is_charged(&outcomes[&2]));
        assert_eq!(
            outcomes
                .values()
                .filter(|outcome| **outcome == Outcome::Done)
                .count(),
            24
        );
        let alone = pool
            .writes()
            .into_iter()
            .filter(|write| !write.stored && write.numbers.len() == 1);
        let members: HashSet<_> = alone.map(|write| write.member).collect();
        assert_eq!(
            members,
            HashSet::from([0]),
            "no more than one is tied up by what failed before"
        );
    });
}

#[test]
fn an_outage_that_no_other_meets_is_charged_in_the_end() {
    for members in [1, 2] {
        in_virtual_time(|| async {
            let mut pool = Pool::start(members).await;
            pool.table.deadly.lock().unwrap().insert(7);
            pool.acks.post_all([7], &pool.port);
            until(|| !pool.writes().is_empty()).await;
            tokio::time::sleep(Duration::from_secs(3600)).await;
            assert!(
                pool.acks.try_outcome().is_none(),
                "while nothing else is tried, it may as well be the database"
            );
            pool.acks.post_all(100..150, &pool.port);
            let outcomes = pool.acks.outcomes(51).await;
            assert!(is_charged(&outcomes[&7]), "{:?}", outcomes[&7]);
            assert_eq!(
                outcomes
                    .values()
                    .filter(|outcome| **outcome == Outcome::Done)
                    .count(),
                50
            );
        });
    }
}

#[test]
fn an_outage_that_all_meet_is_charged_to_none() {
    in_virtual_time(|| async {
        let mut pool = Pool::start(2).await;
        pool.table.deadly.lock().unwrap().extend(0..20);
        pool.acks.post_all(0..20, &pool.port);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(pool.acks.try_outcome().is_none());
        pool.table.deadly.lock().unwrap().clear();
        let outcomes = pool.acks.outcomes(20).await;
        assert!(
            outcomes.values().all(|outcome| *outcome == Outcome::Done),
            "{outcomes:?}"
        );
    });
}

#[test]
fn a_wide_lane_is_a_quarter_of_the_pool() {
    in_virtual_time(|| async {
        let mut pool = Pool::start(8).await;
        pool.port = pool.port.with_wide_lane();
        pool.post_retried(0..20);
        pool.acks.post_all(100..130, &pool.port);
        pool.acks.outcomes(50).await;
        for write in pool.writes() {
            let retried = write.numbers[0] < 100;
            assert_eq!(write.member < 2, retried, "{write:?}");
        }
    });
}
