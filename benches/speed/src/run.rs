//! Everything that one run measures, in its order.

use crate::{
    arena::Arena,
    batch::{Batch, batches},
    contender::Contender,
    kill, latency, limits,
    machine::Machine,
    pin,
    progress::Progress,
    report::{Limit, Report, Run, median},
    scale::{Axis, Scale},
    shape::Case,
    throughput::{self, Load},
};
use anyhow::Context;
use millrace_stack::{Options, Stack};
use std::{fs, path::PathBuf};

const PERCENTS: [usize; 3] = [25, 50, 80];
/// An earlier crawl of the same items.
const EARLIER: u32 = 0;
/// The crawl that is measured.
const MEASURED: u32 = 1;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Plan {
    /// The loads, between commas
    #[arg(long, env = "CASES", value_delimiter = ',', default_values_t = Case::ALL, value_enum)]
    cases: Vec<Case>,
    /// Each load so many times, by turns
    #[arg(long, env = "ROUNDS", default_value_t = 3)]
    rounds: usize,
    /// Items of a load; of YouTube's a quarter
    #[arg(long, env = "ITEMS", default_value_t = 10_000)]
    items: usize,
    /// Seconds of each measurement of latency, at 25, 50 and 80 % of the peak; 0: none
    #[arg(long, env = "LATENCY", default_value_t = 10.0)]
    latency: f64,
    /// Also the consumers in this folder, as `benches/peers/build` leaves them
    #[arg(long)]
    peers: Option<PathBuf>,
    /// Kill each consumer in the middle of a load, and count what is lost and what comes twice
    #[arg(long)]
    kill: bool,
    /// Hold Postgres to one core and the consumer to another
    #[arg(long)]
    pinned: bool,
    /// What an item costs along these axes, in place of the loads
    #[arg(long, env = "AXES", value_delimiter = ',', value_enum)]
    scale: Vec<Axis>,
    /// The axis of rows ends here
    #[arg(long, env = "MOST_ROWS", default_value_t = 10_000_000)]
    most_rows: i64,
    /// Where the figures go
    #[arg(long, env = "JSON", default_value = "target/bench/bench.json")]
    json: PathBuf,
}

/// A run in progress.
struct Session<'a> {
    plan: &'a Plan,
    stack: &'a Stack,
    contenders: &'a [Contender],
    progress: Progress,
    report: Report,
}

// === impl Plan ===

impl Plan {
    pub(crate) async fn run(&self) -> anyhow::Result<Report> {
        let mut contenders = Contender::products()?;
        if let Some(folder) = &self.peers {
            contenders.extend(Contender::peers(folder)?);
        }
        let durable = Options {
            durable_postgres: true,
            ..Options::default()
        };
        let stack = Stack::start_with(durable).await?;
        note_commits(&stack).await?;
        let scripts = tempfile::tempdir()?;
        if self.pinned {
            pin::postgres(stack.postgres.pid().context("Postgres has ended")?)?;
            let pinned = contenders.into_iter();
            contenders = pinned
                .map(|contender| contender.pinned(pin::CONSUMER, scripts.path()))
                .collect::<anyhow::Result<_>>()?;
        }
        let report = Report {
            machine: Machine::of(&stack, &stack.tenant("machine").await?).await?,
            pinned: self.pinned,
            rounds: self.rounds,
            latency_seconds: self.latency,
            runs: Vec::new(),
            limits: Vec::new(),
            latencies: Vec::new(),
            kills: Vec::new(),
            scale: Vec::new(),
        };
        let mut session = Session {
            plan: self,
            stack: &stack,
            progress: Progress::new(self.steps(contenders.len())),
            contenders: &contenders,
            report,
        };
        session.measure().await?;
        Ok(session.report)
    }

    fn steps(&self, contenders: usize) -> usize {
        if !self.scale.is_empty() {
            return 0;
        }
        let rounds = self.cases.len() * self.rounds * (contenders + 1);
        let latencies = if self.latency > 0.0 {
            self.cases.len() * contenders * PERCENTS.len()
        } else {
            0
        };
        rounds + latencies + if self.kill { contenders } else { 0 }
    }

    /// Writes the JSON file.
    pub(crate) fn write(&self, report: &Report) -> anyhow::Result<()> {
        let folder = self.json.parent().context("--json names no file")?;
        fs::create_dir_all(folder)?;
        fs::write(&self.json, serde_json::to_vec_pretty(report)?)
            .with_context(|| format!("cannot write {}", self.json.display()))
    }
}

/// Postgres remembers when each transaction was committed, from its next start on.
async fn note_commits(stack: &Stack) -> anyhow::Result<()> {
    let server = stack.postgres.connect("postgres").await?;
    server
        .batch_execute("ALTER SYSTEM SET track_commit_timestamp = on")
        .await?;
    drop(server);
    stack.postgres.stop().await?;
    stack.postgres.start().await
}

/// The load of a case. Each round has keys of its own, so that no cache knows them.
fn load(case: Case, round: usize, items: usize) -> Load {
    let (shape, seed) = (case.shape(), round as u64);
    let of = |crawl: u32| -> Vec<Batch> { batches(&shape, seed, 0, items, crawl) };
    let batches = of(MEASURED);
    Load {
        before: if case.is_crawled_before() {
            of(EARLIER)
        } else {
            Vec::new()
        },
        order: case.order(batches.len()),
        batches,
        updates: case.is_crawled_before(),
    }
}

