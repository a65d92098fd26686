//! How a table of due rows is described: once. The statements that claim, prolong and settle are derived from it.

use super::due_key::DueKey;
use millrace_engine::{Backoff, Claim};
use tokio_postgres::{Error, Row};
use tracing::Span;

/// A table of things to do. `K` is its key, `T` what a stage is given of a row.
///
/// It needs the rights to select and to update, and what its [`Fate`]s need; it owns nothing.
pub struct DueTable<K: 'static, T: 'static> {
    /// Name in the database.
    pub name: &'static str,
    /// The columns of the key: `bigint`, `text` or `uuid`.
    pub key: &'static [&'static str],
    /// From when on a row is to be done, `timestamptz`. Null: never.
    pub due_at: &'static str,
    /// Until when it is claimed, `timestamptz`. Null: it is not.
    pub leased_until: &'static str,
    /// Grows with each claim, `bigint`, never null.
    pub epoch: &'static str,
    /// Who has claimed it, `text`, for people; where the table has such a column.
    pub owner: Option<&'static str>,
    /// How often it failed for a reason of its own, `integer` or `bigint`, never null.
    pub attempts: &'static str,
    /// Which rows are still to be done, where others stay in the table: a condition on its columns.
    pub open: Option<&'static str>,
    /// Columns that `read` finds, from 0 on.
    pub reads: &'static [&'static str],
    /// Makes of a row what a stage is given. The claim is for what it writes itself: only where the epoch is still this.
    pub read: fn(&Claim<K>, &Row) -> Result<T, Error>,
    /// Names a row for people.
    pub subject: fn(&K) -> String,
    /// The span that every log line about it belongs to.
    pub span: fn(&Claim<K>, &T) -> Span,
    /// What becomes of a row that is done.
    pub done: Fate,
    /// What becomes of one that can never succeed.
    pub put_aside: Fate,
    /// Failures of its own after which it is put aside. `None`: it is tried for ever.
    pub attempts_allowed: Option<i64>,
    /// How long it waits after a failure.
    pub backoff: Backoff,
}

/// What becomes of a row whose outcome is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is deleted.
    Delete,
    /// It stays, with these assignments, so that it is no longer due: `state = 'failed', why = settled.detail`. Of a
    /// row that is put aside there are `settled.reason` and `settled.detail`.
    Set(&'static str),
    /// It is deleted, and added to another table, which has the columns of the key. A row of the same key there is
    /// replaced.
    MoveTo {
        /// The other table.
        table: &'static str,
        /// Its other columns, and what goes there: an expression over the row `t`, `settled.reason` and
        /// `settled.detail`.
        columns: &'static [(&'static str, &'static str)],
    },
}

/// The statements of a table. Beside those of `claim`, parameters are arrays: epochs, the columns of the key, what is
/// told of each row.
#[derive(Debug)]
pub(crate) struct Statements {
    /// Takes the most rows, milliseconds of lease, and where there is a column for it, who claims.
    pub(crate) claim: String,
    /// Takes milliseconds of lease before the arrays.
    pub(crate) prolong: String,
    /// Nothing is told.
    pub(crate) done: Settling,
    /// Reason and detail are told.
    pub(crate) put_aside: Settling,
    /// The same of rows that failed once more, and as often as is allowed with that. None: they are tried for ever.
    pub(crate) give_up: Option<Settling>,
    /// Whether the row is charged (0, 1), and its share of the delay (0 … 1) are told.
    pub(crate) again: Settling,
}

/// A statement that settles, in two forms. It returns the numbers, from 1, of the rows that it found to be still ours.
#[derive(Debug)]
pub(crate) struct Settling {
    /// Passes over what is locked.
    pub(crate) at_once: String,
    /// Waits for it.
    pub(crate) waiting: String,
}

/// What to do about a row that another session has locked.
#[derive(Clone, Copy)]
enum Locked {
    PassOver,
    WaitFor,
}

