//! What the form calls while it is open.

use latchkey_domain::Timestamp;
use leptos::{prelude::*, server_fn::codec::Json};
use serde::{Deserialize, Serialize};

use super::values::{Found, Values};
use crate::answers::Answer;

/// A token that has just been made, on its way to the one screen that shows its secret. It has no `Debug`, so that it
/// can't get into a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    pub id: String,
    pub name: String,
    pub expires_at: Option<Timestamp>,
    pub secret: String,
}

/// Creates the token that the form asks for.
#[server(prefix = "/_fn", endpoint = "create_token", input = Json)]
pub async fn create_token(organization: String, creation_key: String, values: Values) -> Answer<Created> {
    Ok(answer::create(&organization, &creation_key, &values).await)
}

/// Repositories whose names have words that begin like those of the query; the first ones for an empty query.
#[server(prefix = "/_fn", endpoint = "search_repositories", input = Json)]
pub async fn search_repositories(organization: String, query: String) -> Answer<Found> {
    Ok(answer::search(&organization, &query).await)
}

#[cfg(feature = "ssr")]
mod answer {
    use super::{
        super::load,
        {Created, Found, Values},
    };
    use crate::{
        answers::Failure,
        server_fns::{caller, failure},
    };

    pub(super) async fn create(organization: &str, key: &str, values: &Values) -> Result<Created, Failure> {
        let (portal, caller) = caller()?;
        let created = load::create(&portal.service, &caller, organization, key, values).await;
        created.map_err(|error| failure(&caller, &error))
    }

    pub(super) async fn search(organization: &str, query: &str) -> Result<Found, Failure> {
        let (portal, caller) = caller()?;
        let found = load::find(&portal.service, &caller, organization, query).await;
        found.map_err(|error| failure(&caller, &error))
    }
}
