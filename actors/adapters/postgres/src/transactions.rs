//! Several messages, one transaction: tried again where it collides, and where it fails the database is asked before it
//! is blamed.

use super::{
    BYTES_A_STATEMENT, TimeLimits,
    database::{Database, Lease},
    failure::Failure,
    recent_writes::{Cause, RecentWrites},
};
use deadpool_postgres::ClientWrapper;
use millrace_engine::{Backoff, Fault, jitter};
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_postgres::SimpleQueryMessage;

/// What a pipeline writes of its messages, in one transaction of several.
pub trait Write: Send + Sync {
    /// A message.
    type In: Send + Sync;
    /// What a transaction did.
    type Written<'a>
    where
        Self: 'a;

    /// The key of a message, by which it is told from others.
    fn id(message: &Self::In) -> &str;

    /// It has been tried before, so that a lock is waited for more shortly.
    fn was_tried(_: &Self::In) -> bool {
        false
    }

    /// How heavy a message is: bytes of the values of its rows.
    fn bytes(message: &Self::In) -> usize;

    /// A message that was never sent, with a row for each table under keys that no other has: its rows are written and
    /// taken back, to find out whether the database takes writes.
    fn probe(name: String) -> Self::In;

    /// Everything between `BEGIN` and `COMMIT`.
    fn fill<'a>(
        &'a self,
        client: &ClientWrapper,
        messages: &[&'a Self::In],
    ) -> impl Future<Output = Result<Self::Written<'a>, tokio_postgres::Error>>;

    /// Looks at an error of a transaction, to learn from it for the next.
    fn failed(&self, _: &tokio_postgres::Error) {}

    /// The transaction is committed, and nothing was told yet.
    fn committed(_: &[&Self::In]) {}
}

/// Writes messages into a database.
#[derive(Clone, Debug)]
pub struct Transactions<W> {
    database: Database,
    write: W,
    /// What all writers of the process have seen.
    recent: RecentWrites,
}

/// The transaction of an event that was stored before writes nothing, so its commit would wait for no standby,
/// though the event's first commit may not have reached one. With this it has something to wait for.
pub const LEAVE_A_TRACE: &str = "SELECT pg_logical_emit_message(true, 'millrace', ''::text)";

/// Tries for a transaction that collided with another before it is asked who is to blame.
const COLLISIONS: u32 = 4;

/// What a commit says that does not come to an end.
const UNCONFIRMED: &str = "a commit is not confirmed: with synchronous replication, see whether the standbys are \
     there (pg_stat_replication, synchronous_standby_names)";

// === impl Transactions ===

impl<W> Transactions<W> {
    /// Another write into the same database, which shares what is learnt of it.
    pub fn with<V>(&self, write: V) -> Transactions<V> {
        Transactions {
            database: self.database.clone(),
            write,
            recent: self.recent.clone(),
        }
    }
}

