//! A table in DynamoDB: written in batches, asked by key and by index. The only crate that names its client library.

mod client;
mod describe;
mod failure;
mod json;
mod put_many;
mod query;
mod settings;
mod table;
mod value;

#[cfg(test)]
mod tests;

pub use describe::{Description, Index, Shape};
pub use failure::DynamoError;
pub use put_many::Refused;
pub use query::{Page, Question};
pub use settings::{DynamoKeys, DynamoSettings};
pub use table::Table;
pub use value::{Item, MOST_BYTES, Value, bytes_of};
