//! The live line while the events flow.

use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use millrace_stack::{Service, Tenant};

use crate::account::Account;
use crate::corpus::Load;

const TICK: Duration = Duration::from_millis(150);
/// With nothing new for so long, nothing will come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Watches until every message is accounted for, or until nothing moves any more: the account says which.
pub(crate) async fn watch(
    tenant: &Tenant<'_>,
    service: &Service,
    plan: &Load,
    started: Instant,
) -> anyhow::Result<Account> {
    let database = tenant.connect_postgres().await?;
    let bar = progress_bar(plan.messages());
    let mut account = Account {
        messages: plan.messages(),
        ..Account::default()
    };
    let mut rate = Rate::default();
    let mut moved = Instant::now();
    let mut ticks = tokio::time::interval(TICK);
    while !account.is_complete() && moved.elapsed() < PATIENCE {
        ticks.tick().await;
        let before = account.done();
        account
            .update(tenant, service, &database)
            .await
            .with_context(|| last_words(service))?;
        if account.done() != before {
            moved = Instant::now();
        }
        if account.posts > 0 && account.first_row_after.is_none() {
            account.first_row_after = Some(started.elapsed());
            bar.println(format!(
                "First rows after {:.1} s",
                started.elapsed().as_secs_f64()
            ));
        }
        bar.set_position(account.done());
        bar.set_message(message(&account, rate.of(account.items)));
    }
    bar.finish_and_clear();
    Ok(account)
}

fn progress_bar(messages: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} events · {msg}");
    let bar = ProgressBar::new(messages);
    // A template of ours that does not parse costs the looks, not the demo.
    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}

fn message(account: &Account, items_per_second: u64) -> String {
    let (items, posts) = (HumanCount(account.items), HumanCount(account.posts));
    format!(
        "{} items/s · {items} items · {posts} posts · {} dead letters",
        HumanCount(items_per_second),
        account.dead_letters
    )
}

/// Why the service does not answer is in its log.
fn last_words(service: &Service) -> String {
    let lines = service.lines();
    let tail = lines[lines.len().saturating_sub(10)..].join("\n");
    format!("the service cannot be watched any more; the end of its log:\n{tail}")
}

/// Items per second since the first item.
#[derive(Default)]
struct Rate {
    first: Option<Instant>,
}

// === impl Rate ===

impl Rate {
    fn of(&mut self, items: u64) -> u64 {
        if items == 0 {
            return 0;
        }
        let elapsed = self.first.get_or_insert_with(Instant::now).elapsed();
        let milliseconds = u64::try_from(elapsed.max(TICK).as_millis()).unwrap_or(u64::MAX);
        items.saturating_mul(1_000) / milliseconds
    }
}
