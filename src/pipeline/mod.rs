//! What the program wants to know of a pipeline, and the run of those that were chosen.

mod collector;
mod run;
mod stop;

pub use run::{replica_name, run};

use crate::{
    alerts::Watched,
    config::{Group, Processing, Reader, Source},
    exit::{Exit, Failure},
    health::{Consuming, Queues},
    http::Shown,
    probe::Probe,
};
use clap::ArgMatches;
use jiff::Timestamp;
use millrace_engine::{ByteBudget, Supervision};
use millrace_postgres::{Migrations, PostgresSettings};
use prometheus_client::registry::Registry;
use std::{any::Any, sync::Arc};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// A pipeline, as the program sees it: a value in the list of `pipelines`.
pub trait Pipeline: Send + Sync {
    /// As `PIPELINES` names it.
    fn name(&self) -> &'static str;

    /// What it does, in a sentence for people.
    fn about(&self) -> &'static str;

    /// The settings that only it reads, or shares with other pipelines.
    fn settings(&self) -> &'static [&'static Group];

    /// Reads its settings; what is wrong with them is the reader's to tell.
    fn read(&self, reader: &mut Reader<'_>, shared: &Processing) -> Arc<dyn Configured>;

    /// Reads what its migrations need, and nothing else; none where it has none.
    fn read_schema(&self, _: &mut Reader<'_>, _: &Processing) -> Option<Schema> {
        None
    }

    /// Commands that it brings to the program. Where several pipelines bring one of the same name, `--pipeline` says whose
    /// is meant, else it is that of the first; arguments of one name are then of one type in all of them.
    fn commands(&self) -> &'static [Command] {
        &[]
    }
}

/// A command of a pipeline: `millrace NAME …`.
#[derive(Debug)]
pub struct Command {
    /// Its name, its help and its arguments.
    pub describe: fn() -> clap::Command,
    /// Does what the arguments say.
    pub run: fn(&ArgMatches, &Source) -> Result<Exit, Failure>,
}

/// A pipeline with its settings.
pub trait Configured: Any + Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// A round trip to each of its dependencies, in the order of the data, on connections of their own. The names
    /// are unique among all pipelines that run in a process.
    fn probes(&self) -> Vec<Probe> {
        Vec::new()
    }

    /// Makes what its actors are built from, and registers its metrics. Connects to nothing yet.
    ///
    /// # Errors
    /// What no waiting would fix.
    fn prepare(&self, registry: &mut Registry, budget: &Arc<ByteBudget>) -> anyhow::Result<Prepared>;
}

/// A schema, and where it is.
pub struct Schema {
    /// The database.
    pub database: PostgresSettings,
    /// What brings it up to date.
    pub migrations: Migrations,
}

/// Starts actors under a supervision; the tasks beside them end with their handles.
pub type Start = Box<dyn FnOnce(&Supervision) -> Vec<AbortOnDropHandle<()>>>;

/// A pipeline that can be started.
pub struct Prepared {
    /// Its name.
    pub name: &'static str,
    /// Its stages in the order of the data, as their actors are called.
    pub stages: &'static [&'static str],
    /// The same questions as [`Configured::probes`], over the connections that do the work.
    pub probes: Vec<Probe>,
    /// The way in.
    pub source: Arc<dyn SourceView>,
    /// What may be wrong with it, where it has alerts. The names of the rules are unique among all pipelines that run
    /// in a process.
    pub alerts: Option<Watched>,
    /// What it shows over HTTP, where it shows more than every pipeline does.
    pub shown: Option<Arc<dyn Shown>>,
    /// Starts its actors, the last stage first, and what else it does.
    pub start: Start,
}

// === impl Prepared ===

impl Prepared {
    /// A pipeline without dependencies, alerts and anything of its own to show.
    pub fn new(
        name: &'static str,
        stages: &'static [&'static str],
        source: Arc<dyn SourceView>,
        start: Start,
    ) -> Self {
        Self {
            name,
            stages,
            probes: Vec::new(),
            source,
            alerts: None,
            shown: None,
            start,
        }
    }
}

/// The way into a pipeline, looked at from outside its actors.
pub trait SourceView: Send + Sync {
    /// Whether deliveries are taken; else why not. A source that only takes what is there always does.
    fn consuming(&self) -> Consuming {
        Consuming {
            ok: true,
            why: None,
            since: Timestamp::UNIX_EPOCH,
        }
    }

    /// Deliveries that are not settled.
    fn in_flight(&self) -> usize;

    /// When a delivery was last settled, or when the first of these arrived.
    fn moved_at(&self) -> Instant;

    /// Deliveries wait for something that is none of ours: that is no standstill.
    fn waits(&self) -> bool {
        false
    }

    /// Most deliveries that may be in flight.
    fn most_in_flight(&self) -> u64 {
        u64::MAX
    }

    /// What waits outside, where that is known.
    fn queues(&self) -> Queues {
        Queues::default()
    }
}
