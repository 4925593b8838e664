use latchkey_api_types::{Member, MemberChanges, MemberQuery, Page, Role};

use crate::operation::{CHANGE_MEMBER, GET_MEMBER, LIST_MEMBERS, REMOVE_MEMBER};
use crate::{Client, Items, Request, response};

/// The members of an organization.
#[derive(Clone, Copy, Debug)]
pub struct MembersClient<'a> {
    pub(crate) client: &'a Client,
    pub(crate) organization: &'a str,
}

impl MembersClient<'_> {
    /// A page of members, by email.
    pub fn list(&self, query: &MemberQuery) -> Request<Page<Member>> {
        Request::new(self.client, &LIST_MEMBERS, &[self.organization], response::json).query(query)
    }

    /// All members, from the query's page on.
    pub fn list_all(&self, query: &MemberQuery) -> Items<Member> {
        let (client, organization, query) = (self.client.clone(), self.organization.to_owned(), query.clone());
        Items::new(query.cursor.clone(), move |cursor| {
            client.members(&organization).list(&MemberQuery { cursor, ..query.clone() })
        })
    }

    /// A member, by the id of the membership.
    pub fn get(&self, id: impl ToString) -> Request<Member> {
        Request::new(self.client, &GET_MEMBER, &[self.organization, &id.to_string()], response::json)
    }

    /// Changes the role of a member.
    pub fn change(&self, id: impl ToString, role: Role) -> Request<Member> {
        Request::new(self.client, &CHANGE_MEMBER, &[self.organization, &id.to_string()], response::json)
            .json(&MemberChanges { role })
    }

    /// Removes a member, or leaves with the id of one's own membership.
    pub fn remove(&self, id: impl ToString) -> Request<()> {
        Request::new(self.client, &REMOVE_MEMBER, &[self.organization, &id.to_string()], response::nothing)
    }
}
