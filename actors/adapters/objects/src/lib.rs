//! Gets objects from a store: within a budget of memory, bounded in time, and with a fault that says who is to blame;
//! and writes objects into a bucket, each once.
//! The only crate that names object_store.

mod bucket;
mod classify;
mod fetch;
mod keys;
mod metrics;
mod object_path;
mod open;
pub mod reasons;
mod retry_after;
mod screen;
mod served;
mod settings;
mod signs;
mod stores;
mod trouble;
mod writer;

#[cfg(test)]
mod tests;

pub use fetch::{Fetcher, Object, ObjectInfo};
pub use metrics::FetcherMetrics;
pub use object_path::{BadPath, Endpoint, ObjectPath};
pub use served::Served;
pub use settings::{FetcherSettings, StoreKeys, StoreSettings};
pub use stores::{PingError, Stores, StoresError};
pub use writer::{Head, ObjectWriter, Put};

/// What the dependency is called in outages, by the supervisor and by `/readyz`.
pub const OBJECT_STORE: &str = "object_store";
