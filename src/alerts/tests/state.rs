//! Since when and for how long, in virtual time.

use super::*;
use crate::alerts::{
    finding::{Finding, Health, Thresholds},
    state::{AlertState, Moment, Page, REMIND},
};
use jiff::Timestamp;
use proptest::prelude::*;
use std::time::Instant;

const HOLD: Duration = Duration::from_secs(30);

fn finding(health: Health) -> Finding {
    Finding {
        health,
        value: None,
        threshold: None,
        summary: format!("{health:?}"),
    }
}

/// A clock that only the test moves.
struct Clock {
    start: Instant,
}

impl Clock {
    fn new() -> Self {
        let start = Instant::now();
        Self { start }
    }

    fn at(&self, seconds: u64) -> Moment {
        let passed = Duration::from_secs(seconds);
        Moment {
            at: self.start + passed,
            wall: Timestamp::UNIX_EPOCH + passed,
        }
    }
}

/// What is told when these findings are made at these seconds.
fn told(looks: &[(u64, Health)]) -> Vec<(u64, Kind)> {
    let clock = Clock::new();
    let mut page = Page::new(Rule::BrokerLost, HOLD);
    let turns = looks
        .iter()
        .filter_map(|(second, health)| Some((*second, page.turn(finding(*health), clock.at(*second))?)));
    turns.map(|(second, notice)| (second, notice.kind)).collect()
}

#[test]
fn what_does_not_last_is_not_told() {
    use Health::{Bad, Good, Undecided};
    type Case<'a> = (&'a [(u64, Health)], &'a [(u64, Kind)]);
    let cases: [Case<'_>; 6] = [
        (&[(0, Bad), (29, Bad), (30, Bad)], &[(30, Kind::Started)]),
        (&[(0, Bad), (29, Bad), (31, Good), (60, Bad), (89, Bad)], &[]),
        (&[(0, Bad), (20, Undecided), (31, Bad), (60, Bad)], &[]),
        (
            &[(0, Bad), (30, Bad), (40, Good), (69, Good), (70, Good)],
            &[(30, Kind::Started), (70, Kind::Over)],
        ),
        (
            &[
                (0, Bad),
                (30, Bad),
                (40, Good),
                (60, Bad),
                (80, Good),
                (109, Good),
            ],
            &[(30, Kind::Started)],
        ),
        (
            &[
                (0, Bad),
                (30, Bad),
                (40, Good),
                (60, Undecided),
                (71, Good),
                (100, Good),
            ],
            &[(30, Kind::Started)],
        ),
    ];
    for (looks, expected) in cases {
        assert_eq!(told(looks), expected, "{looks:?}");
    }
}

#[test]
fn people_are_reminded_each_hour_and_not_more_often() {
    let looks: Vec<_> = (0..=3 * 3_600 / 10).map(|n| (n * 10, Health::Bad)).collect();
    let expected = [(30, Kind::Started), (3_630, Kind::Still), (7_230, Kind::Still)];
    assert_eq!(told(&looks), expected);
}

#[test]
fn a_notice_says_since_when_and_what_is_so_now() {
    let clock = Clock::new();
    let mut page = Page::new(Rule::BrokerLost, HOLD);
    assert_eq!(page.turn(finding(Health::Bad), clock.at(100)), None);
    let started = page.turn(finding(Health::Bad), clock.at(140)).unwrap();
    assert_eq!(
        (
            started.since,
            started.at,
            started.lasted,
            started.summary.as_str()
        ),
        (
            clock.at(100).wall,
            clock.at(140).wall,
            Duration::from_secs(40),
            "Bad"
        )
    );
    assert_eq!(page.turn(finding(Health::Good), clock.at(200)), None);
    let over = page.turn(finding(Health::Good), clock.at(230)).unwrap();
    assert_eq!(
        (over.since, over.lasted, over.summary.as_str()),
        (clock.at(100).wall, Duration::from_secs(130), "Good")
    );
}

