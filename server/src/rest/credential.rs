use axum::extract::{FromRef, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue};
use latchkey_app::portal::Portal;
use latchkey_domain::OrganizationName;
use latchkey_service::{Caller, Error, Origin, Presented, Refusal};

use super::problem::Problem;
use crate::middleware::limit;
use crate::verification::SignedBody;

/// Whoever sent `Authorization: Bearer …` (RFC 6750, section 2.1), and the organization that they act on. Taken as an
/// argument, it refuses everybody else; the body has been read by then.
#[derive(Clone)]
pub(crate) struct Credential {
    pub(crate) caller: Caller,
    /// `None` when the credential has none and no header names one.
    organization: Option<String>,
}

impl Credential {
    /// Checks what a request of whatever transport carries.
    pub(crate) async fn read(portal: &Portal, headers: &HeaderMap, extensions: &Extensions) -> Result<Self, Error> {
        let origin = extensions.get::<Origin>().cloned().unwrap_or_default();
        let bearer = bearer(headers).ok_or(Refusal::Missing)?;
        let signature =
            extensions.get::<SignedBody>().map(SignedBody::parts).transpose().map_err(Refusal::Signature)?;
        let presented = Presented { bearer, origin: &origin, signature };
        let principal = portal.service.authenticate_signed(&presented).await?;
        let named = named_organization(headers)?;
        let caller = Caller { principal, origin };
        let organization = match portal.service.organization_of(&caller, named).await {
            Ok(organization) => Some(organization),
            Err(Error::Forbidden(latchkey_service::Denial::NoOrganization)) => None,
            Err(error) => return Err(error),
        };
        Ok(Self { caller, organization })
    }

    /// The organization to act on, or nothing: for what may belong to the instance.
    pub(crate) fn organization_if_any(&self) -> &str {
        self.organization.as_deref().unwrap_or_default()
    }

    /// The organization to act on.
    pub(crate) fn organization(&self) -> Result<&str, Error> {
        self.organization.as_deref().ok_or(Error::Forbidden(latchkey_service::Denial::NoOrganization))
    }
}

impl<S> FromRequestParts<S> for Credential
where
    S: Send + Sync,
    Portal: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let portal = Portal::from_ref(state);
        let credential = Self::read(&portal, &parts.headers, &parts.extensions).await?;
        limit::count(&parts.extensions, &credential.caller.principal, portal.service.now())?;
        Ok(credential)
    }
}

/// The organization that a header names; what can't be a name is none that there is.
pub(crate) fn named_organization<'a>(headers: &'a HeaderMap) -> Result<Option<&'a str>, Error> {
    let value = ["latchkey-organization", "chainloop-organization"].into_iter().find_map(|name| headers.get(name));
    let name = |value: &'a HeaderValue| value.to_str().ok().filter(|name| OrganizationName::new(name).is_ok());
    value.map(|value| name(value).ok_or(Error::NotFound("organization"))).transpose()
}

/// The bearer of the header; anything else counts as no credential.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, bearer) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| bearer.trim())
}
