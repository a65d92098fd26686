//! Gets the objects that events point at. The only place that names object_store.

mod settings;

pub use settings::{FetcherSettings, StoreSettings};
