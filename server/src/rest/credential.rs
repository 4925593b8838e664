use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use latchkey_app::portal::Portal;
use latchkey_service::{Caller, Error, Origin, Refusal};

use super::limit::Meter;
use super::problem::Problem;

/// Whoever sent `Authorization: Bearer …` (RFC 6750, section 2.1), and the organization that they act on. Taken as an
/// argument, it refuses everybody else before the body is read.
pub(crate) struct Credential {
    pub(crate) caller: Caller,
    /// `None` when the credential has none and no header names one.
    organization: Option<String>,
}

impl Credential {
    /// The organization to act on.
    pub(crate) fn organization(&self) -> Result<&str, Error> {
        self.organization.as_deref().ok_or(Error::Forbidden(latchkey_service::Denial::NoOrganization))
    }
}

impl FromRequestParts<Portal> for Credential {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> Result<Self, Problem> {
        let origin = parts.extensions.get::<Origin>().cloned().unwrap_or_default();
        let bearer = bearer(&parts.headers).ok_or(Error::from(Refusal::Missing))?;
        let principal = portal.service.authenticate(bearer, &origin).await?;
        if let Some(meter) = parts.extensions.get::<Meter>() {
            meter.count(&principal, portal.service.now())?;
        }
        let caller = Caller { principal, origin };
        let named = ["latchkey-organization", "chainloop-organization"]
            .into_iter()
            .find_map(|name| parts.headers.get(name))
            .map(|value| value.to_str().map_err(|_| Error::NotFound("organization")))
            .transpose()?;
        let organization = match portal.service.organization_of(&caller, named).await {
            Ok(organization) => Some(organization),
            Err(Error::Forbidden(latchkey_service::Denial::NoOrganization)) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Self { caller, organization })
    }
}

/// The bearer of the header; anything else counts as no credential.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, bearer) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| bearer.trim())
}
