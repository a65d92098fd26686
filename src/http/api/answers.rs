//! Questions to the database, one at a time: readers of the page must not starve the writers. An answer serves
//! all who ask the same within a second, and one that took long serves for longer.

use super::error::ApiError;
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as Turn, Semaphore};
use tokio::time::Instant;

/// Answers of a moment ago, and the queue of those who wait. Cheap to clone.
#[derive(Clone)]
pub(super) struct Answers(Arc<Shared>);

struct Shared {
    known: Mutex<HashMap<String, (Instant, Answer)>>,
    turn: Turn<()>,
    waiting: Semaphore,
}

type Answer = Result<Body, ApiError>;

/// An answer as it is sent.
#[derive(Clone)]
pub struct Body(Bytes);

/// An answer is good for this long,
const FRESH: Duration = Duration::from_secs(1);
/// or for so many times as long as it took to get, so that one that is asked for again and again takes a hundredth of
/// a core at most,
const SHARE: u32 = 100;
/// but not for longer.
const OLDEST: Duration = Duration::from_secs(30);
/// Answers that are kept; each is of at most 200 rows.
const KEPT: usize = 64;
/// Questions that may wait for their turn.
const WAITING: usize = 64;

// === impl Answers ===

impl Default for Answers {
    fn default() -> Self {
        Self(Arc::new(Shared {
            known: Mutex::default(),
            turn: Turn::default(),
            waiting: Semaphore::new(WAITING),
        }))
    }
}

impl Answers {
    /// What is known about `question`, or what `ask` finds out. It is found out to the end even when no request
    /// waits for it any more: a statement that is abandoned goes on in the database all the same.
    pub(super) async fn to<T: Serialize + Send + 'static>(
        &self,
        question: &Uri,
        ask: impl Future<Output = Result<T, ApiError>> + Send + 'static,
    ) -> Answer {
        let question = question.to_string();
        if let Some(known) = self.known(&question) {
            return known;
        }
        let answers = self.clone();
        let asking = tokio::spawn(async move {
            let Ok(_waiting) = answers.0.waiting.try_acquire() else {
                let why = format!("{WAITING} questions wait already; ask again in a moment");
                return Err(ApiError::unavailable(why));
            };
            let _turn = answers.0.turn.lock().await;
            if let Some(known) = answers.known(&question) {
                return known;
            }
            let began = Instant::now();
            let answer = ask.await.and_then(|found| Body::of(&found));
            answers.learn(question, answer.clone(), began);
            answer
        });
        let ended = asking.await;
        ended.unwrap_or_else(|_| Err(ApiError::internal("the question came to no end")))
    }

    fn known(&self, question: &str) -> Option<Answer> {
        let known = self.lock();
        let (until, answer) = known.get(question)?;
        (*until > Instant::now()).then(|| answer.clone())
    }

    fn learn(&self, question: String, answer: Answer, began: Instant) {
        let now = Instant::now();
        let good_for = match &answer {
            Ok(_) => ((now - began) * SHARE).clamp(FRESH, OLDEST),
            Err(_) => FRESH,
        };
        let mut known = self.lock();
        known.retain(|_, (until, _)| *until > now);
        if known.len() < KEPT {
            known.insert(question, (now + good_for, answer));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Instant, Answer)>> {
        // Nothing panics while holding the lock.
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Body ===

impl Body {
    fn of(answer: &impl Serialize) -> Answer {
        let json = serde_json::to_vec(answer);
        json.map(|json| Self(json.into()))
            .map_err(|error| ApiError::internal(format!("the answer is no JSON: {error}")))
    }
}

impl IntoResponse for Body {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn one_question_at_a_time_and_one_answer_for_all_who_ask_the_same() {
        let answers = Answers::default();
        let (asked, at_once, most) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let counts = Arc::new((asked, at_once, most));
        let ask = |path: &str| {
            let (answers, path, counts) = (answers.clone(), uri(path), counts.clone());
            let question = async move {
                counts.0.fetch_add(1, SeqCst);
                counts.2.fetch_max(counts.1.fetch_add(1, SeqCst) + 1, SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
                counts.1.fetch_sub(1, SeqCst);
                Ok(1)
            };
            async move { answers.to(&path, question).await.is_ok() }
        };
        let all = futures_util::future::join_all((0..20).map(|n| ask(if n % 2 == 0 { "/a" } else { "/b" })));
        assert!(all.await.into_iter().all(|ok| ok));
        assert_eq!((counts.0.load(SeqCst), counts.2.load(SeqCst)), (2, 1));
        tokio::time::advance(FRESH).await;
        assert!(ask("/a").await);
        assert_eq!(counts.0.load(SeqCst), 3, "asked again when it is no longer fresh");
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_is_asked_to_its_end_when_none_waits_for_it() {
        let answers = Answers::default();
        let slow = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok("slow")
        };
        let left = tokio::time::timeout(Duration::from_secs(1), answers.to(&uri("/slow"), slow)).await;
        assert!(left.is_err());
        let again = async { Err::<(), _>(ApiError::internal("asked again")) };
        assert!(answers.to(&uri("/slow"), again).await.is_ok());
        tokio::time::advance(Duration::from_secs(29)).await;
        let again = async { Err::<(), _>(ApiError::internal("asked again")) };
        assert!(
            answers.to(&uri("/slow"), again).await.is_ok(),
            "what took long is kept longer"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_an_end_to_the_queue() {
        let answers = Answers::default();
        let ask = |n: usize| {
            let (answers, path) = (answers.clone(), uri(&format!("/{n}")));
            let slow = async {
                tokio::time::sleep(Duration::from_millis(1)).await;
                Ok(())
            };
            async move { answers.to(&path, slow).await }
        };
        let ended = futures_util::future::join_all((0..WAITING + 5).map(ask)).await;
        assert_eq!(ended.iter().filter(|answer| answer.is_err()).count(), 5);
    }
}
