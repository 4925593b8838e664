//! Schemas of what is text or a word on the wire, for the OpenAPI document. The use cases check the same again.

use std::ops::RangeInclusive;

use latchkey_domain::{Pin, TokenName};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// Declares the words of a closed list, for a type of another crate.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($word:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(ToSchema)]
        #[schema(rename_all = "lowercase")]
        pub enum $name {
            $($word),+
        }
    };
}

words!(
    /// What a token belongs to.
    Level { Instance, Organization, Project }
);
words!(
    /// Where a token stands in its life.
    TokenState { Active, Expired, Revoked }
);
words!(
    /// What a member may do, from least to most.
    Role { Viewer, Contributor, Member, Admin, Owner }
);
words!(
    /// How something went.
    Outcome { Success, Failure }
);

/// What no name may have in it, as a part of a class of characters: controls, and the best known marks that can't be seen.
/// No expression can say all that Unicode does.
const UNSEEN: &str = r"\x00-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff";

/// Declares a text of a certain form: how many characters, and a pattern.
macro_rules! text {
    (#[doc = $doc:literal] $name:ident, $length:expr, $pattern:expr, $example:literal) => {
        #[doc = $doc]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let length: RangeInclusive<usize> = $length;
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some($doc.trim()))
                    .min_length(Some(*length.start()))
                    .max_length(Some(*length.end()))
                    .pattern(Some($pattern))
                    .examples([$example])
                    .into()
            }
        }

        impl ToSchema for $name {}
    };
}

text!(
    /// 1 to 100 characters, as people count them, on one line; all can be seen, with spaces only inside.
    Name, 1..=TokenName::BYTES_MAX, format!(r"^[^\s{UNSEEN}]([^{UNSEEN}]*[^\s{UNSEEN}])?$"), "GitHub Actions CI"
);
text!(
    /// 1 to 63 lower-case letters, digits and inner hyphens.
    OrganizationName, 1..=63, "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", "acme"
);
text!(
    /// 2 to 5 parts of letters, digits, `.`, `_` and `-`.
    RepositoryName, 3..=200, r"^\.*[A-Za-z0-9_-][A-Za-z0-9._-]*(/\.*[A-Za-z0-9_-][A-Za-z0-9._-]*){1,4}$", "acme/api"
);
text!(
    /// An email address; capitals don't matter.
    Email, 3..=254, format!(r"^[^@\s{UNSEEN}]+@[^@.\s{UNSEEN}][^@\s{UNSEEN}]*$"), "grace@example.com"
);
text!(
    /// `resource:action`, one of this instance's catalogue.
    Scope, 3..=100, "^[a-z0-9-]+:[a-z0-9-]+$", "repos:read"
);
text!(
    /// Whole numbers with `s`, `m`, `h`, `d` or `w`.
    Duration, 2..=30, "^([0-9]{1,18}[smhdw])+$", "720h"
);
text!(
    /// One address, or many in CIDR notation.
    Network, 2..=50, "^[0-9a-fA-F.:]+(/[0-9]{1,3})?$", "192.0.2.0/24"
);
text!(
    /// Visible ASCII characters.
    Key, 1..=255, "^[!-~]+$", "3f29c1"
);
text!(
    /// The `nextCursor` of the previous page.
    Cursor, 0..=5_100, "^[0-9a-f-]*$", "61636d65"
);

/// An IPv4 or IPv6 address.
pub struct Address;

impl PartialSchema for Address {
    fn schema() -> RefOr<Schema> {
        let form = |format: &str| {
            ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::Custom(format.to_owned())))
        };
        AnyOfBuilder::new().item(form("ipv4")).item(form("ipv6")).description(Some("An IPv4 or IPv6 address")).into()
    }
}

impl ToSchema for Address {}

/// Organizations by name or id, or `any`.
pub struct Organizations;

impl PartialSchema for Organizations {
    fn schema() -> RefOr<Schema> {
        let any = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["any"]));
        let listed = ArrayBuilder::new().items(OrganizationName::schema()).min_items(Some(1)).max_items(Some(Pin::MAX));
        let description = "Organizations, each by its name or id; or `any`, if the service looks at it itself";
        AnyOfBuilder::new().item(listed).item(any).description(Some(description)).into()
    }
}

impl ToSchema for Organizations {}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn words_are_those_of_the_types_that_are_sent() {
        fn same<S: PartialSchema, T: Serialize>(sent: &[T]) {
            let schema = serde_json::to_value(S::schema()).unwrap();
            assert_eq!(schema["enum"], sent.iter().map(|word| json!(word)).collect::<Value>());
        }
        same::<Role, _>(&latchkey_domain::Role::ALL);
        use latchkey_domain::{LevelKind, TokenState as State};
        same::<Level, _>(&[LevelKind::Instance, LevelKind::Organization, LevelKind::Project]);
        same::<TokenState, _>(&[State::Active, State::Expired, State::Revoked]);
    }
}
