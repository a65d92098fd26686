use crate::pipeline::{POLICY, Script, build_double, limits, start_sink};
use crate::testkit::{TestAcks, id, in_virtual_time, port_to};
use millrace_engine::{Drain, Outcome, State, Supervision};
use std::sync::{Arc, atomic::Ordering::SeqCst};

/// Two stages of which the name of one is the beginning of the other's: an outage of one is not the other's.
#[test]
fn a_hyphen_in_the_name_of_a_stage_makes_no_other_stage_of_it() {
    in_virtual_time(|| async {
        let supervision = Supervision::start("test", POLICY, Drain::default());
        let (first, second) = (Arc::new(Script::default()), Arc::new(Script::default()));
        let here = actix::Arbiter::current();
        let sink = port_to(start_sink(&supervision, &first, limits(9, 99)));
        let inner = port_to(supervision.stage(("double-0", 0), &here, sink, build_double(&second)));
        let outer = port_to(supervision.stage(("double", 0), &here, inner, build_double(&first)));
        second.stage_outages.store(3, SeqCst);
        let mut acks = TestAcks::default();
        acks.post_all([1], &outer);
        assert_eq!(acks.outcomes(1).await[&1], Outcome::Done);
        let entries = supervision.actors().entries();
        assert_eq!(entries[&id("double-0", 0)].restarts["outage"], 3);
        assert!(entries[&id("double", 0)].restarts.is_empty());
        assert!(entries.values().all(|entry| entry.state == State::Up));
        let shown: Vec<_> = entries.keys().map(ToString::to_string).collect();
        assert_eq!(shown, ["double-0", "double-0-0", "writer-0"]);
    });
}

#[test]
#[should_panic(expected = "two actors are called writer-0")]
fn two_actors_in_one_place_are_refused() {
    in_virtual_time(|| async {
        let supervision = Supervision::start("test", POLICY, Drain::default());
        let script = Arc::new(Script::default());
        for _ in 0..2 {
            start_sink(&supervision, &script, limits(9, 99));
        }
    });
}
