use crate::{Error, FieldError};

/// A page of a list, and where the next one begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// To send as the cursor of the next page; `None` on the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// From one row more than the page has, if there is one; `key` is what the list is sorted by.
    pub(crate) fn of(mut items: Vec<T>, limit: u32, key: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = items.last().filter(|_| more).map(key);
        Self { items, next }
    }

    /// The same page of something else.
    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(each).collect(), next: self.next }
    }
}

/// How many rows a page may have.
pub(crate) fn check_limit(limit: u32) -> Result<(), Error> {
    if (1..=100).contains(&limit) { Ok(()) } else { Err(FieldError::new("limit", "must be between 1 and 100").into()) }
}
