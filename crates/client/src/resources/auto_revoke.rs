use latchkey_api_types::{AutoRevoke, AutoRevokePreview, Days};

use crate::operation::{GET_AUTO_REVOKE, PREVIEW_AUTO_REVOKE, SET_AUTO_REVOKE};
use crate::{Client, Request, response};

/// The auto-revoke of an organization.
#[derive(Clone, Copy, Debug)]
pub struct AutoRevokeClient<'a> {
    pub(crate) client: &'a Client,
    pub(crate) organization: &'a str,
}

impl AutoRevokeClient<'_> {
    /// The setting, and the last sweeps.
    pub fn get(&self) -> Request<AutoRevoke> {
        Request::new(self.client, &GET_AUTO_REVOKE, &[self.organization], response::json)
    }

    /// Revokes tokens that were not used for so many days, 1 to 365; 0 turns it off.
    pub fn set(&self, days: u16) -> Request<AutoRevoke> {
        Request::new(self.client, &SET_AUTO_REVOKE, &[self.organization], response::json)
            .json(&Days { days: days.into() })
    }

    /// What the next sweep would revoke with that setting.
    pub fn preview(&self, days: u16) -> Request<AutoRevokePreview> {
        Request::new(self.client, &PREVIEW_AUTO_REVOKE, &[self.organization], response::json)
            .query(&Days { days: days.into() })
    }
}
