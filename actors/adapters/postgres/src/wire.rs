//! Rows as binary `COPY` takes them, each column in the type that its table has.

use super::{
    rows::{Micros, Version, ages, pick},
    table::{Column, Get, Rule, Table},
};
use bytes::BufMut;
use tokio_postgres::types::Type;

/// The length of a value that is null.
const NULL: i32 = -1;

/// What comes before the rows: a signature, no flags, no extension.
pub(crate) fn begin(out: &mut Vec<u8>) {
    out.put_slice(b"PGCOPY\n\xff\r\n\0");
    out.put_u64(0);
}

/// What comes after them.
pub(crate) fn end(out: &mut Vec<u8>) {
    out.put_i16(-1);
}

/// A row, its versions merged.
pub(crate) fn put_row<B, T>(table: &Table<B, T>, row: &[Version<'_, B, T>], out: &mut Vec<u8>) {
    let columns = table.columns.len() + usize::from(table.has_ages());
    out.put_i16(i16::try_from(columns).expect("a table has few columns"));
    for column in table.columns {
        put_value(column, row, out);
    }
    if table.has_ages() {
        put_json(ages(table, row).as_deref(), out);
    }
}

fn put_value<B, T>(column: &Column<B, T>, row: &[Version<'_, B, T>], out: &mut Vec<u8>) {
    let rule = column.rule;
    match column.get {
        Get::Text(get) => put(pick(rule, row, get), out, |text, out| {
            out.put_slice(text.as_bytes())
        }),
        Get::Json(get) => put_json(pick(rule, row, get), out),
        Get::MadeJson(get) => put_json(pick(rule, row, get).as_deref(), out),
        Get::TextArray(get) => put(pick(rule, row, get), out, put_array),
        Get::BigInt(get) if rule == Rule::Sum => {
            let values = row.iter().filter_map(|&(batch, item)| get(batch, item));
            put(Some(values.sum::<i64>()), out, |sum, out| out.put_i64(sum));
        }
        Get::BigInt(get) => put(pick(rule, row, get), out, |number, out| out.put_i64(number)),
        Get::Double(get) => put(pick(rule, row, get), out, |number, out| out.put_f64(number)),
        Get::Bool(get) => put(pick(rule, row, get), out, |is, out| out.put_u8(is.into())),
        Get::Time(get) => put(pick(rule, row, get), out, |time, out| {
            out.put_i64(Micros::from(time).to_wire());
        }),
    }
}

/// `jsonb`: its version, then text.
fn put_json(json: Option<&str>, out: &mut Vec<u8>) {
    put(json, out, |json, out| {
        out.put_u8(1);
        out.put_slice(json.as_bytes());
    });
}

/// `text[]`: dimensions, no nulls, the type of the elements; of the one dimension its size and where it begins.
fn put_array(elements: &[String], out: &mut Vec<u8>) {
    out.put_i32(i32::from(!elements.is_empty()));
    out.put_i32(0);
    out.put_u32(Type::TEXT.oid());
    if !elements.is_empty() {
        out.put_i32(length(elements.len()));
        out.put_i32(1);
    }
    for element in elements {
        out.put_i32(length(element.len()));
        out.put_slice(element.as_bytes());
    }
}

fn put<V>(value: Option<V>, out: &mut Vec<u8>, write: impl FnOnce(V, &mut Vec<u8>)) {
    let start = out.len();
    out.put_i32(NULL);
    if let Some(value) = value {
        write(value, out);
        let written = length(out.len() - start - size_of::<i32>());
        out[start..][..size_of::<i32>()].copy_from_slice(&written.to_be_bytes());
    }
}

fn length(bytes: usize) -> i32 {
    i32::try_from(bytes).expect("memory is bounded far below")
}
