//! Worked examples.

use crate::{Capacity, Impossible, Load, Plan, measured};
use std::time::Duration;

const MIB: f64 = 1_048_576.0;

/// 1,000 items a second in events of 50, and a backlog of 12,000 events for ten minutes: 2,000 items a second at the peak.
fn load() -> Load {
    Load {
        items: 1_000.0,
        items_an_event: 50.0,
        backlog: 12_000.0,
        drain_seconds: 600.0,
        object_bytes: MIB / 4.0,
        json_bytes: MIB,
        fetch_seconds: 0.05,
    }
}

/// A replica that was seen to do 400 items a second: 300 are planned with.
fn capacity() -> Capacity {
    Capacity {
        replica_items: Some(400.0),
        held: None,
        cores: 1.0,
        memory_mib: 512,
        connections: 97,
        postgres_cores: None,
        writers: 2,
        shutdown_grace: Duration::from_secs(25),
    }
}

fn plan(load: &Load, capacity: &Capacity) -> Plan {
    Plan::of(load, capacity).unwrap()
}

fn warned(plan: &Plan, word: &str) -> bool {
    plan.warnings.iter().any(|warning| warning.contains(word))
}

#[test]
fn a_worked_example() {
    let plan = plan(&load(), &capacity());
    // 1,000 / 300 and 2,000 / 300, rounded up.
    assert_eq!((plan.replicas.min, plan.replicas.max), (4, 7));
    let settings = plan.settings;
    // 8 events a second, 0.05 s each, twice: 1, and 2 at least. One core and one more. Two writers as unset.
    assert_eq!(
        (settings.max_concurrent_batch_processing, settings.max_workers),
        (2, 2)
    );
    // 12 events of 4.25 MiB.
    assert_eq!(
        (settings.memory_budget_mb, settings.event_prefetch_count),
        (51, 12)
    );
    // 2 writers and 3 others.
    assert_eq!(
        (settings.database_pool_size, settings.database_max_overflow),
        (5, 0)
    );
    // Half of 12,000 events over 7 replicas.
    assert_eq!(plan.queue_length, 858);
    // 50 + 1.3 × 51, and 128 + 1.3 × 51.
    assert_eq!(
        (plan.resources.memory_request_mb, plan.resources.memory_limit_mb),
        (117, 195)
    );
    assert_eq!(plan.warnings, [] as [String; 0]);
}

/// KEDA asks for ⌈messages / queueLength⌉ replicas. With all hands full and nothing waiting it must ask for fewer
/// than there are.
#[test]
fn full_hands_alone_never_keep_a_replica() {
    for backlog in [1.0, 100.0, 12_000.0] {
        let plan = plan(&Load { backlog, ..load() }, &capacity());
        let prefetch = plan.settings.event_prefetch_count;
        for replicas in 2..100 {
            let asked = (replicas * prefetch).div_ceil(plan.queue_length);
            assert!(asked < replicas, "{asked} of {replicas} at {plan:?}");
        }
    }
}

#[test]
fn half_of_the_backlog_brings_as_many_replicas_as_were_planned() {
    let plan = plan(&load(), &capacity());
    assert_eq!(6_000_u64.div_ceil(plan.queue_length), plan.replicas.max);
    let small = Load {
        backlog: 60.0,
        drain_seconds: 1.0,
        ..load()
    };
    assert!(warned(&self::plan(&small, &capacity()), "KEDA asks for"));
}

#[test]
fn what_binds_is_said() {
    let fine = plan(&load(), &capacity());
    assert!(fine.warnings.is_empty());
    // 8 × 5 + 1.
    assert!(!warned(
        &plan(
            &load(),
            &Capacity {
                connections: 41,
                ..capacity()
            }
        ),
        "PgBouncer"
    ));
    assert!(warned(
        &plan(
            &load(),
            &Capacity {
                connections: 40,
                ..capacity()
            }
        ),
        "PgBouncer"
    ));
    // 12 events of 4.25 MiB do not fit into (144 − 128) / 1.3.
    assert!(warned(
        &plan(
            &load(),
            &Capacity {
                memory_mib: 144,
                ..capacity()
            }
        ),
        "memory binds"
    ));
    let cores = 2_000.0 * measured::POSTGRES_CPU / 0.75;
    let with = |there: f64| {
        plan(
            &load(),
            &Capacity {
                postgres_cores: Some(there),
                ..capacity()
            },
        )
    };
    assert!(warned(&with(cores * 0.99), "Postgres binds"));
    assert!(!warned(&with(cores * 1.01), "Postgres binds"));
    let slow = Capacity {
        replica_items: Some(20.0),
        ..capacity()
    };
    // 12 events at 0.4 a second.
    assert!(warned(&plan(&load(), &slow), "SHUTDOWN_GRACE_SECONDS to 33"));
    let seen = Capacity {
        held: Some(3.0),
        ..capacity()
    };
    assert!(warned(&plan(&load(), &seen), "held 3 events"));
}

#[test]
fn without_a_look_the_rate_comes_from_the_cores() {
    let of = |cores: f64| {
        let capacity = Capacity {
            replica_items: None,
            cores,
            ..capacity()
        };
        plan(&load(), &capacity).arithmetic[0]
            .value
            .parse::<f64>()
            .unwrap()
    };
    assert!((of(0.1) - 0.1 / measured::MILLRACE_CPU).abs() < 1.0);
    // Two writers have two sessions, and a session of Postgres has one core.
    assert!((of(64.0) - 2.0 / measured::POSTGRES_CPU).abs() < 1.0);
}

#[test]
fn what_cannot_be_is_refused() {
    let of = |load: Load, capacity: Capacity| Plan::of(&load, &capacity).unwrap_err();
    let shrinks = Load {
        object_bytes: 2.0 * MIB,
        ..load()
    };
    assert!(matches!(of(shrinks, capacity()), Impossible::Shrinks { .. }));
    let small = Capacity {
        memory_mib: 130,
        ..capacity()
    };
    let needed = Impossible::Memory {
        weight: 5,
        memory: 130,
        budget: 1,
        needed: 135,
    };
    assert_eq!(of(load(), small), needed);
    assert!(
        Plan::of(
            &load(),
            &Capacity {
                memory_mib: 135,
                ..capacity()
            }
        )
        .is_ok()
    );
    let vast = Load { items: 1e6, ..load() };
    assert!(matches!(of(vast, capacity()), Impossible::Replicas(_)));
    let none = Capacity {
        connections: 0,
        ..capacity()
    };
    assert_eq!(of(load(), none), Impossible::Connections);
}
