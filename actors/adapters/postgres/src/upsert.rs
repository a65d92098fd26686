//! The insert statement of a table, derived from its description.
//!
//! One statement takes any number of rows: each parameter is an array, a column's values. Measured on
//! one connection, with 38 columns, in thousands of rows a second:
//!
//! | rows in a transaction | 50 | 500 | 5000 |
//! |---|---|---|---|
//! | a prepared INSERT a row, pipelined | 9.5 | 10 | 11 |
//! | this | 12 | 18 | 17 |
//! | COPY to a temporary table, then upsert | 11 | 20 | 24 |
//!
//! COPY to a temporary table would only pay for backlogs, and such tables bloat the catalog. Straight into the table it
//! pays for new rows, see `copy`.

use super::table::{Column, Rule, Table, VALUE_AGES};

/// `INSERT … SELECT … FROM (SELECT unnest(…), …) ON CONFLICT …`.
pub(crate) fn statement<B, T>(table: &Table<B, T>) -> String {
    let Shape { names, types, casts } = shape(table);
    let rows = unnested(names.iter().copied().zip(types));
    format!(
        "INSERT INTO {name} AS t ({columns}) SELECT {casts} FROM (SELECT {rows}) AS u \
         ON CONFLICT ({key}) {resolution}",
        name = table.name,
        columns = names.join(", "),
        casts = casts.join(", "),
        key = table.named(Rule::Key).collect::<Vec<_>>().join(", "),
        resolution = resolution(table),
    )
}

struct Shape {
    names: Vec<&'static str>,
    types: Vec<&'static str>,
    casts: Vec<String>,
}

fn shape<B, T>(table: &Table<B, T>) -> Shape {
    let columns = table.columns.iter();
    let mut shape = Shape {
        names: columns.clone().map(|column| column.name).collect(),
        types: columns.clone().map(|column| column.get.wire_type()).collect(),
        casts: columns
            .map(|column| format!("u.{}{}", column.name, column.get.cast()))
            .collect(),
    };
    if table.has_ages() {
        shape.names.push(VALUE_AGES);
        shape.types.push("text");
        shape.casts.push(format!("u.{VALUE_AGES}::jsonb"));
    }
    shape
}

/// Rows whose columns are arrays of these types, parameters of the statement. In the list of a `SELECT` the arrays are
/// read side by side; in its `FROM` each would be copied into a store of its own first.
pub(crate) fn unnested<'t>(columns: impl Iterator<Item = (&'t str, &'t str)>) -> String {
    let one = |(index, (name, of))| format!("unnest(${}::{of}[]) AS {name}", index + 1);
    columns.enumerate().map(one).collect::<Vec<_>>().join(", ")
}

fn resolution<B, T>(table: &Table<B, T>) -> String {
    let Some(clock) = table.clock().map(|column| column.name) else {
        return format!(
            "DO NOTHING RETURNING {}",
            table.named(Rule::Key).collect::<Vec<_>>().join(", ")
        );
    };
    let merge = Merge { clock };
    let mut set = table
        .columns
        .iter()
        .filter_map(|column| merge.set(column))
        .collect::<Vec<_>>();
    if table.has_ages() {
        set.push(format!("{VALUE_AGES} = {}", merge.ages(table)));
    }
    if let Some(touched) = table.touched {
        // Its default, the time of the transaction: `now()` itself is not IMMUTABLE, which a distributed table wants here.
        set.push(format!("{touched} = excluded.{touched}"));
    }
    format!("DO UPDATE SET {}{}", set.join(", "), merge.filter(table))
}

/// How the stored row `t` and the `excluded` one become one row.
struct Merge {
    clock: &'static str,
}

// === impl Merge ===

impl Merge {
    fn set<B, T>(&self, column: &Column<B, T>) -> Option<String> {
        let name = column.name;
        let merged = match column.rule {
            Rule::Key => return None,
            Rule::Clock => format!("greatest(t.{name}, excluded.{name})"),
            Rule::Earliest => format!("least(t.{name}, excluded.{name})"),
            Rule::Sum => format!("t.{name} + excluded.{name}"),
            Rule::Version => self.choose(&self.is_later(), name),
            Rule::Value => self.choose(&self.wins(name), name),
        };
        Some(format!("{name} = {merged}"))
    }

    fn choose(&self, condition: &str, name: &str) -> String {
        format!("CASE WHEN {condition} THEN excluded.{name} ELSE t.{name} END")
    }

    fn is_later(&self) -> String {
        format!("excluded.{clock} > t.{clock}", clock = self.clock)
    }

    /// When the value of one side was crawled: with its row, unless noted otherwise.
    fn age(&self, side: &str, name: &str) -> String {
        format!(
            "coalesce(value_age({side}.{VALUE_AGES}, '{name}'), {side}.{clock})",
            clock = self.clock
        )
    }

    /// The excluded value replaces the stored one: it fills a gap or is from a later crawl.
    fn wins(&self, name: &str) -> String {
        format!(
            "excluded.{name} IS NOT NULL AND (t.{name} IS NULL OR {} > {})",
            self.age("excluded", name),
            self.age("t", name)
        )
    }

    /// The ages of the merged row: of the values that are older than it.
    fn ages<B, T>(&self, table: &Table<B, T>) -> String {
        let merged = format!("greatest(t.{clock}, excluded.{clock})", clock = self.clock);
        let age = |name| {
            format!(
                "nullif(CASE WHEN {wins} THEN {new} WHEN t.{name} IS NOT NULL THEN {old} END, {merged})",
                wins = self.wins(name),
                new = self.age("excluded", name),
                old = self.age("t", name),
            )
        };
        let names = table.named(Rule::Value).collect::<Vec<_>>().join("', '");
        let ages = table.named(Rule::Value).map(age).collect::<Vec<_>>().join(", ");
        let no_ages = format!("t.{VALUE_AGES} IS NULL AND excluded.{VALUE_AGES} IS NULL");
        // Usually all values are from one version; the test is a fourth cheaper than the map.
        format!(
            "CASE WHEN {no_ages} AND NOT (CASE WHEN {later} THEN {left_behind} ELSE {filled} END) THEN NULL \
             ELSE value_ages_of(ARRAY['{names}'], ARRAY[{ages}]) END",
            later = self.is_later(),
            left_behind = any_only_in(table, "t", "excluded"),
            filled = any_only_in(table, "excluded", "t"),
        )
    }

    /// Leaves a row alone that learns nothing, which saves its WAL; a sum always learns.
    fn filter<B, T>(&self, table: &Table<B, T>) -> String {
        if table.named(Rule::Sum).next().is_some() {
            return String::new();
        }
        let mut filter = format!(" WHERE {}", self.is_later());
        if table.has_ages() {
            // Without ages, all that is stored is as old as its row, which is not older.
            let wins = table
                .named(Rule::Value)
                .map(|name| self.wins(name))
                .collect::<Vec<_>>();
            filter = format!(
                "{filter} OR {filled} OR (t.{VALUE_AGES} IS NOT NULL AND (({wins})))",
                filled = any_only_in(table, "excluded", "t"),
                wins = wins.join(") OR (")
            );
        }
        filter
    }
}

/// Some value is there on one side and missing on the other.
fn any_only_in<B, T>(table: &Table<B, T>, side: &str, other: &str) -> String {
    let only = |name| format!("{side}.{name} IS NOT NULL AND {other}.{name} IS NULL");
    table
        .named(Rule::Value)
        .map(only)
        .collect::<Vec<_>>()
        .join(" OR ")
}
