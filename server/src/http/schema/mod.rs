//! Headers and examples in the OpenAPI document. The schemas are in `crates/api-types`.

mod examples;
mod headers;

pub(crate) use latchkey_api_types::schema::*;

pub(crate) use self::examples::*;
pub(crate) use self::headers::*;