/// So often failed that the delay is the longest, whatever it grows by.
const MANY_ATTEMPTS: i32 = 64;
/// What is told of a row that is put aside.
const WHY: [&str; 2] = ["reason", "detail"];

// === impl DueTable ===

impl<K: DueKey, T> DueTable<K, T> {
    pub(crate) fn statements(&self) -> Statements {
        assert_eq!(self.key.len(), K::COLUMNS, "the key of {}", self.name);
        Statements {
            claim: self.claim(),
            prolong: self.prolong(),
            done: Settling::of(|locked| self.settle(locked, &[], self.done, "true")),
            put_aside: Settling::of(|locked| self.settle(locked, &WHY, self.put_aside, "true")),
            give_up: self.attempts_allowed.map(|allowed| {
                let is_last = self.is_last_of(allowed);
                Settling::of(|locked| self.settle(locked, &WHY, self.put_aside, &is_last))
            }),
            again: Settling::of(|locked| self.again(locked)),
        }
    }

    /// One statement, so that no transaction can stay open. The rows are looked for in a query of their own, because
    /// an update cannot skip what is locked.
    fn claim(&self) -> String {
        let Self {
            name,
            due_at,
            leased_until,
            epoch,
            attempts,
            ..
        } = self;
        let key = self.key.join(", ");
        let returned = self.reads.iter().chain(self.key).chain([epoch, attempts]);
        let returned: Vec<_> = returned.map(|column| format!("t.{column}")).collect();
        let owner = self.owner.map(|column| format!(", {column} = $3"));
        format!(
            "WITH due AS MATERIALIZED (SELECT {key} FROM {name} WHERE {open} AND {due_at} <= now() \
                 AND ({leased_until} IS NULL OR {leased_until} <= now()) \
                 ORDER BY {due_at}, {key} LIMIT $1 FOR UPDATE SKIP LOCKED) \
             UPDATE {name} AS t SET {epoch} = t.{epoch} + 1, {leased_until} = now() + $2 * interval '1 millisecond'{owner} \
             FROM due WHERE {same} RETURNING {returned}::bigint",
            open = self.open.unwrap_or("true"),
            same = self.same("due"),
            owner = owner.unwrap_or_default(),
            returned = returned.join(", "),
        )
    }

    fn prolong(&self) -> String {
        let Self {
            name, leased_until, ..
        } = self;
        format!(
            "WITH {held} UPDATE {name} AS t SET {leased_until} = now() + $1 * interval '1 millisecond' \
             FROM held WHERE {same}",
            held = self.still_ours("held", 2, &[], Locked::PassOver),
            same = self.same("held"),
        )
    }

    fn settle(&self, locked: Locked, told: &[&str], fate: Fate, which: &str) -> String {
        let Self {
            name, leased_until, ..
        } = self;
        let settled = self.still_ours("settled", 1, told, locked);
        let same = format!("{} AND {which}", self.same("settled"));
        match fate {
            Fate::Delete => format!(
                "WITH {settled}, gone AS (DELETE FROM {name} AS t USING settled WHERE {same}) \
                 SELECT number FROM settled"
            ),
            Fate::Set(assignments) => format!(
                "WITH {settled}, changed AS (UPDATE {name} AS t SET {leased_until} = NULL, {assignments} \
                     FROM settled WHERE {same}) \
                 SELECT number FROM settled"
            ),
            Fate::MoveTo { table, columns } => {
                let of_row = self.key.iter().map(|column| format!("t.{column}"));
                let moved: Vec<_> = of_row
                    .chain(columns.iter().map(|(_, from)| (*from).to_owned()))
                    .collect();
                let names: Vec<_> = self
                    .key
                    .iter()
                    .chain(columns.iter().map(|(name, _)| name))
                    .copied()
                    .collect();
                let replaced = columns
                    .iter()
                    .map(|(name, _)| format!("{name} = EXCLUDED.{name}"));
                format!(
                    "WITH {settled}, gone ({names}) AS (DELETE FROM {name} AS t USING settled WHERE {same} \
                         RETURNING {moved}), \
                     moved AS (INSERT INTO {table} ({names}) SELECT * FROM gone \
                         ON CONFLICT ({key}) DO UPDATE SET {replaced}) \
                     SELECT number FROM settled",
                    names = names.join(", "),
                    moved = moved.join(", "),
                    key = self.key.join(", "),
                    replaced = replaced.collect::<Vec<_>>().join(", "),
                )
            }
        }
    }

