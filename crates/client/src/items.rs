use std::collections::VecDeque;

use futures::stream::{self, Stream};
use latchkey_api_types::Page;

use crate::{Error, Request};

type Fetch<T> = Box<dyn Fn(Option<String>) -> Request<Page<T>> + Send + Sync>;

/// All items of a list, fetched page by page as they are needed.
pub struct Items<T> {
    fetch: Fetch<T>,
    fetched: VecDeque<T>,
    /// Where the next page begins.
    cursor: Option<String>,
    is_last: bool,
}

impl<T: 'static> Items<T> {
    pub(crate) fn new(
        cursor: Option<String>,
        fetch: impl Fn(Option<String>) -> Request<Page<T>> + Send + Sync + 'static,
    ) -> Self {
        Self { fetch: Box::new(fetch), fetched: VecDeque::new(), cursor, is_last: false }
    }

    /// The next item; `None` after the last one. After an error, the same page is asked for again.
    pub async fn next(&mut self) -> Result<Option<T>, Error> {
        loop {
            if let Some(item) = self.fetched.pop_front() {
                return Ok(Some(item));
            }
            if self.is_last {
                return Ok(None);
            }
            let page = (self.fetch)(self.cursor.clone()).await?;
            // A list that does not go on would be asked for without an end.
            self.is_last = page.next_cursor.is_none() || page.next_cursor == self.cursor;
            self.cursor = page.next_cursor;
            self.fetched = page.items.into();
        }
    }

    /// All that are left.
    pub async fn collect(mut self) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        while let Some(item) = self.next().await? {
            all.push(item);
        }
        Ok(all)
    }

    /// The same as a stream, which ends after an error.
    pub fn into_stream(self) -> impl Stream<Item = Result<T, Error>> + Send
    where
        T: Send,
    {
        stream::try_unfold(self, async |mut items| Ok(items.next().await?.map(|item| (item, items))))
    }
}
