//! The arithmetic, and nothing else.

use crate::measured;
use crate::prefetch::{self, ASSUMED_BATCH_BYTES};
use crate::terms::{Capacity, Impossible, Line, Load, MOST_REPLICAS, Plan, Replicas, Resources, Settings};
use millrace_batches::parse::ROWS_A_BYTE;

/// Of what it can do, so much is planned with: batches differ, and a neighbour may be down.
const PLANNED_SHARE: f64 = 0.75;
/// Resident memory grows by so many budgets at most (`tests/batches/memory.rs`).
const BUDGETS: f64 = 1.3;
/// Resident memory at rest.
const AT_REST_MIB: f64 = 50.0;
/// The same with some air: what the chart adds to the budget for the limit.
const LIMIT_BASE_MIB: f64 = 128.0;
/// Beside the writers: the probe of `/readyz`, one reader of the API, and the notes about redelivered events.
const OTHER_CONNECTIONS: u64 = 3;
/// A replica that is being replaced, and the migration before the start of its successor.
const ROLL_OUT_CONNECTIONS: u64 = 1;
/// Taken off `SHUTDOWN_GRACE_SECONDS`: then a stop leaves what is not finished.
const STOP_MARGIN_SECONDS: f64 = 3.0;
const MIB: f64 = 1_048_576.0;

// === impl Plan ===

impl Plan {
    /// The plan for this load, where there is one.
    pub fn of(load: &Load, capacity: &Capacity) -> Result<Self, Impossible> {
        if load.json_bytes < load.object_bytes {
            let (json, object) = (load.json_bytes, load.object_bytes);
            return Err(Impossible::Shrinks { json, object });
        }
        if capacity.connections == 0 {
            return Err(Impossible::Connections);
        }
        let mut notes = Notes::default();
        let rate = replica_rate(capacity, &mut notes);
        let replicas = replicas(load, rate, &mut notes)?;
        let workers = workers(load, capacity, rate, &mut notes);
        let weight = weight(load);
        let budget = budget(weight, workers, capacity, &mut notes)?;
        let prefetch = prefetch(workers, budget, weight, &mut notes);
        stop_fits(prefetch, rate / load.items_an_event, capacity, &mut notes);
        let pool = pool(replicas, workers, capacity, &mut notes);
        let queue_length = queue_length(load, replicas, prefetch, &mut notes);
        let resources = resources(capacity, budget, prefetch, weight, &mut notes);
        database(load, capacity, rate, &mut notes);
        Ok(Self {
            settings: Settings {
                event_prefetch_count: prefetch,
                max_concurrent_batch_processing: workers.fetchers as u64,
                max_workers: workers.parsers as u64,
                database_pool_size: pool,
                database_max_overflow: 0,
                memory_budget_mb: budget,
            },
            replicas,
            queue_length,
            resources,
            arithmetic: notes.lines,
            warnings: notes.warnings,
        })
    }
}

/// Of one replica.
#[derive(Clone, Copy)]
struct Workers {
    fetchers: usize,
    parsers: usize,
    writers: usize,
}

// === impl Workers ===

impl Workers {
    fn hands(self) -> usize {
        self.fetchers + self.parsers + self.writers
    }
}

/// What is said beside the values.
#[derive(Default)]
struct Notes {
    lines: Vec<Line>,
    warnings: Vec<String>,
}

// === impl Notes ===

impl Notes {
    fn line(&mut self, name: &'static str, value: impl ToString, because: String) {
        let value = value.to_string();
        self.lines.push(Line { name, value, because });
    }

    fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }
}

/// Items a second that one replica can do.
fn replica_rate(capacity: &Capacity, notes: &mut Notes) -> f64 {
    let name = "items/s of a replica";
    if let Some(seen) = capacity.replica_items {
        notes.line(name, round(seen), "as seen".to_owned());
        if let Some(held) = capacity.held {
            notes.warn(format!(
                "the replica held {held:.0} events when it was looked at: where that is less than its prefetch it waited for work, and can do more than was seen"
            ));
        }
        return seen;
    }
    let writers = capacity.writers as f64;
    let (cpu, database) = (
        capacity.cores / measured::MILLRACE_CPU,
        writers / measured::POSTGRES_CPU,
    );
    let because = format!(
        "the lesser of {} cores / {} ms and {writers} writers / {} ms of one Postgres session; the most there can be: measure yours with --metrics-url",
        capacity.cores,
        round(measured::MILLRACE_CPU * 1_000.0),
        round(measured::POSTGRES_CPU * 1_000.0)
    );
    notes.line(name, round(cpu.min(database)), because);
    cpu.min(database)
}

