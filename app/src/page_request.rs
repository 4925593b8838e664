//! A signed-in person's request for a page.

use std::sync::Arc;

use axum::extract::{FromRequestParts, OriginalUri};
use http::request::Parts;
use latchkey_domain::Timestamp;
use latchkey_service::{Caller, Error, Person, Principal};

use crate::{
    page::{PageContext, PageError},
    paths,
    portal::{Portal, Site, Theme, Visitor},
};

/// Taken as the first argument by the handlers of pages for people who are signed in. Everybody else is sent to sign
/// in, and back afterwards; on a new instance, to its set-up.
#[derive(Clone)]
pub(crate) struct PageRequest {
    pub portal: Portal,
    pub person: Person,
    /// To hand to use cases.
    pub caller: Caller,
    pub theme: Option<Theme>,
    /// The path asked for, with its query.
    pub path: String,
}

impl FromRequestParts<Portal> for PageRequest {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, PageError> {
        let mut visitor = visitor(parts);
        let person = visitor.person.take().ok_or(PageError::SignInRequired)?;
        let request = Self::new(portal, person, visitor, path_and_query(parts));
        if let Some(context) = parts.extensions.get::<PageContext>() {
            context.set_request(&request);
        }
        Ok(request)
    }
}

impl PageRequest {
    pub(crate) fn new(portal: &Portal, person: Person, visitor: Visitor, path: String) -> Self {
        let caller = Caller { principal: Principal::Session(person.clone()), origin: visitor.origin };
        Self { portal: portal.clone(), person, caller, theme: visitor.theme, path }
    }

    /// What the frame around a page shows.
    pub(crate) async fn layout(&self, organization: Option<&str>) -> Result<LayoutContext, Error> {
        let organizations = self.portal.service.organizations().names(&self.caller).await?;
        Ok(self.layout_with(organization, organizations))
    }

    /// [`PageRequest::layout`] with the organizations to switch to.
    pub(crate) fn layout_with(&self, organization: Option<&str>, organizations: Vec<String>) -> LayoutContext {
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

/// What the frame around a page needs to know. Made by [`PageRequest::layout`].
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
    /// The time that every relative time on the page is counted from.
    pub now: Timestamp,
}

/// Who asks, as the server's session layer found out.
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
