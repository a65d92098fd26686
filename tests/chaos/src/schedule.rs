//! Which faults come when: a pure function of the seed.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::fault::{Fault, Kind, Target};

/// The faults of a run, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Replicas of the product: two where the seed is even.
    pub replicas: usize,
    /// The queues are classic ones, of which a broker that was killed marks every message as redelivered: where the
    /// seed is a multiple of 5. Else they are quorum queues.
    pub classic_queues: bool,
    /// In order of time.
    pub faults: Vec<Fault>,
}

/// A fault without its time. Cards are dealt from a shuffled deck, so that a run that is long enough has every one.
#[derive(Clone, Copy)]
struct Card {
    kind: Kind,
    target: Target,
    /// Shortest and longest, in milliseconds.
    lasts: (u64, u64),
}

/// The longest silence on the broker's line: longer than twice the heartbeat, so that it is noticed.
const LONG_SILENCE: (u64, u64) = (21_000, 25_000);
const SHORT: (u64, u64) = (200, 6_000);
const MOMENT: (u64, u64) = (0, 0);
/// A pause between the beginnings of two faults; most faults last longer than the shortest of these.
const GAP: (u64, u64) = (300, 4_500);
/// What a server needs to come back, and a little quiet afterwards.
const BROKER_START: u64 = 15_000;
const SETTLE: u64 = 2_500;

// === impl Schedule ===

impl Schedule {
    /// The plan of this seed.
    pub fn new(seed: u64, length: Duration) -> Self {
        let replicas = if seed.is_multiple_of(2) { 2 } else { 1 };
        let mut chance = Chance(ChaCha8Rng::seed_from_u64(seed));
        let end = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        let mut faults = Vec::new();
        let mut hand = Vec::new();
        let mut busy = BTreeMap::new();
        let mut at = chance.between(GAP);
        while at < end {
            if hand.is_empty() {
                hand = chance.shuffled(deck(replicas));
            }
            let is_free = |card: &Card| busy.get(&card.place()).is_none_or(|until| *until <= at);
            if let Some(position) = hand.iter().position(is_free) {
                let card = hand.remove(position);
                // Every other long silence is a silence indeed, so that one can tell when it was noticed.
                let quiet = card.lasts == LONG_SILENCE && chance.between((0, 1)) == 0;
                if quiet {
                    at = busy.values().copied().fold(at, u64::max);
                    if at >= end {
                        break;
                    }
                }
                let fault = Fault {
                    at_ms: at,
                    kind: card.kind,
                    target: card.target,
                    duration_ms: chance.between(card.lasts),
                };
                busy.insert(card.place(), at + fault.duration_ms + card.aftermath());
                faults.push(fault);
                if quiet {
                    at += fault.duration_ms;
                }
            }
            at += chance.between(GAP);
        }
        Self {
            replicas,
            classic_queues: seed.is_multiple_of(5),
            faults,
        }
    }
}

// === impl Card ===

impl Card {
    /// Two faults at the same place would undo each other.
    fn place(&self) -> (Target, bool) {
        let on_the_way = Fault {
            at_ms: 0,
            kind: self.kind,
            target: self.target,
            duration_ms: 0,
        }
        .is_on_the_way();
        (self.target, on_the_way)
    }

    fn aftermath(&self) -> u64 {
        match (self.target, self.kind) {
            (Target::Rabbitmq, Kind::Kill | Kind::Stop | Kind::DeleteRetryQueue) => BROKER_START,
            _ => SETTLE,
        }
    }
}