fn replicas(load: &Load, rate: f64, notes: &mut Notes) -> Result<Replicas, Impossible> {
    let planned = rate * PLANNED_SHARE;
    let peak = load.items + load.backlog * load.items_an_event / load.drain_seconds;
    let of = |items: f64| (items / planned).ceil().max(1.0);
    if of(peak) > MOST_REPLICAS as f64 {
        return Err(Impossible::Replicas(of(peak)));
    }
    let replicas = Replicas {
        min: of(load.items) as u64,
        max: of(peak) as u64,
    };
    let share = format!("{} × {PLANNED_SHARE}", round(rate));
    let because = format!("{} items/s arrive / ({share})", round(load.items));
    notes.line("replicas, least", replicas.min, because);
    let because = format!(
        "({} + {} events × {} items / {} s) / ({share})",
        round(load.items),
        round(load.backlog),
        round(load.items_an_event),
        round(load.drain_seconds)
    );
    notes.line("replicas, most", replicas.max, because);
    Ok(replicas)
}

fn workers(load: &Load, capacity: &Capacity, rate: f64, notes: &mut Notes) -> Workers {
    let events = rate / load.items_an_event;
    // Twice what is on its way at a time: fetches differ.
    let fetchers = (2.0 * events * load.fetch_seconds).ceil().clamp(2.0, 1_000.0) as usize;
    let because = format!(
        "2 × {} events/s × {} s for an object, 2 at least",
        round(events),
        round(load.fetch_seconds)
    );
    notes.line("MAX_CONCURRENT_BATCH_PROCESSING", fetchers, because);
    // Parsing takes processor time alone; one more than cores works while another waits for memory.
    let parsers = (capacity.cores.ceil() as usize).clamp(1, 255) + 1;
    notes.line(
        "MAX_WORKERS",
        parsers,
        format!("{} cores, rounded up, + 1", capacity.cores),
    );
    Workers {
        fetchers,
        parsers,
        writers: capacity.writers,
    }
}

/// Bytes of an event in flight: its object, its JSON, and the rows made from that.
fn weight(load: &Load) -> f64 {
    load.object_bytes + load.json_bytes * (1.0 + ROWS_A_BYTE as f64)
}

/// MiB.
fn budget(weight: f64, workers: Workers, capacity: &Capacity, notes: &mut Notes) -> Result<u64, Impossible> {
    let fits = ((capacity.memory_mib as f64 - LIMIT_BASE_MIB) / BUDGETS)
        .floor()
        .max(0.0);
    let one = (weight / MIB).ceil();
    if fits < one {
        return Err(Impossible::Memory {
            weight: one as u64,
            memory: capacity.memory_mib,
            budget: fits as u64,
            needed: (LIMIT_BASE_MIB + one * BUDGETS).ceil() as u64,
        });
    }
    let hands = 2 * workers.hands();
    // No less than an unset prefetch assumes, so that larger batches than usual find room.
    let assumed = weight.max(ASSUMED_BATCH_BYTES as f64);
    let wanted = (hands as f64 * assumed / MIB).ceil();
    let because = format!(
        "the lesser of 2 × {} workers × {} MiB an event and ({} − {LIMIT_BASE_MIB} MiB) / {BUDGETS}",
        workers.hands(),
        round(assumed / MIB),
        capacity.memory_mib
    );
    let budget = wanted.min(fits) as u64;
    notes.line("MEMORY_BUDGET_MB", budget, because);
    Ok(budget)
}

fn prefetch(workers: Workers, budget: u64, weight: f64, notes: &mut Notes) -> u64 {
    let prefetch = prefetch::prefetch(workers.hands(), budget << 20, weight.ceil() as u64);
    let (prefetch, hands) = (u64::from(prefetch), workers.hands() as u64);
    let because = format!(
        "the lesser of 2 × {hands} workers and {} MiB / {} MiB an event",
        budget,
        round(weight / MIB)
    );
    notes.line("EVENT_PREFETCH_COUNT", prefetch, because);
    if prefetch < hands {
        notes.warn(format!(
            "memory binds: {prefetch} events fit and {hands} workers could have one each; give a replica more --memory-mb"
        ));
    }
    prefetch
}

/// A stop finishes what is in flight, or it costs redeliveries.
fn stop_fits(prefetch: u64, events: f64, capacity: &Capacity, notes: &mut Notes) {
    let grace = capacity.shutdown_grace.as_secs_f64() - STOP_MARGIN_SECONDS;
    let needed = prefetch as f64 / events;
    if needed > grace {
        notes.warn(format!(
            "a stop has to finish {prefetch} events at {} a second, which takes {needed:.0} s: raise SHUTDOWN_GRACE_SECONDS to {:.0}",
            round(events),
            (needed + STOP_MARGIN_SECONDS).ceil()
        ));
    }
}