// === impl Session ===

impl<'a> Session<'a> {
    async fn measure(&mut self) -> anyhow::Result<()> {
        if !self.plan.scale.is_empty() {
            return self.scale().await;
        }
        for round in 1..=self.plan.rounds {
            for &case in &self.plan.cases {
                self.round(case, round).await?;
            }
            // An hour is long: what ends it takes no round away.
            self.plan.write(&self.report)?;
        }
        if self.plan.latency > 0.0 {
            for &case in &self.plan.cases {
                self.latencies(case).await?;
            }
        }
        if self.plan.kill {
            self.kills().await?;
        }
        Ok(())
    }

    /// One load through everyone, and its limits.
    async fn round(&mut self, case: Case, round: usize) -> anyhow::Result<()> {
        let load = load(case, round, case.items(self.plan.items));
        let mut contenders = self.contenders.to_vec();
        // Who comes first finds another machine than who comes last.
        let turn = (round - 1) % contenders.len();
        contenders.rotate_left(turn);
        for contender in &contenders {
            self.progress
                .begin(&format!("({}) round {round}, {}", case.letter(), contender.label));
            let arena = self.arena(&format!("{case:?}-{round}")).await?;
            let (figures, services) = throughput::measure(&arena, contender, &load, &self.progress).await?;
            self.progress.end(&format!(
                "{:.0} items/s, {:.0} + {:.0} µs an item, {:.0} MiB",
                figures.items_per_second,
                figures.cpu_us_per_item,
                figures.postgres_us_per_item,
                figures.peak_mib
            ));
            self.report.runs.push(Run {
                case,
                round,
                contender: contender.label.clone(),
                figures,
            });
            for service in &services {
                service.terminate().await?;
            }
            if contender.label == self.contenders[0].label {
                self.limits(&arena, case, round, &load).await?;
            }
            arena.close(services).await?;
        }
        Ok(())
    }

    async fn limits(
        &mut self,
        arena: &Arena<'_>,
        case: Case,
        round: usize,
        load: &Load,
    ) -> anyhow::Result<()> {
        self.progress
            .begin(&format!("({}) round {round}, limits", case.letter()));
        let limits = [
            limits::copy(arena, case, round, load.items()).await?,
            limits::get(arena, case, round, &load.batches).await?,
            limits::parse(case, round, &load.batches)?,
        ];
        let said = limits.each_ref().map(|limit: &Limit| {
            let rate = limit.items_per_second;
            format!("{} {rate:.0}", limit.name)
        });
        self.progress.end(&format!("{} items/s", said.join(", ")));
        self.report.limits.extend(limits);
        Ok(())
    }

    async fn latencies(&mut self, case: Case) -> anyhow::Result<()> {
        for contender in self.contenders {
            let runs = self.report.runs.iter();
            let of = runs.filter(|run| run.case == case && run.contender == contender.label);
            let peak = median(of.map(|run| run.figures.items_per_second)).context("no round was run")?;
            for percent in PERCENTS {
                self.progress
                    .begin(&format!("({}) {percent} %, {}", case.letter(), contender.label));
                let rate = peak * percent as f64 / 100.0;
                let items = (rate * self.plan.latency) as usize + case.shape().items_a_batch;
                let load = load(case, self.plan.rounds + percent, items);
                let arena = self.arena(&format!("{case:?}-{percent}")).await?;
                let found = latency::measure(&arena, contender, (case, percent, rate), &load).await?;
                self.progress.end(&format!(
                    "p50 {:.0} ms, p99 {:.0} ms at {rate:.0} items/s; first row after {:.0} ms",
                    found.p50_ms, found.p99_ms, found.first_row_ms
                ));
                self.report.latencies.push(found);
                arena.close(Vec::new()).await?;
            }
        }
        Ok(())
    }

    async fn kills(&mut self) -> anyhow::Result<()> {
        let load = load(Case::A, self.plan.rounds + 1, Case::A.items(self.plan.items));
        for contender in self.contenders {
            self.progress.begin(&format!("SIGKILL, {}", contender.label));
            let arena = self.arena("kill").await?;
            let found = kill::measure(&arena, contender, &load).await?;
            self.progress.end(&format!(
                "{} rows lost, {} doubled; {} of {} events were stored before",
                found.lost_rows, found.doubled_rows, found.stored_before, found.events
            ));
            self.report.kills.push(found);
            arena.close(Vec::new()).await?;
        }
        Ok(())
    }

    async fn scale(&mut self) -> anyhow::Result<()> {
        for axis in &self.plan.scale {
            let scale = Scale {
                stack: self.stack,
                product: &self.contenders[0],
                items: self.plan.items,
                most_rows: self.plan.most_rows,
                progress: &self.progress,
            };
            self.report.scale.extend(scale.measure(*axis).await?);
        }
        Ok(())
    }

    async fn arena(&self, name: &str) -> anyhow::Result<Arena<'a>> {
        Arena::open(self.stack, name, &self.contenders[0]).await
    }
}
