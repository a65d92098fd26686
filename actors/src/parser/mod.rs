//! Unpacks objects and reads items. The only place that names zstd and the JSON library of objects.

mod settings;

pub use settings::{ParserLimits, ParserSettings};