fn pool(replicas: Replicas, workers: Workers, capacity: &Capacity, notes: &mut Notes) -> u64 {
    let pool = workers.writers as u64 + OTHER_CONNECTIONS;
    let because = format!(
        "{} writers + {OTHER_CONNECTIONS} (readiness, one reader of the API, crash notes); DATABASE_MAX_OVERFLOW is 0, for the bound is the sum",
        workers.writers
    );
    notes.line("DATABASE_POOL_SIZE", pool, because);
    let most = (replicas.max + 1) * pool + ROLL_OUT_CONNECTIONS;
    let because = format!(
        "({} replicas + 1 while a roll-out runs) × {pool} + {ROLL_OUT_CONNECTIONS} for a migration, of {}",
        replicas.max, capacity.connections
    );
    notes.line("connections, most", most, because);
    if most > u64::from(capacity.connections) {
        notes.warn(format!(
            "connections bind: {most} are needed and {} are there; put PgBouncer in transaction mode between (and run millrace migrate past it), or raise max_connections of Postgres",
            capacity.connections
        ));
    }
    pool
}

/// KEDA counts ready and unacknowledged messages, and asks for one replica for each `queue_length` of them, rounded
/// up. What replicas merely hold must not justify their number: with more than two prefetches, n full hands ask for
/// n / 2 replicas, rounded up, which for each n above 1 is less than n. And all replicas have to be there before the
/// backlog is at its worst, and to stay until half of it is gone: a number that shrinks with the backlog alone is
/// soon no more than what the arrivals need.
fn queue_length(load: &Load, replicas: Replicas, prefetch: u64, notes: &mut Notes) -> u64 {
    let least = 2 * prefetch + 1;
    let half = load.backlog / 2.0;
    let length = least.max((half / replicas.max as f64).ceil() as u64);
    let because = format!(
        "the greater of half of {} events / {} replicas and 2 × {prefetch} + 1, so that what replicas hold does not keep them up",
        round(load.backlog),
        replicas.max
    );
    notes.line("KEDA queueLength", length, because);
    let all_from = length * (replicas.max - 1) + 1;
    if replicas.max > replicas.min && all_from as f64 > load.backlog {
        notes.warn(format!(
            "the backlog is small beside what replicas hold: KEDA asks for {} replicas from {all_from} events on, not at {}",
            replicas.max,
            round(load.backlog)
        ));
    }
    length
}

fn resources(capacity: &Capacity, budget: u64, prefetch: u64, weight: f64, notes: &mut Notes) -> Resources {
    let held = (prefetch as f64 * weight / MIB).min(budget as f64);
    let request = (AT_REST_MIB + held * BUDGETS).ceil() as u64;
    let limit = (LIMIT_BASE_MIB + budget as f64 * BUDGETS).ceil() as u64;
    let because = format!(
        "{AT_REST_MIB} at rest + {BUDGETS} × {} MiB of {prefetch} events",
        round(held)
    );
    notes.line("memory request, MiB", request, because);
    let because = format!("{LIMIT_BASE_MIB} + {BUDGETS} × MEMORY_BUDGET_MB");
    notes.line("memory limit, MiB", limit, because);
    Resources {
        cpu_request: capacity.cores,
        memory_request_mb: request.min(limit),
        memory_limit_mb: limit,
    }
}

/// More replicas bring nothing once Postgres is busy.
fn database(load: &Load, capacity: &Capacity, rate: f64, notes: &mut Notes) {
    let peak = load.items + load.backlog * load.items_an_event / load.drain_seconds;
    let cores = peak * measured::POSTGRES_CPU;
    let cost = round(measured::POSTGRES_CPU * 1_000.0);
    let because = format!("{} items/s at the peak × {cost} ms", round(peak));
    notes.line("cores that Postgres needs", round(cores), because);
    let because = format!(
        "{} items/s at the peak × {} bytes",
        round(peak),
        round(measured::WAL_BYTES)
    );
    notes.line(
        "MB/s of Postgres' log",
        round(peak * measured::WAL_BYTES / 1e6),
        because,
    );
    let because = format!(
        "{} items/s at the peak × {} bytes",
        round(peak),
        round(load.object_bytes / load.items_an_event)
    );
    let bandwidth = peak * load.object_bytes / load.items_an_event / 1e6;
    notes.line("MB/s from the store", round(bandwidth), because);
    let Some(there) = capacity.postgres_cores else {
        return;
    };
    if cores > there * PLANNED_SHARE {
        let useful = (there * PLANNED_SHARE / measured::POSTGRES_CPU / rate)
            .floor()
            .max(1.0);
        notes.warn(format!(
            "Postgres binds: the peak needs {} cores and {} of {there} are planned with; more than {useful:.0} busy replicas bring nothing. docs/scaling.md has what to do, in order",
            round(cores),
            round(there * PLANNED_SHARE)
        ));
    }
}

/// Three digits are all that is known.
fn round(number: f64) -> String {
    if number == 0.0 || number.abs() >= 100.0 {
        return format!("{number:.0}");
    }
    let decimals = (2.0 - number.abs().log10().floor()).clamp(0.0, 12.0) as usize;
    let text = format!("{number:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
