//! Rows as the parameters of an insert statement: an array a column.

use super::{
    rows::{Micros, Part, ages, pick},
    table::{Column, Get, Rule},
};
use bytes::{BufMut, BytesMut};
use std::error::Error;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// A parameter and its type.
pub(crate) type Parameter<'a> = (Box<dyn ToSql + Sync + 'a>, Type);

// === impl Part ===

impl<B, T> Part<'_, '_, B, T> {
    /// One array a column, in the order of the statement.
    pub(crate) fn parameters(&self) -> Vec<Parameter<'_>> {
        let mut parameters = self
            .table
            .columns
            .iter()
            .map(|column| self.parameter(column))
            .collect::<Vec<_>>();
        if self.table.has_ages() {
            parameters.push(array(
                self.rows.iter().map(|row| ages(self.table, row)),
                Type::TEXT_ARRAY,
            ));
        }
        parameters
    }

    /// The same of the columns of the key.
    pub(crate) fn keys(&self) -> Vec<Parameter<'_>> {
        let keys = self
            .table
            .columns
            .iter()
            .filter(|column| column.rule == Rule::Key);
        keys.map(|column| self.parameter(column)).collect()
    }

    fn parameter(&self, column: &Column<B, T>) -> Parameter<'_> {
        let rule = column.rule;
        let rows = self.rows.iter();
        match column.get {
            Get::Text(get) | Get::Json(get) => array(rows.map(|row| pick(rule, row, get)), Type::TEXT_ARRAY),
            Get::MadeJson(get) => array(rows.map(|row| pick(rule, row, get)), Type::TEXT_ARRAY),
            Get::TextArray(get) => {
                let literal = |row: &&[_]| pick(rule, row, get).map(array_literal);
                array(rows.map(literal), Type::TEXT_ARRAY)
            }
            Get::BigInt(get) if rule == Rule::Sum => {
                let sum = |row: &&[_]| {
                    row.iter()
                        .filter_map(|&(batch, item)| get(batch, item))
                        .sum::<i64>()
                };
                array(rows.map(sum), Type::INT8_ARRAY)
            }
            Get::BigInt(get) => array(rows.map(|row| pick(rule, row, get)), Type::INT8_ARRAY),
            Get::Double(get) => array(rows.map(|row| pick(rule, row, get)), Type::FLOAT8_ARRAY),
            Get::Bool(get) => array(rows.map(|row| pick(rule, row, get)), Type::BOOL_ARRAY),
            Get::Time(get) => {
                let micros = |row: &&[_]| pick(rule, row, get).map(Micros::from);
                array(rows.map(micros), Type::TIMESTAMPTZ_ARRAY)
            }
        }
    }
}

fn array<'a, V: ToSql + Sync + 'a>(values: impl Iterator<Item = V>, of: Type) -> Parameter<'a> {
    (Box::new(values.collect::<Vec<_>>()), of)
}

/// `{"a","b"}`, with every element quoted.
fn array_literal(elements: &[String]) -> String {
    let mut literal = String::from("{");
    for (index, element) in elements.iter().enumerate() {
        literal.push_str(if index == 0 { "\"" } else { ",\"" });
        for char in element.chars() {
            if matches!(char, '"' | '\\') {
                literal.push('\\');
            }
            literal.push(char);
        }
        literal.push('"');
    }
    literal.push('}');
    literal
}

impl ToSql for Micros {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(self.to_wire());
        Ok(IsNull::No)
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::TIMESTAMPTZ
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_literal_quotes_what_the_server_would_read_as_syntax() {
        let tags = ["a", "", "NULL", "x,y", r#"q"b\s"#, "{}"].map(str::to_owned);
        assert_eq!(array_literal(&tags), r#"{"a","","NULL","x,y","q\"b\\s","{}"}"#);
        assert_eq!(array_literal(&[]), "{}");
    }
}
