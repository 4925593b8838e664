use latchkey_api_types::{DeletedOrganization, ListedOrganization, NewOrganization, Organization, Page, PageQuery};

use crate::operation::{
    CREATE_ORGANIZATION, DELETE_ORGANIZATION, FREE_ORGANIZATION_NAME, GET_ORGANIZATION, LIST_DELETED_ORGANIZATIONS,
    LIST_ORGANIZATIONS, SET_CURRENT_ORGANIZATION,
};
use crate::{Client, Items, Request, response};

/// Organizations.
#[derive(Clone, Copy, Debug)]
pub struct OrganizationsClient<'a> {
    pub(crate) client: &'a Client,
}

impl OrganizationsClient<'_> {
    /// A page of the caller's organizations, by name.
    pub fn list(&self, query: &PageQuery) -> Request<Page<ListedOrganization>> {
        Request::new(self.client, &LIST_ORGANIZATIONS, &[], response::json).query(query)
    }

    /// All of the caller's organizations.
    pub fn list_all(&self) -> Items<ListedOrganization> {
        let client = self.client.clone();
        Items::new(None, move |cursor| client.organizations().list(&PageQuery { cursor, limit: None }))
    }

    /// Creates an organization. The person who makes it becomes its owner.
    pub fn create(&self, name: &str) -> Request<Organization> {
        let body = NewOrganization { name: name.to_owned() };
        Request::new(self.client, &CREATE_ORGANIZATION, &[], response::json).json(&body)
    }

    /// An organization.
    pub fn get(&self, name: &str) -> Request<Organization> {
        Request::new(self.client, &GET_ORGANIZATION, &[name], response::json)
    }

    /// Deletes an organization, and revokes its tokens.
    pub fn delete(&self, name: &str) -> Request<()> {
        Request::new(self.client, &DELETE_ORGANIZATION, &[name], response::nothing)
    }

    /// Makes an organization the one that counts when a request of the person names none.
    pub fn set_current(&self, name: &str) -> Request<()> {
        Request::new(self.client, &SET_CURRENT_ORGANIZATION, &[name], response::nothing)
    }

    /// A page of the deleted organizations whose names are still taken, by name. Instance admins only.
    pub fn list_deleted(&self, query: &PageQuery) -> Request<Page<DeletedOrganization>> {
        Request::new(self.client, &LIST_DELETED_ORGANIZATIONS, &[], response::json).query(query)
    }

    /// Lets another organization have the name of a deleted one. Instance admins only.
    pub fn free_name(&self, name: &str) -> Request<()> {
        Request::new(self.client, &FREE_ORGANIZATION_NAME, &[name], response::nothing)
    }
}
