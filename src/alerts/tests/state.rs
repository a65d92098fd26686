//! Since when and for how long, in virtual time.

use super::*;
use crate::alerts::{
    finding::{Finding, Health},
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
    let mut page = Page::new(BROKER_LOST, ABOUT.into(), HOLD);
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
    let mut page = Page::new(BROKER_LOST, ABOUT.into(), HOLD);
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
    let clock = Clock::new();
    let wrong = Wrong::default();
    let mut state = AlertState::new(wrong.watched(), HOLD);
    let mut look = |second| {
        let now = clock.at(second);
        let found = state.look(now.at);
        let notices = state.learn(found, now);
        let firing = state.firing().into_iter();
        let firing: Vec<_> = firing
            .map(|(rule, since, why)| (rule, since, why.to_owned()))
            .collect();
        (notices, firing)
    };
    wrong.is(BROKER_LOST, "connection refused");
    let (notices, firing) = look(0);
    assert!(notices.is_empty() && firing.is_empty(), "not yet");
    wrong.is(DATABASE_LOST, "disk full");
    let (notices, _) = look(30);
    assert_eq!(notices.len(), 1);
    assert_eq!((notices[0].rule, notices[0].kind), (BROKER_LOST, Kind::Started));
    wrong.is(BROKER_LOST, "access refused");
    let (_, firing) = look(60);
    let expected = [
        (BROKER_LOST, clock.at(0).wall, "access refused".to_owned()),
        (DATABASE_LOST, clock.at(30).wall, "disk full".to_owned()),
    ];
    assert_eq!(firing, expected);
    wrong.is_no_longer(BROKER_LOST);
    let (_, firing) = look(70);
    assert_eq!(firing, expected, "what was bad stands until it is over");
    let (_, firing) = look(100);
    assert_eq!(firing, expected[1..]);
}

/// A pipeline's rules are its own: another's are told beside them, each with the name of its pipeline, the worst first.
#[test]
fn pipelines_are_watched_side_by_side() {
    let clock = Clock::new();
    let (one, other) = (Wrong::default(), Wrong::default());
    let mut watched = one.watched();
    let mut second = other.watched();
    second[0].0.name = "spool".into();
    watched.append(&mut second);
    let mut state = AlertState::new(watched, Duration::ZERO);
    one.is(ERROR_RATE, "half");
    other.is(DATABASE_LOST, "disk full");
    let found = state.look(clock.at(0).at);
    let mut notices = state.learn(found, clock.at(0));
    let found = state.look(clock.at(1).at);
    notices.extend(state.learn(found, clock.at(1)));
    let told: Vec<_> = notices
        .iter()
        .map(|notice| (&*notice.about, notice.rule))
        .collect();
    assert_eq!(told, [(ABOUT, ERROR_RATE), ("spool", DATABASE_LOST)]);
    let firing: Vec<_> = state.firing().iter().map(|firing| firing.0).collect();
    assert_eq!(firing, [DATABASE_LOST, ERROR_RATE]);
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
        let mut page = Page::new(BROKER_LOST, ABOUT.into(), HOLD);
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
