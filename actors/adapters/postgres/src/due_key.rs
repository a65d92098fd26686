//! What a due row is known by: one column, or several.

use tokio_postgres::{
    Error, Row,
    types::{FromSql, ToSql, Type},
};
use uuid::Uuid;

/// A column of many rows, as a parameter.
pub type Parameter = (Box<dyn ToSql + Sync + Send>, Type);

/// A key of one column or of several.
pub trait DueKey: Clone + Send + Sync + 'static {
    /// How many columns it has.
    const COLUMNS: usize;

    /// Reads it from a row, of which it is the columns from `first` on.
    ///
    /// # Errors
    /// A column is of another type.
    fn read(row: &Row, first: usize) -> Result<Self, Error>;

    /// The columns of many keys, each as one array.
    fn columns(keys: &[Self]) -> Vec<Parameter>;
}

/// A column that may be part of a key.
pub trait DueKeyColumn: ToSql + for<'a> FromSql<'a> + Clone + Send + Sync + 'static {
    /// The type of an array of it.
    const ARRAY: Type;
}

// === impl DueKeyColumn ===

impl DueKeyColumn for i64 {
    const ARRAY: Type = Type::INT8_ARRAY;
}

impl DueKeyColumn for String {
    const ARRAY: Type = Type::TEXT_ARRAY;
}

impl DueKeyColumn for Uuid {
    const ARRAY: Type = Type::UUID_ARRAY;
}

// === impl DueKey ===

impl<C: DueKeyColumn> DueKey for C {
    const COLUMNS: usize = 1;

    fn read(row: &Row, first: usize) -> Result<Self, Error> {
        row.try_get(first)
    }

    fn columns(keys: &[Self]) -> Vec<Parameter> {
        vec![column(keys, |key| key)]
    }
}

impl<A: DueKeyColumn, B: DueKeyColumn> DueKey for (A, B) {
    const COLUMNS: usize = 2;

    fn read(row: &Row, first: usize) -> Result<Self, Error> {
        Ok((row.try_get(first)?, row.try_get(first + 1)?))
    }

    fn columns(keys: &[Self]) -> Vec<Parameter> {
        vec![column(keys, |(a, _)| a), column(keys, |(_, b)| b)]
    }
}

fn column<K, C: DueKeyColumn>(keys: &[K], of: impl Fn(&K) -> &C) -> Parameter {
    let values: Vec<C> = keys.iter().map(|key| of(key).clone()).collect();
    (Box::new(values), C::ARRAY)
}
