//! What a load needs: settings, replicas, memory and connections, each with its reason.
//!
//! Pure arithmetic over measured figures. `millrace size` reads the load from arguments or from a running replica, and
//! prints the plan; the service takes the prefetch from here where none was chosen, so that both say the same.

pub mod measured;
mod plan;
mod prefetch;
mod terms;

pub use prefetch::{ASSUMED_BATCH_BYTES, prefetch};
pub use terms::{Capacity, Impossible, Line, Load, MOST_REPLICAS, Plan, Replicas, Resources, Settings};

#[cfg(test)]
mod tests;
