//! The statements of a transaction, and the order in which they are sent.

use super::{
    draft::{Draft, hour},
    query::Query,
    settings::Rules,
    tables::{
        ids, journal,
        positions::{self, Found, Holder},
        probe, queues, rejected, states, stats,
    },
};
use crate::domain::Event;
use futures_util::{future::try_join4, try_join};
use jiff::{SignedDuration, Timestamp};
use millrace_engine::failpoints::{Point, reached};
use millrace_postgres::{Client, Error, LEAVE_A_TRACE, Preparing, Row, Write};
use std::{
    collections::{BTreeSet, HashSet},
    marker::PhantomData,
    sync::Arc,
};

/// A transaction has begun; the subject is the chunk: topic, partition, first and last offset.
pub const WRITE_BEGIN: Point = Point("products.write.begin");
/// All of its statements have run.
pub const WRITE_END: Point = Point("products.write.end");
/// It is committed, and nothing was told yet.
pub const WRITE_COMMITTED: Point = Point("products.write.committed");

/// What is stored of chunks. Cheap to clone.
#[derive(Clone)]
pub(super) struct Statements<'c> {
    shared: Arc<Shared>,
    drafts: PhantomData<&'c ()>,
}

struct Shared {
    preparing: Preparing,
    holder: Holder,
    rules: Rules,
}

/// What a transaction did.
pub(super) enum Written<'a> {
    /// The draft is stored.
    Stored(Stored<'a>),
    /// The position was another, so nothing was stored.
    Fenced(Found),
    /// The draft could be stored, and nothing of it was.
    Tried,
}

/// What of a draft was stored.
pub(super) struct Stored<'a> {
    /// Events that are new.
    pub(super) new: Vec<&'a Event>,
    /// For each of them, whether its hour was flushed before it came.
    pub(super) is_late: Vec<bool>,
    /// Events whose id was there before.
    pub(super) again: Vec<&'a Event>,
    /// Offsets of rejected records that are new.
    pub(super) rejected: HashSet<i64>,
}

/// Those that nearly every transaction runs.
static USUAL: [&Query; 6] = [
    &positions::SWAP,
    &ids::ENTER,
    &states::LOCK,
    &journal::ADD,
    &stats::COUNT,
    &queues::ARCHIVE,
];

// === impl Statements ===

impl Statements<'static> {
    /// For the positions of this group.
    pub(super) fn new(holder: Holder, rules: Rules) -> Self {
        Self {
            shared: Arc::new(Shared {
                preparing: Preparing::default(),
                holder,
                rules,
            }),
            drafts: PhantomData,
        }
    }

    /// The same for drafts that live as long as a chunk.
    pub(super) fn of_chunk<'c>(&self) -> Statements<'c> {
        Statements {
            shared: self.shared.clone(),
            drafts: PhantomData,
        }
    }
}

impl<'c> Write for Statements<'c> {
    type In = Draft<'c>;
    type Written<'a>
        = Written<'a>
    where
        Self: 'a;

    fn id<'d>(draft: &'d Draft<'c>) -> &'d str {
        &draft.id
    }

    fn was_tried(draft: &Draft<'c>) -> bool {
        draft.is_careful
    }

    fn bytes(draft: &Draft<'c>) -> usize {
        draft.bytes
    }

    fn probe(name: String) -> Draft<'c> {
        probe::draft(name)
    }

    /// One draft at a time: the position of each stands for itself.
    async fn fill<'a>(&'a self, client: &Client, drafts: &[&'a Draft<'c>]) -> Result<Written<'a>, Error> {
        let mut written = Written::Tried;
        for draft in drafts {
            reached(WRITE_BEGIN, &draft.id);
            written = self.shared.fill(client, draft).await?;
            reached(WRITE_END, &draft.id);
        }
        Ok(written)
    }

    fn committed(drafts: &[&Draft<'c>]) {
        for draft in drafts {
            reached(WRITE_COMMITTED, &draft.id);
        }
    }

    fn failed(&self, error: &Error) {
        self.shared.preparing.learn(error);
    }
}

