use latchkey_api_types::{Credential, NewPassword, Page, PageQuery, User, UserChanges};

use crate::operation::{
    CHANGE_USER, END_CREDENTIAL, END_CREDENTIALS, GET_USER, LIST_CREDENTIALS, LIST_USERS, SET_PASSWORD,
};
use crate::{Client, Items, Request, response};

/// Accounts, and what they are signed in with. The caller's own has the id `me`.
#[derive(Clone, Copy, Debug)]
pub struct UsersClient<'a> {
    pub(crate) client: &'a Client,
}

impl UsersClient<'_> {
    /// A page of users, by email. Instance admins only.
    pub fn list(&self, query: &PageQuery) -> Request<Page<User>> {
        Request::new(self.client, &LIST_USERS, &[], response::json).query(query)
    }

    /// All users. Instance admins only.
    pub fn list_all(&self) -> Items<User> {
        let client = self.client.clone();
        Items::new(None, move |cursor| client.users().list(&PageQuery { cursor, limit: None }))
    }

    /// A user.
    pub fn get(&self, id: impl ToString) -> Request<User> {
        Request::new(self.client, &GET_USER, &[&id.to_string()], response::json)
    }

    /// Locks a user, or opens the account again. Instance admins only.
    pub fn set_locked(&self, id: impl ToString, locked: bool) -> Request<User> {
        Request::new(self.client, &CHANGE_USER, &[&id.to_string()], response::json).json(&UserChanges { locked })
    }

    /// Sets a password, and ends all that the account is signed in with but the caller's credential.
    pub fn set_password(&self, id: impl ToString, password: &NewPassword) -> Request<()> {
        Request::new(self.client, &SET_PASSWORD, &[&id.to_string()], response::nothing).json(password)
    }

    /// A page of the sessions and user tokens of a user, newest first.
    pub fn credentials(&self, id: impl ToString, query: &PageQuery) -> Request<Page<Credential>> {
        Request::new(self.client, &LIST_CREDENTIALS, &[&id.to_string()], response::json).query(query)
    }

    /// Ends the sessions and user tokens of a user, but for the caller's.
    pub fn end_credentials(&self, id: impl ToString) -> Request<()> {
        Request::new(self.client, &END_CREDENTIALS, &[&id.to_string()], response::nothing)
    }

    /// Ends one session or user token, by its id; `current` for the caller's.
    pub fn end_credential(&self, id: impl ToString, credential: impl ToString) -> Request<()> {
        Request::new(self.client, &END_CREDENTIAL, &[&id.to_string(), &credential.to_string()], response::nothing)
    }
}
