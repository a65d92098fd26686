//! One running product, and what starts it again.

use std::sync::{Mutex as StdMutex, PoisonError};
use std::time::Duration;

use millrace_stack::Service;
use tokio::sync::Mutex;

/// Between two looks whether it still runs.
const LOOK: Duration = Duration::from_millis(300);
/// Kubernetes would wait longer.
const BACKOFF: Duration = Duration::from_secs(1);

/// A service that is started again when it ends by itself, as Kubernetes would.
pub(crate) struct Replica {
    pub(crate) service: Service,
    /// Held by the task that kills, stops or pauses it on purpose.
    pub(crate) hands: Mutex<()>,
    /// Exit codes of the times it ended by itself.
    gave_up: StdMutex<Vec<Option<i32>>>,
}

// === impl Replica ===

impl Replica {
    pub(crate) fn new(service: Service) -> Self {
        Self {
            service,
            hands: Mutex::default(),
            gave_up: StdMutex::default(),
        }
    }

    /// Keeps it running, for ever.
    pub(crate) async fn keep(&self) -> anyhow::Result<()> {
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            let _hands = self.hands.lock().await;
            // It fails when the process did not end in that time, as it should be.
            if let Ok(code) = self.service.wait_exit(Duration::ZERO).await {
                self.ended(code);
                tokio::time::sleep(BACKOFF).await;
                self.service.start_again()?;
            }
        }
    }

    fn ended(&self, code: Option<i32>) {
        let mut gave_up = self.gave_up.lock().unwrap_or_else(PoisonError::into_inner);
        gave_up.push(code);
    }

    /// Exit codes of the times it ended by itself; `None` for a signal.
    pub(crate) fn gave_up(&self) -> Vec<Option<i32>> {
        self.gave_up
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
