//! Gets the objects that events point at. The only place that names object_store.

mod blame;
mod bucket;
mod fetch;
mod keys;
mod metrics;
mod open;
mod retry_after;
mod screen;
mod served;
mod settings;
mod signs;
mod stores;
mod trouble;

#[cfg(test)]
mod tests;

pub use fetch::Fetcher;
pub use metrics::FetcherMetrics;
pub use served::Served;
pub use settings::{FetcherSettings, StoreKeys, StoreSettings};
pub use stores::{PingError, Stores, StoresError};
