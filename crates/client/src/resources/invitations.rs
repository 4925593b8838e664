use latchkey_api_types::{Invitation, InvitationWithLink, NewInvitation, Organization, Page, PageQuery};

use crate::operation::{
    ACCEPT_INVITATION, CREATE_INVITATION, LIST_RECEIVED_INVITATIONS, LIST_SENT_INVITATIONS, REVOKE_INVITATION,
};
use crate::{Client, Items, Request, response};

/// The invitations that an organization has sent.
#[derive(Clone, Copy, Debug)]
pub struct InvitationsClient<'a> {
    pub(crate) client: &'a Client,
    pub(crate) organization: &'a str,
}

impl InvitationsClient<'_> {
    /// A page of pending and accepted invitations, newest first.
    pub fn list(&self, query: &PageQuery) -> Request<Page<Invitation>> {
        Request::new(self.client, &LIST_SENT_INVITATIONS, &[self.organization], response::json).query(query)
    }

    /// All invitations, pending and accepted.
    pub fn list_all(&self) -> Items<Invitation> {
        let (client, organization) = (self.client.clone(), self.organization.to_owned());
        Items::new(None, move |cursor| client.invitations(&organization).list(&PageQuery { cursor, limit: None }))
    }

    /// Invites a person.
    pub fn create(&self, invitation: &NewInvitation) -> Request<InvitationWithLink> {
        Request::new(self.client, &CREATE_INVITATION, &[self.organization], response::json).json(invitation)
    }

    /// Takes a pending invitation back.
    pub fn revoke(&self, id: impl ToString) -> Request<()> {
        Request::new(self.client, &REVOKE_INVITATION, &[self.organization, &id.to_string()], response::nothing)
    }
}

/// The invitations of the person who calls.
#[derive(Clone, Copy, Debug)]
pub struct ReceivedInvitationsClient<'a> {
    pub(crate) client: &'a Client,
}

impl ReceivedInvitationsClient<'_> {
    /// A page of pending invitations, newest first.
    pub fn list(&self, query: &PageQuery) -> Request<Page<Invitation>> {
        Request::new(self.client, &LIST_RECEIVED_INVITATIONS, &[], response::json).query(query)
    }

    /// Accepts an invitation, and returns the organization.
    pub fn accept(&self, id: impl ToString) -> Request<Organization> {
        Request::new(self.client, &ACCEPT_INVITATION, &[&id.to_string()], response::json)
    }
}
