//! Values that may change while the program runs: secrets in files that are rotated.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tracing::{info, warn};

/// A value that is read again whenever a connection is made. Clones share what was read last.
pub struct Renewable<T> {
    last: Arc<Mutex<Last<T>>>,
    origin: Option<Origin<T>>,
}

struct Last<T> {
    value: Arc<T>,
    /// Why it could not be read the last time. Said when it is news: a store's keys are read with each request.
    trouble: Option<String>,
}

/// Where a value comes from.
struct Origin<T> {
    /// For the log.
    what: &'static str,
    read: Arc<dyn Fn() -> Result<T, String> + Send + Sync>,
}

// === impl Renewable ===

impl<T> Renewable<T> {
    /// A value that never changes.
    pub fn fixed(value: T) -> Self {
        Self {
            last: Arc::new(Mutex::new(Last {
                value: Arc::new(value),
                trouble: None,
            })),
            origin: None,
        }
    }

    /// A value that `read` gives anew. Files are small and on local disks, so it may block.
    pub fn new(
        what: &'static str,
        value: T,
        read: impl Fn() -> Result<T, String> + Send + Sync + 'static,
    ) -> Self {
        let read = Arc::new(read);
        Self {
            origin: Some(Origin { what, read }),
            ..Self::fixed(value)
        }
    }

    /// What was read last.
    pub fn last(&self) -> Arc<T> {
        self.known().value.clone()
    }

    fn known(&self) -> MutexGuard<'_, Last<T>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads it again. What cannot be read now stays as it was: a file that is being replaced is no reason to
    /// forget a secret that may still be good.
    pub fn renew(&self) -> Arc<T>
    where
        T: PartialEq,
    {
        let Some(Origin { what, read }) = &self.origin else {
            return self.last();
        };
        let read = read();
        let mut last = self.known();
        match read {
            Ok(value) => {
                last.trouble = None;
                if value != *last.value {
                    info!("{what} changed; the new ones are used from now on");
                    last.value = Arc::new(value);
                }
            }
            Err(why) if last.trouble.as_ref() != Some(&why) => {
                warn!(
                    error = why,
                    "{what} cannot be read again; the ones of before stay in use"
                );
                last.trouble = Some(why);
            }
            Err(_) => {}
        }
        last.value.clone()
    }
}

impl<T> Clone for Renewable<T> {
    fn clone(&self) -> Self {
        let origin = self.origin.as_ref();
        Self {
            last: self.last.clone(),
            origin: origin.map(|Origin { what, read }| Origin {
                what,
                read: read.clone(),
            }),
        }
    }
}

/// Without the value, which may be a secret.
impl<T> fmt::Debug for Renewable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.origin.as_ref().map_or("fixed", |origin| origin.what);
        f.debug_tuple("Renewable").field(&what).finish()
    }
}

impl<T> From<&str> for Renewable<T>
where
    T: for<'a> From<&'a str>,
{
    fn from(text: &str) -> Self {
        Self::fixed(T::from(text))
    }
}

impl<T> From<String> for Renewable<T>
where
    T: From<String>,
{
    fn from(text: String) -> Self {
        Self::fixed(T::from(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_as_it_was_read_last_and_survives_what_cannot_be_read() {
        let file = Arc::new(Mutex::new(Ok("new")));
        let reading = file.clone();
        let secret = Renewable::new("the keys", "old", move || {
            (*reading.lock().unwrap()).map_err(str::to_owned)
        });
        let clone = secret.clone();
        assert_eq!(*secret.last(), "old");
        assert_eq!(*secret.renew(), "new");
        *file.lock().unwrap() = Err("no such file");
        assert_eq!(*secret.renew(), "new");
        assert_eq!(*clone.last(), "new", "clones share it");
        *file.lock().unwrap() = Ok("newer");
        assert_eq!(*clone.renew(), "newer");
        assert_eq!(*secret.last(), "newer");
    }

    #[test]
    fn a_fixed_value_stays() {
        assert_eq!(*Renewable::fixed(1).renew(), 1);
    }
}
