//! What somebody who is signed in has sent with a form, and what becomes of it when they are signed in no more.

use axum::{
    Extension, Form,
    extract::{FromRequest, FromRequestParts, Request},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderName, HeaderValue};
use latchkey_service::{BrowserSession, Error};
use leptos::prelude::*;

use crate::{
    components::Notice,
    cookies,
    fields::Fields,
    page_request::{PageRequest, no_store, path_and_query, visitor},
    pages::{failure, session},
    portal::Portal,
};

/// Taken as the last argument by the handlers of forms on pages for people who are signed in.
///
/// Nothing that was typed is lost when the session has ended: the answer is the sign-in page, and its form carries the
/// fields along to the address that they were sent to. Whoever signs in there gets the form back to look at and send
/// again. Nothing is done on the way, so it does not matter who that is.
pub(crate) struct Submission {
    pub(crate) visit: PageRequest,
    pub(crate) fields: Fields,
    /// Brought back: to be shown, and not to be done.
    pub(crate) restored: bool,
    /// The device cookie of a browser that has just signed in.
    device: Option<(HeaderName, HeaderValue)>,
}

/// A form's fields on their way through a page that is none of its own.
pub(crate) struct Kept {
    /// Where they were sent to, and will be again.
    pub(crate) path: String,
    /// The fields as one value of [`Kept::FIELD`].
    pub(crate) packed: String,
}

impl Kept {
    /// Name of the field that holds the others.
    pub(crate) const FIELD: &'static str = "kept";
    /// Longest value, in bytes; the largest of our forms has a third of it, and it has to fit into another.
    const MAX: usize = 80 * 1024;

    /// `None` for a form that is too large to be anybody's work.
    fn new(path: &str, fields: &Fields) -> Option<Self> {
        let packed = fields.pack();
        (packed.len() <= Self::MAX).then(|| Self { path: path.to_owned(), packed })
    }
}

impl FromRequest<Portal> for Submission {
    type Rejection = Response;

    async fn from_request(request: Request, portal: &Portal) -> Result<Self, Self::Rejection> {
        let (mut parts, body) = request.into_parts();
        let sent = Form::<Fields>::from_request(Request::from_parts(parts.clone(), body), portal).await;
        let seen = visitor(&parts);
        let fields = match sent {
            Ok(Form(fields)) => fields,
            Err(rejection) => return Err(failure::unreadable(portal, &seen, rejection.status())),
        };
        let path = path_and_query(&parts);
        let kept = fields.has(Kept::FIELD).then(|| Fields::unpack(fields.raw(Kept::FIELD)));
        let restored = kept.is_some();
        if let Some(kept) = &kept
            && fields.has("password")
        {
            let Extension(session) = Extension::<BrowserSession>::from_request_parts(&mut parts, &())
                .await
                .map_err(IntoResponse::into_response)?;
            let browser = cookies::browser(&portal.site, &parts.headers, &session);
            let again = Kept::new(&path, kept);
            let signed_in = session::attempt(portal, &seen, browser, &fields, again.as_ref()).await?;
            session.replace(signed_in.session).await.map_err(|error| failure::of_visitor(portal, &seen, &error))?;
            let device = session::device_cookie(portal, &signed_in);
            let visit = PageRequest::new(portal, signed_in.person, seen, path);
            return Ok(Self { visit, fields: kept.clone(), restored, device });
        }
        let fields = kept.unwrap_or(fields);
        if seen.person.is_none()
            && let Some(kept) = Kept::new(&path, &fields)
        {
            return Err(match portal.service.is_new().await {
                Ok(true) => no_store(Redirect::to("/setup").into_response()),
                Ok(false) => session::ask_again(portal, &seen, &kept),
                Err(error) => failure::of_visitor(portal, &seen, &error),
            });
        }
        let visit = PageRequest::from_request_parts(&mut parts, portal).await?;
        Ok(Self { visit, fields, restored, device: None })
    }
}

impl Submission {
    /// Finishes a handler, as [`PageRequest::answer`] does; an error's page leads back to what was typed.
    pub(crate) async fn answer(self, result: Result<Response, Error>) -> Response {
        let kept = || Kept::new(&self.visit.path, &self.fields);
        let mut response = match result {
            Ok(response) => response,
            // The session has ended meanwhile.
            Err(Error::Unauthenticated(_)) if let Some(kept) = kept() => {
                session::ask_again(&self.visit.portal, &self.visit.visitor(), &kept)
            }
            Err(error) => failure::framed(&self.visit, &error, kept().as_ref()).await,
        };
        response.headers_mut().extend(self.device);
        no_store(response)
    }

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
