//! Who calls.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use latchkey_service::{
    AuthenticationError, AuthorizationError, Bearer, Caller, Error, OrganizationAccess, Origin, PresentedCredential,
    Service,
};

use super::headers::{bearer, named_organization};
use super::problem::Problem;
use super::signature::ReceivedSignature;
use super::{admission, rate_limit};

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
    pub(crate) async fn read(service: &Service, headers: &HeaderMap, extensions: &Extensions) -> Result<Self, Error> {
        let origin = extensions.get::<Origin>().cloned().unwrap_or_default();
        let (bearer, named) = (bearer(headers)?, named_organization(headers)?);
        let signature = extensions
            .get::<ReceivedSignature>()
            .map(ReceivedSignature::parts)
            .transpose()
            .map_err(AuthenticationError::Signature)?;
        // Read already where it was asked whether the body is worth reading.
        let bearer = extensions.get::<Bearer>().cloned().unwrap_or_else(|| Bearer::parse(bearer));
        let presented = PresentedCredential { bearer: &bearer, origin: &origin, signature };
        let principal = service.authentication().authenticate(&presented).await?;
        let named = named.transpose()?;
        if let (Some(named), Some((signature, _))) = (named, presented.signature) {
            service.verification().check_organization_signed(&principal, named, signature).await?;
        }
        let caller = Caller { principal, origin };
        let organization = match service.organizations().resolve(&caller, named).await {
            Ok(organization) => Some(organization),
            Err(Error::Forbidden(AuthorizationError::NoOrganization)) => None,
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
    Service: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let service = Service::from_ref(state);
        let credential = Self::read(&service, &parts.headers, &parts.extensions).await?;
        admission::mark_authenticated(&parts.extensions, &credential.caller.principal);
        rate_limit::count(&parts.extensions, &credential.caller.principal)?;
        Ok(credential)
    }
}