    /// Later, the more often it failed. The database counts: it alone knows how often that was.
    fn again(&self, locked: Locked) -> String {
        let Self {
            name,
            attempts,
            due_at,
            leased_until,
            ..
        } = self;
        let Backoff {
            first,
            longest,
            factor,
        } = self.backoff;
        let (first, longest) = (first.as_millis(), longest.as_millis());
        let spared = match self.attempts_allowed {
            Some(allowed) => format!("(failed.charged = 0 OR NOT {})", self.is_last_of(allowed)),
            None => "true".to_owned(),
        };
        format!(
            "WITH {failed}, changed AS (UPDATE {name} AS t SET {leased_until} = NULL, \
                     {attempts} = t.{attempts} + failed.charged, \
                     {due_at} = now() + failed.share * interval '1 millisecond' \
                         * least({longest}, {first} * power({factor:?}::float8, least(t.{attempts}, {MANY_ATTEMPTS}))) \
                 FROM failed WHERE {same} AND {spared}) \
             SELECT number FROM failed",
            failed = self.still_ours("failed", 1, &["charged", "share"], locked),
            same = self.same("failed"),
        )
    }

    /// Whether a row that fails now has failed as often as is allowed.
    fn is_last_of(&self, allowed: i64) -> String {
        format!("t.{} + 1 >= {allowed}", self.attempts)
    }

    /// A query of the rows whose epoch is still that of the claim, with the number of each; the arrays begin at
    /// parameter `first`. By key, so that none waits for another in a circle.
    fn still_ours(&self, called: &str, first: usize, told: &[&str], locked: Locked) -> String {
        let Self { name, epoch, .. } = self;
        let columns = 1 + self.key.len() + told.len();
        let arrays: Vec<_> = (first..first + columns).map(|n| format!("${n}")).collect();
        let given = ["epoch_of_claim"].iter().chain(self.key).chain(told);
        let given: Vec<_> = given.chain(&["number"]).copied().collect();
        let key: Vec<_> = self.key.iter().map(|column| format!("t.{column}")).collect();
        let told = told
            .iter()
            .chain(&["number"])
            .map(|column| format!("given.{column}"));
        let selected: Vec<_> = key.iter().cloned().chain(told).collect();
        format!(
            "{called} AS MATERIALIZED (SELECT {selected} FROM {name} AS t \
                 JOIN unnest({arrays}) WITH ORDINALITY AS given ({given}) ON {same} AND t.{epoch} = given.epoch_of_claim \
                 ORDER BY {key} FOR UPDATE OF t{skip})",
            selected = selected.join(", "),
            arrays = arrays.join(", "),
            given = given.join(", "),
            same = self.same("given"),
            key = key.join(", "),
            skip = match locked {
                Locked::PassOver => " SKIP LOCKED",
                Locked::WaitFor => "",
            },
        )
    }

    /// The row `t` has the key of a row of `other`.
    fn same(&self, other: &str) -> String {
        let parts = self
            .key
            .iter()
            .map(|column| format!("t.{column} = {other}.{column}"));
        parts.collect::<Vec<_>>().join(" AND ")
    }
}

// === impl Settling ===

impl Settling {
    fn of(statement: impl Fn(Locked) -> String) -> Self {
        Self {
            at_once: statement(Locked::PassOver),
            waiting: statement(Locked::WaitFor),
        }
    }
}
