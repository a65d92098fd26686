use crate::pipeline::{POLICY, Script, build_double, limits, start_sink};
use crate::testkit::{TestAcks, in_virtual_time, port_to};
use millrace_engine::{Drain, Port, Supervision};
use std::sync::Arc;

#[test]
fn a_pool_shares_what_comes() {
    in_virtual_time(|| async {
        let supervision = Supervision::start("test", POLICY, Drain::default());
        let script = Arc::new(Script::default());
        let sink = port_to(start_sink(&supervision, &script, limits(100, 1_000)));
        let here = actix::Arbiter::current();
        let members: Vec<_> = (0..3)
            .map(|n| supervision.stage(("double", n), &here, sink.clone(), build_double(&script)))
            .collect();
        let depths: Vec<_> = members.iter().map(|member| member.depth().clone()).collect();
        let pool = Port::new(members);
        let mut acks = TestAcks::default();
        acks.post_all(100..109, &pool);
        assert_eq!(
            depths.iter().map(|depth| depth.get()).collect::<Vec<_>>(),
            [3, 3, 3]
        );
        acks.outcomes(9).await;
        assert!(
            depths.iter().all(|depth| depth.get() == 0),
            "nothing is left behind in the count"
        );
    });
}
