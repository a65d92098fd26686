//! The heap of this process, counted by its allocator.

use peak_alloc::PeakAlloc;
use tokio::sync::{Mutex, MutexGuard};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// The test that holds it is the only one that allocates.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// Bytes in use now.
pub(crate) fn used() -> usize {
    HEAP.current_usage()
}

/// The most bytes that were in use at once while `work` was done, beyond `base`: what an earlier work left
/// behind counts too.
pub(crate) async fn peak_of<O>(base: usize, work: impl Future<Output = O>) -> (usize, O) {
    HEAP.reset_peak_usage();
    let outcome = work.await;
    (HEAP.peak_usage().saturating_sub(base), outcome)
}
