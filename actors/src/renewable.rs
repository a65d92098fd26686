//! Values that may change while the program runs: secrets in files that somebody rotates.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};
use tracing::{info, warn};

/// A value that is read again whenever a connection is made. Clones share what was read last.
pub struct Renewable<T> {
    last: Arc<Mutex<Arc<T>>>,
    origin: Option<Origin<T>>,
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
            last: Arc::new(Mutex::new(Arc::new(value))),
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
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads it again. What cannot be read now stays as it was: a file that is being replaced is no reason to
    /// forget a secret that may still be good.
    pub fn renew(&self) -> Arc<T>
    where
        T: PartialEq,
    {
        let last = self.last();
        let Some(Origin { what, read }) = &self.origin else {
            return last;
        };
        match read() {
            Ok(value) if value == *last => last,
            Ok(value) => {
                info!("{what} changed; the new ones are used from now on");
                let value = Arc::new(value);
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = value.clone();
                value
            }
            Err(why) => {
                warn!(
                    error = why,
                    "{what} cannot be read again; the ones of before stay in use"
                );
                last
            }
        }
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
