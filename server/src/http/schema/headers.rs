//! Request headers of several operations.

use latchkey_api_types::schema::{Key, OrganizationName};
use utoipa::IntoParams;

/// Declares a request header for the OpenAPI document.
macro_rules! request_header {
    ($name:ident, $field:ident: $kind:ty, $header:literal, $(#[$doc:meta])*) => {
        #[derive(IntoParams)]
        #[into_params(parameter_in = Header)]
        #[expect(dead_code, reason = "read by an extractor of its own")]
        pub(crate) struct $name {
            $(#[$doc])*
            #[param(rename = $header, inline)]
            $field: Option<$kind>,
        }
    };
}

request_header!(OrganizationHeader, organization: OrganizationName, "latchkey-organization",
    /// The organization to act on. Default: the user's current organization, or that of the token.
);
request_header!(IdempotencyKey, key: Key, "Idempotency-Key",
    /// The same request with the same key is executed once within 24 hours.
);
request_header!(IfMatchHeader, tags: String, "If-Match",
    /// An `ETag`: the request is executed only if it is still current.
);
request_header!(IfNoneMatchHeader, tags: String, "If-None-Match",
    /// An `ETag`: the answer is `304` if it is still current.
);
