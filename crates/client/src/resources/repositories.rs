use latchkey_api_types::{NewRepository, Page, Repository, RepositoryQuery};

use crate::operation::{CREATE_REPOSITORY, DELETE_REPOSITORY, GET_REPOSITORY, LIST_REPOSITORIES};
use crate::request::IdempotencyKey;
use crate::{Client, Items, Request, response};

/// Repositories that tokens can be confined to.
#[derive(Clone, Copy, Debug)]
pub struct RepositoriesClient<'a> {
    pub(crate) client: &'a Client,
}

impl RepositoriesClient<'_> {
    /// A page of the repositories that the credential reaches, by name.
    pub fn list(&self, query: &RepositoryQuery) -> Request<Page<Repository>> {
        Request::new(self.client, &LIST_REPOSITORIES, &[], response::json).query(query)
    }

    /// All repositories, from the query's page on.
    pub fn list_all(&self, query: &RepositoryQuery) -> Items<Repository> {
        let (client, query) = (self.client.clone(), query.clone());
        Items::new(query.cursor.clone(), move |cursor| {
            client.repositories().list(&RepositoryQuery { cursor, ..query.clone() })
        })
    }

    /// Adds a repository, by its full name.
    pub fn create(&self, name: &str) -> Request<Repository, IdempotencyKey> {
        let body = NewRepository { name: name.to_owned() };
        Request::new(self.client, &CREATE_REPOSITORY, &[], response::json).json(&body)
    }

    /// A repository, by its id or full name.
    pub fn get(&self, id: impl ToString) -> Request<Repository> {
        Request::new(self.client, &GET_REPOSITORY, &[&id.to_string()], response::json)
    }

    /// Removes a repository, by its id or full name, also from the lists of tokens.
    pub fn delete(&self, id: impl ToString) -> Request<()> {
        Request::new(self.client, &DELETE_REPOSITORY, &[&id.to_string()], response::nothing)
    }
}
