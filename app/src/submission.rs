//! A form that somebody who is signed in has sent, and what becomes of it when they are signed in no more.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum_extra::extract::CookieJar;
use latchkey_service::BrowserSession;
use leptos::prelude::*;

use crate::{
    components::Notice,
    cookies,
    fields::Fields,
    page::{PageContext, PageError},
    page_request::{PageRequest, path_and_query, visitor},
    pages::session,
    portal::Portal,
};

/// Taken as the last argument by the handlers of forms on pages for people who are signed in.
///
/// Nothing that was typed is lost when the session has ended: the answer is the sign-in page, and its form carries the
/// fields along to the address that they were sent to. Whoever signs in there gets the form back to look at and send
/// again. Nothing is done on the way, so it does not matter who that is.
pub(crate) struct Submission {
    pub(crate) request: PageRequest,
    pub(crate) fields: Arc<Fields>,
    /// Brought back: to be shown, and not to be done.
    pub(crate) restored: bool,
}

/// A form's fields on their way through another page.
#[derive(Clone, Debug)]
pub(crate) struct PreservedForm {
    /// Where they were sent to, and will be again.
    path: String,
    fields: Arc<Fields>,
}

/// A [`PreservedForm`] as a field of a form.
pub(crate) struct PackedForm {
    /// The action of the form.
    pub(crate) path: String,
    /// The value of the field [`PackedForm::FIELD`].
    pub(crate) value: String,
}

impl PackedForm {
    /// Name of the field that holds the others.
    pub(crate) const FIELD: &'static str = "kept";
    /// Longest value, in bytes; the largest of our forms has a third of it, and it has to fit into another.
    const MAX: usize = 80 * 1024;
}

impl PreservedForm {
    /// `None` for a form that is too large to be anybody's work.
    pub(crate) fn pack(&self) -> Option<PackedForm> {
        let value = self.fields.pack();
        (value.len() <= PackedForm::MAX).then(|| PackedForm { path: self.path.clone(), value })
    }
}

impl FromRequest<Portal> for Submission {
    type Rejection = PageError;

    async fn from_request(request: Request, portal: &Portal) -> Result<Self, PageError> {
        let (mut parts, body) = request.into_parts();
        let sent = Fields::from_request(Request::from_parts(parts.clone(), body), portal).await?;
        let path = path_and_query(&parts);
        let preserved = sent.has(PackedForm::FIELD).then(|| Fields::parse(sent.raw(PackedForm::FIELD)));
        let restored = preserved.is_some();
        let signing_in = restored && sent.has("password");
        let (fields, credentials) = match preserved {
            Some(fields) => (Arc::new(fields), Some(sent).filter(|_| signing_in)),
            None => (Arc::new(sent), None),
        };
        let context = parts.extensions.get::<PageContext>().cloned().unwrap_or_default();
        context.set_form(PreservedForm { path: path.clone(), fields: fields.clone() });
        let request = match credentials {
            Some(credentials) => sign_in(portal, &parts, &context, &credentials, path).await?,
            None => PageRequest::from_request_parts(&mut parts, portal).await?,
        };
        Ok(Self { request, fields, restored })
    }
}

/// Signs in with the form that carries another, and goes on as the person who has signed in.
async fn sign_in(
    portal: &Portal,
    parts: &http::request::Parts,
    context: &PageContext,
    credentials: &Fields,
    path: String,
) -> Result<PageRequest, PageError> {
    let (visitor, jar) = (visitor(parts), CookieJar::from_headers(&parts.headers));
    // Without the layer of sessions there is nobody to sign in.
    let session = parts.extensions.get::<BrowserSession>().ok_or(PageError::SignInRequired)?;
    let browser = cookies::browser(&portal.site, &parts.headers, session);
    let signed_in = session::attempt(portal, &visitor, browser, credentials).await.map_err(PageError::SignInFailed)?;
    session.replace(signed_in.session).await?;
    context.set_cookies(cookies::set_device(&portal.site, jar, &signed_in));
    // A session that has ended already, perhaps by an admin, is no reason to lose the form.
    let person = portal.service.sessions().person(signed_in.session).await?.ok_or(PageError::SignInRequired)?;
    let request = PageRequest::new(portal, person, visitor, path);
    context.set_request(&request);
    Ok(request)
}

impl Submission {
    /// Says why nothing has happened, on top of a form that was brought back.
    pub(crate) fn notice(&self) -> Option<AnyView> {
        self.restored.then(|| {
            view! {
                <Notice role="status">
                    <p>"Here is the form as you left it. Check it, and send it again."</p>
                </Notice>
            }
            .into_any()
        })
    }
}
