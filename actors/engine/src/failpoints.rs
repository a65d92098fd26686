//! Places where a test makes the process die, panic or stall: one before and after each step from
//! delivery to acknowledgement. Compiled out of release builds unless the feature `failpoints` is on.
//!
//! A test sets `FAILPOINTS` as the `fail` crate reads it, for example `write.committed=3*off->1*return(kill)`
//! to die after the fourth commit, or `parse.begin=return(kill evt_7)` to die of one event; `return(say WORDS)` panics
//! with these words, whatever the event.

/// A place on the way of a message, by its name in `FAILPOINTS`. The crate that has such places lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point(pub &'static str);

/// Takes the faults that `FAILPOINTS` asks for. Says so aloud: no program should run with them by accident.
pub fn arm() {
    #[cfg(any(debug_assertions, feature = "failpoints"))]
    if let Ok(wanted) = std::env::var("FAILPOINTS") {
        tracing::warn!(wanted, "faults are armed; this is for tests only");
        // Forgotten, because the end of a scenario disarms it.
        std::mem::forget(fail::FailScenario::setup());
    }
}

/// Tells that the event `subject` has come to `point`; does nothing unless a fault is armed for it.
#[inline]
pub fn reached(point: Point, subject: &str) {
    #[cfg(any(debug_assertions, feature = "failpoints"))]
    fail::fail_point!(point.0, |order: Option<String>| obey(
        &order.unwrap_or_default(),
        point,
        subject
    ));
    #[cfg(not(any(debug_assertions, feature = "failpoints")))]
    let _ = (point, subject);
}

#[cfg(any(debug_assertions, feature = "failpoints"))]
fn obey(order: &str, point: Point, subject: &str) {
    if let Some(words) = order.strip_prefix("say ") {
        panic!("{words}");
    }
    let (order, only) = order.split_once(' ').unwrap_or((order, subject));
    if only != subject {
        return;
    }
    match order {
        "kill" => std::process::abort(),
        "panic" => panic!("fault at {} with {subject}", point.0),
        other => panic!("FAILPOINTS: unknown order {other:?}"),
    }
}
