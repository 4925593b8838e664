use latchkey_api_types::{NewProject, Page, PageQuery, Project};

use crate::operation::{CREATE_PROJECT, DELETE_PROJECT, GET_PROJECT, LIST_PROJECTS};
use crate::{Client, Items, Request, response};

/// Projects of an organization.
#[derive(Clone, Copy, Debug)]
pub struct ProjectsClient<'a> {
    pub(crate) client: &'a Client,
}

impl ProjectsClient<'_> {
    /// A page of projects, by name.
    pub fn list(&self, query: &PageQuery) -> Request<Page<Project>> {
        Request::new(self.client, &LIST_PROJECTS, &[], response::json).query(query)
    }

    /// All projects.
    pub fn list_all(&self) -> Items<Project> {
        let client = self.client.clone();
        Items::new(None, move |cursor| client.projects().list(&PageQuery { cursor, limit: None }))
    }

    /// Creates a project.
    pub fn create(&self, name: &str) -> Request<Project> {
        Request::new(self.client, &CREATE_PROJECT, &[], response::json).json(&NewProject { name: name.to_owned() })
    }

    /// A project, by its id or name.
    pub fn get(&self, id: impl ToString) -> Request<Project> {
        Request::new(self.client, &GET_PROJECT, &[&id.to_string()], response::json)
    }

    /// Deletes a project, by its id or name.
    pub fn delete(&self, id: impl ToString) -> Request<()> {
        Request::new(self.client, &DELETE_PROJECT, &[&id.to_string()], response::nothing)
    }
}
