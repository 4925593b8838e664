use latchkey_api_types::{Event, EventQuery, Page};

use crate::operation::LIST_EVENTS;
use crate::{Client, Items, Request, response};

/// The audit log.
#[derive(Clone, Copy, Debug)]
pub struct AuditClient<'a> {
    pub(crate) client: &'a Client,
}

impl AuditClient<'_> {
    /// A page of events, newest first.
    pub fn list(&self, query: &EventQuery) -> Request<Page<Event>> {
        Request::new(self.client, &LIST_EVENTS, &[], response::json).query(query)
    }

    /// All events, from the query's page on.
    pub fn list_all(&self, query: &EventQuery) -> Items<Event> {
        let (client, query) = (self.client.clone(), query.clone());
        Items::new(query.cursor.clone(), move |cursor| client.audit().list(&EventQuery { cursor, ..query.clone() }))
    }
}
