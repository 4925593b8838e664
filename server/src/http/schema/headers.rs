//! Headers that several operations take.

use latchkey_api_types::schema::{Key, OrganizationName};
use utoipa::IntoParams;

/// Declares a request header for the description.
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
    /// The organization to act on; the person's default one, or the token's own, if not named.
);
request_header!(IdempotencyKey, key: Key, "Idempotency-Key",
    /// Kept for 24 hours: the same request under the same key is done once.
);
request_header!(IfMatchHeader, tags: String, "If-Match",
    /// The `ETag` that was read: do it only if nothing was changed since.
);
request_header!(IfNoneMatchHeader, tags: String, "If-None-Match",
    /// An `ETag` that is known: `304` if it still holds.
);