impl<W: Write> Transactions<W> {
    /// Writes what `write` says into `database`. Clones share what they learn.
    pub fn new(database: Database, write: W) -> Self {
        Self {
            database,
            write,
            recent: RecentWrites::default(),
        }
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Writes messages in one transaction.
    ///
    /// # Errors
    /// Poison where a row is refused; an outage where the database takes no writes; else what is wrong with these
    /// messages alone, for now.
    pub async fn write<'a>(&'a self, messages: &[&'a W::In]) -> Result<W::Written<'a>, Fault> {
        let mut collisions = 0;
        let outcome = loop {
            match self.once(messages).await {
                Ok(outcome) => break outcome,
                Err(Failure::Fault(fault)) => return Err(fault),
                Err(Failure::Collision(detail)) if collisions + 1 < COLLISIONS => {
                    collisions += 1;
                    tracing::debug!(collisions, detail, "transaction collided, trying again");
                    sleep(pause_after(collisions)).await;
                }
                Err(Failure::Collision(detail)) => {
                    let detail = format!("gave up after {COLLISIONS} tries: {detail}");
                    return Err(self.ask(messages, "write_collides", detail).await);
                }
                Err(Failure::Unclear { cause, detail }) => {
                    return Err(self.ask(messages, cause, detail).await);
                }
            }
        };
        self.recent.stored(messages.len());
        Ok(outcome)
    }

    async fn once<'a>(&'a self, messages: &[&'a W::In]) -> Result<W::Written<'a>, Failure> {
        let lease = self.database.lease().await?;
        // The server bounds each statement, and this bounds a server that is not there any more.
        let whole = self.database.limits();
        let longest = whole.statement * 2 + whole.connect;
        let writing = async {
            let limits = TimeLimits::of(
                whole.statement,
                messages.iter().any(|message| W::was_tried(message)),
            );
            lease.batch_execute(&limits.begin()).await?;
            let outcome = self.write.fill(&lease, messages).await?;
            lease.batch_execute("COMMIT").await?;
            Ok(outcome)
        };
        let Ok(written) = timeout(longest, writing).await else {
            self.database.cancel(lease).await;
            let detail = format!("a transaction took longer than {longest:?}");
            return Err(Failure::slow(detail));
        };
        match written {
            Ok(outcome) => {
                W::committed(messages);
                // The buffers of a connection grow to the largest statement and never shrink; no budget counts them.
                let heaviest = messages.iter().map(|message| W::bytes(message)).max();
                if heaviest.unwrap_or_default() <= BYTES_A_STATEMENT {
                    lease.give_back();
                }
                Ok(outcome)
            }
            Err(error) => {
                self.write.failed(&error);
                Err(self.abandon(lease, error.into()).await)
            }
        }
    }

    /// Ends a failed transaction. Whether a COMMIT without an answer took effect need not be known:
    /// the message comes again, and the ledger knows.
    async fn abandon(&self, lease: Lease, failure: Failure) -> Failure {
        if failure.leaves_connection_usable() {
            let over = timeout(self.database.limits().connect, roll_back(&lease));
            if over.await.is_ok_and(|answered| answered) {
                lease.give_back();
            }
        }
        match failure {
            Failure::Fault(Fault::Outage { detail, .. }) => Failure::Fault(self.database.outage(detail)),
            failure => failure,
        }
    }

    /// Asks the database before it is blamed: where it takes another write, it is this one.
    async fn ask(&self, messages: &[&W::In], cause: &'static str, detail: String) -> Fault {
        if let Err(why) = self.takes_writes().await {
            return self
                .database
                .outage(format!("{detail}; asked for another write, it says: {why}"));
        }
        // Of several it may be any one: each is tried alone.
        let [message] = messages else {
            return Fault::transient(cause, detail);
        };
        match self.recent.failed(W::id(message)) {
            Cause::Event => Fault::transient(cause, detail),
            Cause::Database => {
                let detail = format!("{detail}; it is the same with every other event of late");
                self.database.outage(detail)
            }
            Cause::StillDatabase => Fault::deferred(cause, detail),
        }
    }

    /// Whether the database takes writes; if not, what it says. The question is a write like those of messages, of
    /// which nothing stays. It waits for no row of another; what it does wait for (a locked table, a full disk, a
    /// standby that does not confirm) every message waits for.
    async fn takes_writes(&self) -> Result<(), String> {
        match self.ask_database().await {
            // Refused for what it says, as a constraint may do: then it was looked at.
            Ok(()) | Err(Failure::Fault(Fault::Poison { .. })) => Ok(()),
            Err(Failure::Fault(fault)) => Err(fault.to_string()),
            Err(Failure::Collision(detail) | Failure::Unclear { detail, .. }) => Err(detail),
        }
    }

    async fn ask_database(&self) -> Result<(), Failure> {
        let whole = self.database.limits();
        // Shorter than a write's own, for an answer that comes late says little.
        let limits = TimeLimits {
            statement: whole.statement / 2,
            lock: whole.statement / 4,
        };
        let bound = whole.statement + whole.connect;
        let lease = self.database.lease().await?;
        match timeout(bound, self.write_and_take_back(&lease, limits)).await {
            Ok(taken) => taken?,
            Err(_) => return Err(Failure::slow(format!("no answer within {bound:?}"))),
        }
        let commit = format!("{}; {LEAVE_A_TRACE}; COMMIT", limits.begin());
        match timeout(bound, lease.batch_execute(&commit)).await {
            Ok(committed) => committed?,
            Err(_) => {
                self.database.cancel(lease).await;
                return Err(Failure::slow(UNCONFIRMED));
            }
        }
        lease.give_back();
        Ok(())
    }

    async fn write_and_take_back(
        &self,
        client: &ClientWrapper,
        limits: TimeLimits,
    ) -> Result<(), tokio_postgres::Error> {
        let message = W::probe(format!(".millrace-probe-{:032x}", rand::random::<u128>()));
        client.batch_execute(&limits.begin()).await?;
        let filled = self.write.fill(client, &[&message]).await.map(drop);
        filled.inspect_err(|error| self.write.failed(error))?;
        client.batch_execute("ROLLBACK").await
    }
}

/// Ends a failed transaction; says whether the connection may be used again. Where a copy did not even begin, the driver
/// takes one answer too many, and from then on each for that of the statement before. So this asks for an answer that no
/// other statement has.
async fn roll_back(client: &ClientWrapper) -> bool {
    let expected = rand::random::<u64>().to_string();
    let answers = client
        .simple_query(&format!("ROLLBACK; SELECT '{expected}'"))
        .await;
    answers.is_ok_and(|answers| {
        answers.iter().any(
            |answer| matches!(answer, SimpleQueryMessage::Row(row) if row.get(0) == Some(expected.as_str())),
        )
    })
}

/// Some tens of milliseconds, doubling, of which half is chance: who collided once should not
/// come back together.
fn pause_after(collisions: u32) -> Duration {
    let backoff = Backoff::doubling(Duration::from_millis(20), Duration::from_millis(1_280));
    backoff.after(collisions.saturating_add(1)).mul_f64(jitter(0.5))
}
