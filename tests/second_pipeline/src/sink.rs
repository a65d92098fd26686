//! A sink and a table of its own.

use jiff::Timestamp;
use millrace_engine::{Fault, Load, Sink};
use millrace_postgres::{
    Client, Error, Get::*, Insert, Preparing, Table, Transactions, Write, clock, key, version,
};
use std::sync::Arc;

/// What a file says.
pub(crate) struct Note {
    pub(crate) name: String,
    pub(crate) body: String,
}

static NOTES: Table<Note, ()> = Table {
    name: "notes",
    touched: None,
    columns: &[
        key("name", Text(|note, ()| Some(&note.name))),
        version("body", Text(|note, ()| Some(&note.body))),
        clock("read_at", Time(|_, ()| Some(Timestamp::now()))),
    ],
};

/// The statement.
#[derive(Clone)]
pub(crate) struct Upsert(Arc<Insert<Note, ()>>);

pub(crate) struct Notes(pub(crate) Transactions<Upsert>);

// === impl Upsert ===

impl Default for Upsert {
    fn default() -> Self {
        Self(Arc::new(Insert::new(&NOTES)))
    }
}

impl Write for Upsert {
    type In = Note;
    type Written<'a> = ();

    fn id(note: &Note) -> &str {
        &note.name
    }

    fn bytes(note: &Note) -> usize {
        note.body.len()
    }

    fn probe(name: String) -> Note {
        let body = String::new();
        Note { name, body }
    }

    async fn fill<'a>(&'a self, client: &Client, notes: &[&'a Note]) -> Result<(), Error> {
        let rows = notes.iter().map(|note| (*note, &()));
        self.0.run(client, &Preparing::default(), rows).await.map(drop)
    }
}

// === impl Notes ===

impl Sink for Notes {
    type In = Note;

    fn load(note: &Note) -> Load {
        let bytes = note.body.len();
        Load { rows: 1, bytes }
    }

    async fn write(&mut self, notes: &[&Note]) -> Result<(), Fault> {
        self.0.write(notes).await
    }
}
