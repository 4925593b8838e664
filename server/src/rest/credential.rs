use axum::extract::{FromRef, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue};
use latchkey_app::portal::Portal;
use latchkey_domain::OrganizationKey;
use latchkey_service::{AuthenticationError, Caller, Error, OrganizationAccess, Origin, PresentedCredential, Service};

use super::problem::Problem;
use crate::middleware::{admission, limit};
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
        let (bearer, named) = (bearer(headers)?, named_organization(headers)?);
        let signature = extensions
            .get::<SignedBody>()
            .map(SignedBody::parts)
            .transpose()
            .map_err(AuthenticationError::Signature)?;
        let presented = PresentedCredential { bearer, origin: &origin, signature };
        let principal = portal.service.authenticate_signed(&presented).await?;
        let named = named.transpose()?;
        if let (Some(named), Some((signature, _))) = (named, presented.signature) {
            portal.service.verification().check_organization_signed(&principal, named, signature).await?;
        }
        let caller = Caller { principal, origin };
        let organization = match portal.service.organizations().resolve(&caller, named).await {
            Ok(organization) => Some(organization),
            Err(Error::Forbidden(latchkey_service::AuthorizationError::NoOrganization)) => None,
            Err(error) => return Err(error),
        };
        Ok(Self { caller, organization })
    }

    /// The name of the organization to act on, if there is one.
    pub(crate) fn organization(&self) -> Option<&str> {
        self.organization.as_deref()
    }

    /// The access to the organization to act on.
    pub(crate) async fn access(&self, service: &Service) -> Result<OrganizationAccess, Error> {
        service.organizations().access(&self.caller, self.organization.as_deref().unwrap_or_default()).await
    }

    /// The access to the organization to act on or, if there is none, to the tokens of the instance.
    pub(crate) async fn access_or_instance(&self, service: &Service) -> Result<OrganizationAccess, Error> {
        service.organizations().access_or_instance(&self.caller, self.organization.as_deref()).await
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
        admission::recognize(&parts.extensions, &credential.caller.principal);
        limit::count(&parts.extensions, &credential.caller.principal, portal.service.now())?;
        Ok(credential)
    }
}

/// The organization that the headers name, `Err` inside for one that there can't be: who asks is looked at before that.
pub(crate) fn named_organization(headers: &HeaderMap) -> Result<Option<Result<&str, Error>>, Error> {
    let [ours, theirs] =
        ["latchkey-organization", "chainloop-organization"].map(|name| single(headers, name, "organization"));
    let named = match (ours?, theirs?) {
        (Some(one), Some(other)) if one != other => return Err(Error::Ambiguous("organization")),
        (one, other) => one.or(other),
    };
    Ok(named.map(|value| {
        let name = value.to_str().ok().filter(|name| OrganizationKey::parse(name).is_ok());
        name.ok_or(Error::NotFound("organization"))
    }))
}

/// The bearer of the header; anything else counts as no credential.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, Error> {
    let value = single(headers, AUTHORIZATION.as_str(), "credential")?.and_then(|value| value.to_str().ok());
    let (scheme, bearer) = value.and_then(|value| value.split_once(' ')).ok_or(AuthenticationError::Missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(bearer.trim()) } else { Err(AuthenticationError::Missing.into()) }
}

/// The value of a header that may be there once. A proxy may have joined several with commas (RFC 9110, section 5.3),
/// which neither a credential nor a name has in it.
fn single<'a>(headers: &'a HeaderMap, name: &str, what: &'static str) -> Result<Option<&'a HeaderValue>, Error> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) if !line.as_bytes().contains(&b',') => Ok(Some(line)),
        (None, _) => Ok(None),
        _ => Err(Error::Ambiguous(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[(&'static str, &'static str)]) -> (Result<String, String>, Result<String, String>) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let organization = named_organization(&headers).and_then(Option::transpose).map(Option::unwrap_or_default);
        let text =
            |read: Result<&str, Error>| read.map(str::to_owned).map_err(|error| Problem::from(error).kind().to_owned());
        (text(bearer(&headers)), text(organization))
    }

    #[test]
    fn nothing_is_decided_by_which_came_first() {
        let (ours, theirs) = ("latchkey-organization", "chainloop-organization");
        for lines in [
            &[("authorization", "Bearer a"), ("authorization", "Bearer b")][..],
            &[("authorization", "Bearer a"), ("authorization", "Bearer a")],
            &[("authorization", "Basic a"), ("authorization", "Bearer a")],
            &[("authorization", ""), ("authorization", "Bearer a")],
            &[("authorization", "Bearer a,Bearer b")],
        ] {
            assert_eq!(read(lines).0, Err("ambiguous-request".to_owned()), "{lines:?}");
        }
        for lines in [
            &[(ours, "acme"), (theirs, "globex")][..],
            &[(ours, "acme"), (ours, "globex")],
            &[(ours, "acme"), (ours, "acme")],
            &[(theirs, "acme"), (theirs, "globex")],
            &[(ours, "acme"), (theirs, "acme"), (theirs, "globex")],
            &[(ours, ""), (theirs, "acme")],
            &[(ours, "acme, globex")],
        ] {
            assert_eq!(read(lines).1, Err("ambiguous-request".to_owned()), "{lines:?}");
        }
    }

    #[test]
    fn what_is_there_once_is_read() {
        let (ours, theirs) = ("latchkey-organization", "chainloop-organization");
        assert_eq!(read(&[("authorization", "bearer  a ")]).0.unwrap(), "a");
        for value in ["", "Bearer", "Basic a", "a"] {
            assert_eq!(read(&[("authorization", value)]).0, Err("credential-missing".to_owned()), "{value}");
        }
        for lines in [&[(ours, "acme")][..], &[(theirs, "acme")], &[(ours, "acme"), (theirs, "acme")]] {
            assert_eq!(read(lines).1.unwrap(), "acme");
        }
        assert_eq!(read(&[]).1.unwrap(), "");
        assert_eq!(read(&[(ours, "Not a name")]).1, Err("not-found".to_owned()));
        assert_eq!(read(&[(ours, "")]).1, Err("not-found".to_owned()));
    }
}
