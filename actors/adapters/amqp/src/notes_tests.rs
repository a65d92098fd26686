use super::*;
use futures_util::FutureExt;
use prometheus_client::registry::Registry;
use std::collections::BTreeSet;
use tokio::sync::watch;

/// A table that can be out of reach, or slow. It holds the events with a note of ours.
#[derive(Clone, Debug, Default)]
struct Table(Arc<Rows>);

#[derive(Debug, Default)]
struct Rows {
    ours: Mutex<BTreeSet<String>>,
    state: watch::Sender<Reach>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Reach {
    #[default]
    There,
    Away,
    Slow,
}

// === impl Table ===

impl Table {
    fn set(&self, state: Reach) {
        self.0.state.send_replace(state);
    }

    fn ours(&self) -> Vec<String> {
        self.0.ours.lock().unwrap().iter().cloned().collect()
    }

    fn write<T: Send + 'static>(
        &self,
        note: impl FnOnce(&mut BTreeSet<String>) -> Result<T, Fault> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, Fault>> {
        let rows = self.0.clone();
        async move {
            let mut state = rows.state.subscribe();
            let _ = state.wait_for(|state| *state != Reach::Slow).await;
            let away = *rows.state.borrow() == Reach::Away;
            if away {
                return Err(Fault::outage("database", "away"));
            }
            note(&mut rows.ours.lock().unwrap())
        }
        .boxed()
    }
}

impl CrashNotes for Table {
    fn mark(&self, event_ids: Vec<String>) -> BoxFuture<'static, Result<Vec<Found>, Fault>> {
        self.write(move |ours| {
            if event_ids.contains(&"bad".to_owned()) {
                return Err(Fault::poison("row_refused", "bad"));
            }
            let found = vec![
                Found {
                    at_hand: true,
                    ..Found::default()
                };
                event_ids.len()
            ];
            ours.extend(event_ids);
            Ok(found)
        })
    }

    fn attempt(&self, event_id: String) -> BoxFuture<'static, Result<Option<Found>, Fault>> {
        self.write(|ours| {
            // Nothing is known of an event without a name, so it is not noted.
            ours.extend(Some(event_id).filter(|id| !id.is_empty()));
            Ok(Some(Found::default()))
        })
    }

    fn give_back(&self, event_ids: Vec<String>) -> BoxFuture<'static, Result<(), Fault>> {
        self.clear(event_ids)
    }

    fn clear(&self, event_ids: Vec<String>) -> BoxFuture<'static, Result<(), Fault>> {
        self.write(move |ours| {
            ours.retain(|event_id| !event_ids.contains(event_id));
            Ok(())
        })
    }

    fn stored(&self, event_ids: Vec<String>) -> BoxFuture<'static, Result<Vec<bool>, Fault>> {
        self.write(move |_| Ok(event_ids.iter().map(|id| id == "stored").collect()))
    }

    fn tidy(&self) -> BoxFuture<'static, Result<(), Fault>> {
        self.write(|_| Ok(()))
    }
}

fn notes(table: &Table) -> (Notes, AmqpStatus) {
    let metrics = AmqpMetrics::register(&mut Registry::default(), &[], std::iter::empty());
    let status = AmqpStatus::default();
    (
        Notes::new(Arc::new(table.clone()), metrics, status.clone()),
        status,
    )
}

fn statements(notes: &Notes, statement: Statement) -> u64 {
    let label = StatementLabel { statement };
    notes.0.metrics.quarantine_statements.get_or_create(&label).get()
}

fn ids(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_in_an_outage_is_written_later() {
    let table = Table::default();
    let (notes, _) = notes(&table);
    notes.mark(ids(&["a", "b"])).await.unwrap();
    table.set(Reach::Away);
    let given_back = notes.give_back(ids(&["a", "b"]));
    sleep(AGAIN * 10).await;
    assert_eq!(table.ours(), ["a", "b"], "it could not be");
    table.set(Reach::There);
    given_back.await.unwrap();
    assert!(table.ours().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_due_goes_before_the_next_note_and_never_after_it() {
    let table = Table::default();
    let (notes, _) = notes(&table);
    for _ in 0..5 {
        notes.attempt("e".to_owned()).await.unwrap();
        table.set(Reach::Away);
        notes.give_back(ids(&["e"]));
        sleep(AGAIN / 2).await;
        table.set(Reach::There);
    }
    notes.attempt("e".to_owned()).await.unwrap();
    sleep(AGAIN * 10).await;
    assert_eq!(table.ours(), ["e"], "the last one stands");
}

#[tokio::test(start_paused = true)]
async fn a_note_that_is_not_waited_for_holds_nothing_up_and_is_given_back() {
    let table = Table::default();
    let (notes, _) = notes(&table);
    table.set(Reach::Slow);
    let marked = notes.mark(ids(&["e"]));
    sleep(AGAIN).await;
    drop(marked);
    table.set(Reach::There);
    sleep(AGAIN * 10).await;
    assert_eq!(statements(&notes, Statement::Mark), 1);
    assert!(table.ours().is_empty());

    table.set(Reach::Away);
    drop(notes.mark(ids(&["e"])));
    sleep(AGAIN * 10).await;
    table.set(Reach::There);
    sleep(AGAIN * 10).await;
    assert!(table.ours().is_empty(), "it was given up");
}

#[tokio::test(start_paused = true)]
async fn what_is_settled_is_cleared_by_one_statement_for_many() {
    let table = Table::default();
    let (notes, _) = notes(&table);
    let many: Vec<_> = (0..500).map(|n| n.to_string()).collect();
    notes.mark(many.clone()).await.unwrap();
    for event_id in many {
        notes.clear(event_id);
    }
    sleep(AGAIN).await;
    assert!(table.ours().is_empty());
    assert_eq!(statements(&notes, Statement::Clear), 1);
}

#[tokio::test(start_paused = true)]
async fn one_bad_id_does_not_hold_its_group() {
    let table = Table::default();
    let (notes, status) = notes(&table);
    let found = notes.mark(ids(&["a", "bad", "b"])).await.unwrap();
    let at_hand: Vec<_> = found.iter().map(|found| found.at_hand).collect();
    assert_eq!(at_hand, [true, false, true]);
    assert_eq!(status.notes(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn notes_that_cannot_be_written_show_in_the_status_until_they_can() {
    let table = Table::default();
    let (notes, status) = notes(&table);
    table.set(Reach::Away);
    let marked = notes.mark(ids(&["e"]));
    sleep(AGAIN * 3).await;
    let why = status.notes().unwrap_err();
    assert!(why.contains("suspects") && why.contains("away"), "{why}");
    assert!(notes.0.metrics.quarantine_errors.get() > 1);
    table.set(Reach::There);
    marked.await.unwrap();
    sleep(AGAIN * 3).await;
    assert_eq!(status.notes(), Ok(()));
}