#[test]
fn the_book_keeps_each_rule_for_itself() {
    let thresholds = Thresholds {
        error_percent: 10.0,
        spike_factor: 5.0,
    };
    let clock = Clock::new();
    let mut state = AlertState::new(thresholds, HOLD);
    let mut snapshot = calm();
    snapshot.broker = Err("connection refused".to_owned());
    assert!(state.look(&snapshot, clock.at(0)).is_empty());
    assert_eq!(state.firing().count(), 0, "not yet");
    snapshot.database = Err("disk full".to_owned());
    let notices = state.look(&snapshot, clock.at(30));
    assert_eq!(notices.len(), 1);
    assert_eq!(
        (notices[0].rule, notices[0].kind),
        (Rule::BrokerLost, Kind::Started)
    );
    snapshot.broker = Err("access refused".to_owned());
    state.look(&snapshot, clock.at(60));
    let firing: Vec<_> = state.firing().collect();
    let expected = [
        (
            Rule::BrokerLost,
            clock.at(0).wall,
            "RabbitMQ does not serve: access refused",
        ),
        (
            Rule::DatabaseLost,
            clock.at(30).wall,
            "the database does not serve: disk full",
        ),
    ];
    assert_eq!(firing, expected);
    snapshot.broker = Ok(());
    state.look(&snapshot, clock.at(70));
    let summary = state.firing().next().unwrap().2.to_owned();
    assert_eq!(summary, expected[0].2, "what was bad stands until it is over");
    state.look(&snapshot, clock.at(100));
    assert_eq!(
        state.firing().map(|firing| firing.0).collect::<Vec<_>>(),
        [Rule::DatabaseLost]
    );
}

fn looks() -> impl Strategy<Value = Vec<(u64, Health)>> {
    let health = prop_oneof![Just(Health::Bad), Just(Health::Undecided), Just(Health::Good)];
    // Runs of the same health, so that holds are reached.
    let run = (health, 1..20_usize, prop_oneof![1..20_u64, Just(1_000)]);
    prop::collection::vec(run, 1..40).prop_map(|runs| {
        let mut now = 0;
        let mut looks = Vec::new();
        for (health, times, step) in runs {
            for _ in 0..times {
                now += step;
                looks.push((now, health));
            }
        }
        looks
    })
}

/// Since when the findings up to this second are all of this health.
fn unbroken(looks: &[(u64, Health)], until: u64, health: Health) -> Option<u64> {
    let so_far = looks.iter().rev().skip_while(|look| look.0 > until);
    so_far
        .take_while(|look| look.1 == health)
        .last()
        .map(|look| look.0)
}

proptest! {
    /// Whatever happens: what started is over before it starts again, each after its hold, and no receiver is
    /// told of the same more than once an hour.
    #[test]
    fn nothing_flaps(looks in looks()) {
        let told = told(&looks);
        let mut fires = false;
        let mut last = None;
        for (second, kind) in told {
            let lasted = |health| unbroken(&looks, second, health).map(|since| second - since);
            match kind {
                Kind::Started => {
                    prop_assert!(!fires);
                    prop_assert!(lasted(Health::Bad) >= Some(HOLD.as_secs()));
                    fires = true;
                }
                Kind::Still => {
                    prop_assert!(fires);
                    let since_last = Duration::from_secs(second - last.unwrap());
                    prop_assert!(since_last >= REMIND);
                }
                Kind::Over => {
                    prop_assert!(fires);
                    prop_assert!(lasted(Health::Good) >= Some(HOLD.as_secs()));
                    fires = false;
                }
            }
            last = Some(second);
        }
    }

    /// And nothing that lasts is kept from people.
    #[test]
    fn what_lasts_is_told(looks in looks()) {
        let clock = Clock::new();
        let mut page = Page::new(Rule::BrokerLost, HOLD);
        let mut fires = false;
        for (second, health) in &looks {
            match page.turn(finding(*health), clock.at(*second)).map(|notice| notice.kind) {
                Some(Kind::Started) => fires = true,
                Some(Kind::Over) => fires = false,
                Some(Kind::Still) | None => {}
            }
            let lasts = |health| unbroken(&looks, *second, health)
                .is_some_and(|since| second - since >= HOLD.as_secs());
            prop_assert!(!lasts(Health::Bad) || fires, "at {second}");
            prop_assert!(!lasts(Health::Good) || !fires, "at {second}");
        }
    }
}
