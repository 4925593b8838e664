//! What the form calls while it is open.

#[cfg(feature = "hydrate")]
pub(super) use browser::{create_token, search_repositories};
#[cfg(feature = "ssr")]
use leptos::{prelude::*, server_fn::codec::Json};

#[cfg(feature = "ssr")]
use super::values::{FoundRepositories, Values};
#[cfg(feature = "ssr")]
use crate::answers::Answer;

/// Creates the token that the form asks for. Answers with the screen that shows its secret, as HTML: rendered here, it
/// need not be rendered by the browser, which would have to load what it takes.
#[cfg(feature = "ssr")]
#[server(prefix = "/_fn", endpoint = "create_token", input = Json)]
pub async fn create_token(organization: String, creation_key: String, values: Values) -> Answer<String> {
    Ok(answer::create(&organization, &creation_key, &values).await)
}

/// Repositories whose names have words that begin like those of the query; the first ones for an empty query.
#[cfg(feature = "ssr")]
#[server(prefix = "/_fn", endpoint = "search_repositories", input = Json)]
pub async fn search_repositories(organization: String, query: String) -> Answer<FoundRepositories> {
    Ok(answer::search(&organization, &query).await)
}

#[cfg(feature = "hydrate")]
mod browser {
    use super::super::values::{FoundRepositories, Values};
    use crate::{
        answers::Failure,
        islands::{call, json::ToJson},
    };

    pub(crate) async fn create_token(
        organization: String,
        creation_key: String,
        values: Values,
    ) -> Result<String, Failure> {
        let organization = organization.to_json();
        let arguments =
            [("organization", organization), ("creation_key", creation_key.to_json()), ("values", values.to_json())];
        call("create_token", &arguments).await
    }

    pub(crate) async fn search_repositories(organization: String, query: String) -> Result<FoundRepositories, Failure> {
        call("search_repositories", &[("organization", organization.to_json()), ("query", query.to_json())]).await
    }
}

#[cfg(feature = "ssr")]
mod answer {
    use leptos::prelude::*;

    use super::{
        super::{load, reveal::Reveal},
        {FoundRepositories, Values},
    };
    use crate::{
        answers::Failure,
        page_request::PageRequest,
        server_fns::{failure, request},
    };

    pub(super) async fn create(organization: &str, key: &str, values: &Values) -> Result<String, Failure> {
        let PageRequest { portal, caller, .. } = request()?;
        let created = load::create(&portal.service, &caller, organization, key, values).await;
        let created = created.map_err(|error| failure(&caller, &error))?;
        let (organization, public_url) = (organization.to_owned(), portal.site.public_url.clone());
        // The island gives it the focus; `autofocus` is for pages.
        Ok(view! { <Reveal created organization public_url autofocus=false /> }.to_html())
    }

    pub(super) async fn search(organization: &str, query: &str) -> Result<FoundRepositories, Failure> {
        let PageRequest { portal, caller, .. } = request()?;
        let found = load::find(&portal.service, &caller, organization, query).await;
        found.map_err(|error| failure(&caller, &error))
    }
}
