//! A signed-in person's request for a page.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, OriginalUri},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderValue, header, request::Parts};
use latchkey_domain::Timestamp;
use latchkey_service::{Caller, Error, Person, Principal};

use crate::{
    pages::failure,
    paths,
    portal::{Portal, Site, Theme, Visitor},
};

/// Taken as the first argument by the handlers of pages for people who are signed in. Everybody else is sent to sign
/// in, and back afterwards; on a new instance, to its set-up.
#[derive(Clone)]
pub struct PageRequest {
    pub portal: Portal,
    pub person: Person,
    /// To hand to use cases.
    pub caller: Caller,
    pub theme: Option<Theme>,
    /// The path asked for, with its query.
    pub path: String,
}

impl FromRequestParts<Portal> for PageRequest {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, Self::Rejection> {
        crate::shell::know_sprite(&portal.site);
        let mut visitor = visitor(parts);
        let path = path_and_query(parts);
        let Some(person) = visitor.person.take() else {
            return Err(no_store(match portal.service.setup().is_pending().await {
                Ok(true) => Redirect::to("/setup").into_response(),
                Ok(false) => Redirect::to(&format!("/login?next={}", paths::encode(&path))).into_response(),
                Err(error) => failure::plain(portal, visitor.theme, visitor.origin.request_id(), &error),
            }));
        };
        Ok(Self::new(portal, person, visitor, path))
    }
}

impl PageRequest {
    pub(crate) fn new(portal: &Portal, person: Person, visitor: Visitor, path: String) -> Self {
        let caller = Caller { principal: Principal::Session(person.clone()), origin: visitor.origin };
        Self { portal: portal.clone(), person, caller, theme: visitor.theme, path }
    }

    /// The same browser, once its session has ended.
    pub(crate) fn visitor(&self) -> Visitor {
        Visitor { person: None, origin: self.caller.origin.clone(), theme: self.theme }
    }

    /// What the frame around a page shows.
    pub async fn layout(&self, organization: Option<&str>) -> Result<LayoutContext, Error> {
        let organizations = self.portal.service.organizations().names(&self.caller).await?;
        Ok(self.frame(organization, organizations))
    }

    /// Finishes a handler: nothing is kept in caches, and an error becomes its page.
    pub async fn answer(&self, result: Result<Response, Error>) -> Response {
        no_store(match result {
            Ok(response) => response,
            Err(error) => failure::framed(self, &error, None).await,
        })
    }

    pub(crate) fn frame(&self, organization: Option<&str>, organizations: Vec<String>) -> LayoutContext {
        LayoutContext {
            site: self.portal.site.clone(),
            theme: self.theme,
            email: self.person.email.clone(),
            path: self.path.clone(),
            organization: organization.map(str::to_owned),
            organizations,
            now: self.portal.service.now(),
        }
    }
}

/// Where somebody is: what the frame needs to know. Made by [`PageRequest::layout`].
#[derive(Clone, Debug)]
pub struct LayoutContext {
    pub site: Arc<Site>,
    pub theme: Option<Theme>,
    pub email: String,
    /// Path with query, for what comes back to this page.
    pub path: String,
    pub organization: Option<String>,
    /// Those to switch to.
    pub organizations: Vec<String>,
    /// The moment that every relative time on the page is seen from.
    pub now: Timestamp,
}

/// Pages show what only their reader may see: no cache keeps them.
pub(crate) fn no_store(mut response: Response) -> Response {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Who looks, as the server's session layer found out.
pub(crate) fn visitor(parts: &Parts) -> Visitor {
    parts.extensions.get::<Visitor>().cloned().unwrap_or_else(|| Visitor {
        person: None,
        origin: latchkey_service::Origin::default(),
        theme: None,
    })
}

/// The address as the browser asked for it, whatever the pages are nested under.
pub(crate) fn path_and_query(parts: &Parts) -> String {
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
    let asked = uri.path_and_query().map_or("/", |both| both.as_str());
    paths::local(asked).unwrap_or("/").to_owned()
}
