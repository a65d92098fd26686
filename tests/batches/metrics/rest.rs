//! The gauges of a pipeline that is well and has nothing to do.

use super::value;
use crate::running::PATIENCE;
use millrace_stack::{Metrics, Service, wait_for};

/// Waits until the gauges are those of a pipeline that is well and has nothing to do. Each settles in its own time:
/// dependencies are asked every few seconds, and an actor may still be told that its event is done.
pub(super) async fn comes_to_rest(service: &Service) {
    wait_for("all gauges at rest", PATIENCE, async || {
        let metrics = service.metrics().await.map_err(|error| error.to_string())?;
        let busy = busy_gauges(&metrics);
        if busy.is_empty() {
            Ok(())
        } else {
            Err(busy.join("; "))
        }
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\n{}", service.lines().join("\n")));
}

fn busy_gauges(metrics: &Metrics) -> Vec<String> {
    let mut busy = Vec::new();
    let mut expect = |what: String, found: f64, is_right: bool| {
        if !is_right {
            busy.push(format!("{what} is {found}"));
        }
    };
    for nothing in ["inflight_events", "inflight_bytes", "actor_mailbox_depth"] {
        let found = value(metrics, nothing, &[]);
        expect(nothing.to_owned(), found, found == 0.0);
    }
    for one in ["rabbitmq_connection_status", "ready"] {
        let found = value(metrics, one, &[]);
        expect(one.to_owned(), found, found == 1.0);
    }
    for dependency in ["database", "object_store", "rabbitmq"] {
        let found = value(metrics, "dependency_up", &[("dependency", dependency)]);
        expect(dependency.to_owned(), found, found == 1.0);
    }
    for actor in metrics.samples("analytics_actor_up", &[]) {
        expect(format!("{:?}", actor.labels), actor.value, actor.value == 1.0);
    }
    let pool = value(metrics, "database_connection_pool_size", &[]);
    expect("the pool".to_owned(), pool, pool >= 1.0);
    busy
}