// === impl Shared ===

impl Shared {
    async fn fill<'a>(&self, client: &Client, draft: &'a Draft<'_>) -> Result<Written<'a>, Error> {
        let preparing = &self.preparing;
        for query in USUAL {
            query.prepare(client, preparing).await?;
        }
        // They are polled in their order, and what is polled first is sent first, so all of these cost one round trip.
        // Where the position is another the rest was for nothing, which is rare.
        let (is_moved, fresh, locked, rejected) = try_join4(
            positions::swap(client, preparing, &self.holder, draft),
            ids::enter(client, preparing, draft),
            states::lock(client, preparing, draft),
            rejected::add(client, preparing, draft),
        )
        .await?;
        if !is_moved {
            return self.fenced(client, draft).await;
        }
        let stored = self.sorted(draft, &fresh, rejected);
        self.follow(client, draft, &stored, locked).await?;
        if draft.is_trial {
            client.batch_execute("ROLLBACK").await?;
            return Ok(Written::Tried);
        }
        Ok(Written::Stored(stored))
    }

    /// Ends the transaction and looks for who has the partition. Where that is us, a commit without an answer took
    /// effect; it is told to standbys once more, as that answer would have waited for them.
    async fn fenced<'a>(&self, client: &Client, draft: &Draft<'_>) -> Result<Written<'a>, Error> {
        client.batch_execute("ROLLBACK").await?;
        let found = positions::read(client, &self.preparing, &self.holder, draft).await?;
        if found.is_ours {
            client.batch_execute(LEAVE_A_TRACE).await?;
        }
        Ok(Written::Fenced(found))
    }

    /// The first record with an id is its event.
    fn sorted<'a>(
        &self,
        draft: &'a Draft<'_>,
        fresh: &HashSet<String>,
        rejected: HashSet<i64>,
    ) -> Stored<'a> {
        let mut entered = BTreeSet::new();
        let (mut new, mut again): (Vec<&'a Event>, Vec<&'a Event>) = Default::default();
        for event in draft.events.iter().copied() {
            match fresh.contains(&event.id) && entered.insert(event.id.as_str()) {
                true => new.push(event),
                false => again.push(event),
            }
        }
        let now = Timestamp::now();
        let is_late = new.iter().map(|event| self.is_late(event, now)).collect();
        Stored {
            new,
            is_late,
            again,
            rejected,
        }
    }

    /// Whether the hour of an event is flushed already: that is done by the clock.
    fn is_late(&self, event: &Event, now: Timestamp) -> bool {
        let flushed = hour(event.at)
            .checked_add(SignedDuration::from_hours(1))
            .and_then(|end| end.checked_add(self.rules.archive_grace));
        flushed.is_ok_and(|flushed| now >= flushed)
    }

    /// Everything that follows from what is new.
    async fn follow(
        &self,
        client: &Client,
        draft: &Draft<'_>,
        stored: &Stored<'_>,
        locked: Vec<Row>,
    ) -> Result<(), Error> {
        let (preparing, rules) = (&self.preparing, &self.rules);
        let (new, again) = (&stored.new[..], &stored.again[..]);
        let copies = async {
            match rules.copies_rejected {
                true => rejected::copy(client, preparing, draft, &stored.rejected).await,
                false => Ok(()),
            }
        };
        let projection = async {
            match rules.projects {
                true => queues::project(client, preparing, draft, new).await,
                false => Ok(()),
            }
        };
        try_join!(
            ids::count_again(client, preparing, again),
            journal::add(client, preparing, draft, new, rules.keep_events),
            stats::count(client, preparing, draft, (new, again), &stored.rejected),
            queues::archive(client, preparing, draft, new, &stored.is_late),
            projection,
            copies,
            states::take_in(client, preparing, new, locked),
        )
        .map(drop)
    }
}