/// Every fault there is, the frequent ones more than once.
fn deck(replicas: usize) -> Vec<Card> {
    use Kind::*;
    use Target::{Millrace, Objects, Postgres, Rabbitmq};
    let mut deck = Vec::new();
    let mut add = |target, kind, lasts| deck.push(Card { kind, target, lasts });
    for server in [Rabbitmq, Postgres, Objects] {
        add(server, Cut, MOMENT);
        add(server, Refuse, SHORT);
        add(server, BlackHole, SHORT);
        add(server, Trickle(3_000), SHORT);
        add(server, Latency(400), SHORT);
        add(server, Pause, SHORT);
        add(server, Kill, (200, 3_000));
    }
    add(Rabbitmq, Flap, (2_500, 4_500));
    add(Rabbitmq, Flap, (2_500, 4_500));
    add(Rabbitmq, BlackHole, LONG_SILENCE);
    add(Rabbitmq, CloseConnections, MOMENT);
    add(Rabbitmq, CloseConnections, MOMENT);
    add(Rabbitmq, DeleteRetryQueue, (200, 1_500));
    add(Rabbitmq, RotatePassword, (1_000, 6_000));
    add(Rabbitmq, Stop, (200, 3_000));
    add(Postgres, Stop, (200, 3_000));
    add(Postgres, TerminateBackends, MOMENT);
    add(Postgres, TerminateBackends, MOMENT);
    add(Postgres, ReadOnly, (1_000, 5_000));
    add(Postgres, LockTable, (3_000, 3_000));
    // Also longer than a writer waits for a lock, which is half of the statement time.
    add(Postgres, LockRows, (2_000, 20_000));
    add(Objects, StrayPages, SHORT);
    add(Rabbitmq, FullDeadLetters, (1_000, 8_000));
    add(Rabbitmq, UndecodableMessages, MOMENT);
    add(Objects, Stop, (200, 3_000));
    for replica in 0..replicas {
        add(Millrace(replica), Kill, (100, 2_000));
        add(Millrace(replica), Kill, (100, 2_000));
        add(Millrace(replica), Stop, (100, 2_000));
        add(Millrace(replica), Stop, (100, 2_000));
        add(Millrace(replica), Pause, SHORT);
    }
    deck
}

struct Chance(ChaCha8Rng);

// === impl Chance ===

impl Chance {
    /// A number from the first to the second, both included.
    fn between(&mut self, (low, high): (u64, u64)) -> u64 {
        // The bias is below 2^-32 for the small ranges used here.
        low + self.0.next_u64() % (high - low + 1)
    }

    fn shuffled<T>(&mut self, mut cards: Vec<T>) -> Vec<T> {
        for last in (1..cards.len()).rev() {
            let other = self.between((0, last as u64));
            cards.swap(last, usize::try_from(other).unwrap_or(last));
        }
        cards
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const TEN_MINUTES: Duration = Duration::from_secs(600);

    #[test]
    fn a_seed_is_a_plan() {
        assert_eq!(Schedule::new(7, TEN_MINUTES), Schedule::new(7, TEN_MINUTES));
        assert_ne!(
            Schedule::new(7, TEN_MINUTES).faults,
            Schedule::new(9, TEN_MINUTES).faults
        );
    }

    #[test]
    fn a_longer_run_begins_as_the_shorter_one() {
        let (short, long) = (Schedule::new(3, TEN_MINUTES / 4), Schedule::new(3, TEN_MINUTES));
        assert_eq!(short.faults[..], long.faults[..short.faults.len()]);
    }

    #[test]
    fn a_long_run_has_every_card_and_two_minutes_have_twenty_faults() {
        for seed in 1..20 {
            let plan = Schedule::new(seed, TEN_MINUTES);
            let played: BTreeSet<String> = plan
                .faults
                .iter()
                .map(|fault| format!("{:?} {:?}", fault.kind, fault.target))
                .collect();
            for card in deck(plan.replicas) {
                assert!(
                    played.contains(&format!("{:?} {:?}", card.kind, card.target)),
                    "seed {seed}"
                );
            }
            let soon = plan.faults.iter().filter(|fault| fault.at_ms < 120_000).count();
            assert!(soon >= 20, "seed {seed}: {soon}");
        }
    }

    #[test]
    fn faults_overlap_but_never_at_one_place() {
        let faults = Schedule::new(2, TEN_MINUTES).faults;
        let end = |fault: &Fault| fault.at_ms + fault.duration_ms;
        let mut overlaps = 0;
        for (index, first) in faults.iter().enumerate() {
            for second in faults[index + 1..]
                .iter()
                .take_while(|second| second.at_ms < end(first))
            {
                overlaps += 1;
                let place = |fault: &Fault| (fault.target, fault.is_on_the_way());
                assert_ne!(place(first), place(second), "{first} meets {second}");
            }
        }
        assert!(overlaps > 10, "{overlaps}");
        let last = faults.last().unwrap();
        assert!(last.at() < TEN_MINUTES);
    }
}
