//! How the program is: its dependencies, asked again and again; its pipelines, looked at from outside their actors.

mod pipelines;
mod prober;
mod view;

pub(crate) use pipelines::{All, Health};
pub use prober::{Dependencies, Pace, watch};
pub use view::{
    ActorStatus, AlertView, Consuming, DependencyStatus, FiringAlert, HealthView, Inflight, Queues,
    StageStatus, Summary,
};
