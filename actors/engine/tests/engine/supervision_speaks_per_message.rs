use crate::pipeline::Pipeline;
use crate::testkit::in_virtual_time;
use std::{
    cell::RefCell,
    io,
    sync::{Once, atomic::Ordering::SeqCst},
    time::Duration,
};

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes to the log of the thread, that is of the test: one subscriber for the whole process, because
/// those of single threads do not hear of call sites that another thread came by first.
struct PerThread;

impl io::Write for PerThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The log lines of a run, as JSON objects.
fn lines_of(numbers: &'static [u64], outages: usize) -> Vec<serde_json::Value> {
    static LISTEN: Once = Once::new();
    LISTEN.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(|| PerThread)
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
    in_virtual_time(|| async move {
        let mut pipeline = Pipeline::start();
        pipeline.script.stage_outages.store(outages, SeqCst);
        pipeline.acks.post_all(numbers.iter().copied(), &pipeline.port);
        pipeline.acks.outcomes(numbers.len()).await;
        // The supervisor hears of it after the outcome; virtual time passes when all have had their say.
        tokio::time::sleep(Duration::from_secs(1)).await;
    });
    let text = String::from_utf8(LOG.take()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_panic_names_the_actor_the_event_its_fate_the_count_and_the_delay() {
    let lines = lines_of(&[13], 0);
    let failed: Vec<_> = lines.iter().filter(|line| line["cause"] == "panic").collect();
    assert_eq!(failed.len(), 1, "{lines:#?}");
    let line = failed[0];
    assert_eq!(line["actor"], "double-0");
    assert_eq!(line["event_id"], "event-13");
    assert_eq!(line["fate"], "retried");
    assert_eq!(line["restarts"], 1);
    assert!(line["delay_ms"].as_u64().unwrap() >= 500);
    assert!(line["error"].as_str().unwrap().contains("thirteen"));
}

#[test]
fn an_outage_is_told_once_and_its_end_too() {
    let lines = lines_of(&[1], 20);
    let about = |text: &str| {
        lines
            .iter()
            .filter(|line| line["message"].as_str().unwrap().contains(text))
            .count()
    };
    assert_eq!(about("actor failed"), 1, "{lines:#?}");
    assert_eq!(about("works again"), 1);
    assert!(
        lines
            .iter()
            .any(|line| line["fate"] == "held" && line["event_id"] == "event-1")
    );
}

#[test]
fn the_breaker_says_when_it_opens_for_whom_and_why_and_when_it_closes() {
    let lines = lines_of(&[1], 20);
    let about: Vec<_> = lines
        .iter()
        .filter(|line| line["breaker.room"] == "double" && line["breaker.dependency"] == "network")
        .collect();
    assert_eq!(about.len(), 2, "{lines:#?}");
    let (opens, closes) = (about[0], about[1]);
    assert_eq!(
        (&opens["level"], &opens["breaker.detail"]),
        (&"ERROR".into(), &"down".into())
    );
    assert_eq!(closes["level"], "INFO");
    assert!(
        closes["breaker.open_seconds"].as_f64().unwrap() > 60.0,
        "{closes}"
    );
}
