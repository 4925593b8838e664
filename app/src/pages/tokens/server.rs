//! What the list calls while it is open.

#[cfg(feature = "hydrate")]
pub(super) use browser::{list_tokens, revoke_tokens};
#[cfg(feature = "ssr")]
use leptos::{prelude::*, server_fn::codec::Json};
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::answers::Answer;

/// The list of an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListUpdate {
    /// What stands in the frame of the page, as HTML.
    pub html: String,
    /// The build of the site that the HTML is for. A page of another build is loaded anew.
    pub build: String,
}

/// What a revocation did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedTokens {
    /// Ids of the tokens that it revoked. The others had ended before.
    pub ids: Vec<String>,
}

/// The list that `query` asks for: the query string of the page's address.
#[cfg(feature = "ssr")]
#[server(prefix = "/_fn", endpoint = "list_tokens", input = Json)]
pub async fn list_tokens(organization: String, query: String) -> Answer<ListUpdate> {
    Ok(answer::list(&organization, &query).await)
}

/// Revokes one or several tokens: all, or none if one of them is not the caller's to revoke.
#[cfg(feature = "ssr")]
#[server(prefix = "/_fn", endpoint = "revoke_tokens", input = Json)]
pub async fn revoke_tokens(organization: String, ids: Vec<String>) -> Answer<RevokedTokens> {
    Ok(answer::revoke(&organization, &ids).await)
}

#[cfg(feature = "hydrate")]
mod browser {
    use super::{ListUpdate, RevokedTokens};
    use crate::{
        answers::Failure,
        islands::{
            call,
            json::{ToJson, readable},
        },
    };

    readable!(ListUpdate { html, build });
    readable!(RevokedTokens { ids });

    pub(crate) async fn list_tokens(organization: String, query: String) -> Result<ListUpdate, Failure> {
        call("list_tokens", &[("organization", organization.to_json()), ("query", query.to_json())]).await
    }

    pub(crate) async fn revoke_tokens(organization: String, ids: Vec<String>) -> Result<RevokedTokens, Failure> {
        call("revoke_tokens", &[("organization", organization.to_json()), ("ids", ids.to_json())]).await
    }
}

#[cfg(feature = "ssr")]
pub(super) mod answer {
    use latchkey_service::Error;
    use leptos::prelude::*;

    use super::{
        super::{load::List, view},
        ListUpdate, RevokedTokens,
    };
    use crate::{
        answers::Failure,
        fields::Fields,
        page_request::PageRequest,
        server_fns::{failure, request},
    };

    pub(super) async fn list(organization: &str, query: &str) -> Result<ListUpdate, Failure> {
        let request = request()?;
        let reading = {
            let (request, organization, fields) = (request.clone(), organization.to_owned(), Fields::parse(query));
            Box::pin(async move { List::load(&request, &organization, &fields).await })
        };
        let list = request.portal.service.reading(reading).await;
        let list = list.map_err(|error| failure(&request.caller, &error))?;
        Ok(ListUpdate { html: view::content(&list).to_html(), build: request.portal.site.pkg_dir.clone() })
    }

    pub(super) async fn revoke(organization: &str, ids: &[String]) -> Result<RevokedTokens, Failure> {
        let request = request()?;
        revoke_all(&request, organization, ids).await.map_err(|error| failure(&request.caller, &error))
    }

    /// What the server function and the form without scripts do.
    pub(crate) async fn revoke_all(
        request: &PageRequest,
        organization: &str,
        ids: &[String],
    ) -> Result<RevokedTokens, Error> {
        let access = request.portal.service.organizations().access(&request.caller, organization).await?;
        let revoked = request.portal.service.tokens().revoke_many(&access, ids).await?.revoked;
        Ok(RevokedTokens { ids: revoked.into_iter().map(|(id, _)| id.to_string()).collect() })
    }
}
