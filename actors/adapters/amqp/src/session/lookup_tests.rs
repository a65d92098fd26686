use super::*;
use tokio::{sync::oneshot, time::timeout};

const SOON: Duration = Duration::from_millis(1);

fn waiting(tag: u64) -> Waiting<()> {
    Waiting {
        tag,
        span: tracing::Span::none(),
        event_id: tag.to_string(),
        retried: false,
        message: (),
    }
}

/// Asks about all that has gathered.
fn ask(lookup: &mut Lookup<()>) -> oneshot::Sender<Vec<bool>> {
    let now = Instant::now();
    assert!(lookup.may_ask(now));
    let (answer, answered) = oneshot::channel();
    let events = lookup.next();
    lookup.ask(events, answered, now);
    answer
}

fn tags(looked: Looked<()>) -> Vec<(u64, bool)> {
    let tag = |(waiting, stored): (Waiting<()>, bool)| (waiting.tag, stored);
    looked.into_iter().map(tag).collect()
}

#[tokio::test(start_paused = true)]
async fn what_gathers_while_a_question_is_answered_is_the_next_question() {
    let mut lookup = Lookup::default();
    lookup.gather(waiting(1));
    let answer = ask(&mut lookup);
    for tag in 2..5 {
        lookup.gather(waiting(tag));
        assert!(lookup.next().is_empty(), "one question at a time");
    }
    answer.send(vec![true]).unwrap();
    assert_eq!(tags(lookup.answered().await), [(1, true)]);
    let answer = ask(&mut lookup);
    answer.send(vec![false, true, false]).unwrap();
    assert_eq!(tags(lookup.answered().await), [(2, false), (3, true), (4, false)]);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_not_waited_for_and_until_it_comes_nothing_is_asked() {
    let mut lookup = Lookup::default();
    lookup.gather(waiting(1));
    let answer = ask(&mut lookup);
    assert!(timeout(PATIENCE - SOON, lookup.answered()).await.is_err());
    let looked = timeout(SOON * 2, lookup.answered()).await.unwrap();
    assert_eq!(tags(looked), [(1, false)]);
    assert!(!lookup.may_ask(Instant::now() + REST * 2));
    answer.send(vec![true]).unwrap();
    assert!(lookup.may_ask(Instant::now()));
}

#[tokio::test(start_paused = true)]
async fn a_question_that_fails_is_the_last_for_a_while() {
    let mut lookup = Lookup::default();
    lookup.gather(waiting(1));
    drop(ask(&mut lookup));
    assert_eq!(tags(lookup.answered().await), [(1, false)]);
    assert!(!lookup.may_ask(Instant::now()));
    assert!(lookup.may_ask(Instant::now() + REST));

    lookup.gather(waiting(2));
    tokio::time::advance(REST).await;
    let answer = ask(&mut lookup);
    lookup.answered().await;
    drop(answer);
    assert!(!lookup.may_ask(Instant::now()), "it failed late");
    assert!(lookup.may_ask(Instant::now() + REST));
}
