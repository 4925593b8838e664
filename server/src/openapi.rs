//! The description of the API (OpenAPI 3.1), made from the handlers: `#[utoipa::path]` on each, and its name in the list
//! below. What is the same for all of them (the credential, and how refusals look) is added here.

use std::sync::Arc;

use axum::http::{HeaderValue, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use latchkey_api_types::{OAuthError, Problem};
use latchkey_domain::Catalogue;
use serde_json::{Value, json};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Description, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use crate::http::fallback::method_not_allowed;
use crate::http::problem;
use crate::http::schema::ID;
use crate::rest::{
    audit, auto_revoke, deleted_orgs, invitations, login, members, orgs, projects, repos, tokens, users, whoami,
};
use crate::state::ServerState;
use crate::{operations, verification};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Latchkey",
        description = "API tokens: who may do what, and what was done. JSON in and out; errors are problem details \
                       (RFC 9457) with a stable `type`. A field that is not known is refused.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/")),
    security(("bearer" = [])),
    tags(
        (name = "Credentials", description = "Sign in, and find out what a credential may do"),
        (name = "Users", description = "Accounts, and what they are signed in with"),
        (name = "Tokens", description = "API tokens of an organization, or of the instance"),
        (name = "Repositories", description = "Repository configurations that tokens can be confined to"),
        (name = "Organizations", description = "Who tokens belong to"),
        (name = "Members", description = "The people of an organization"),
        (name = "Invitations", description = "How people become members"),
        (name = "Projects", description = "Parts of an organization that tokens can be confined to"),
        (name = "Auto-revoke", description = "Revokes tokens that nobody has used for some days"),
        (name = "Audit", description = "What was done, by whom and from where"),
        (name = "Verification", description = "For services and proxies that are called with a token: may it do that?"),
        (name = "Operations", description = "For operators and orchestrators; no credential needed"),
    ),
    paths(
        login::login,
        whoami::whoami,
        tokens::create::create,
        tokens::read::list,
        tokens::read::get,
        tokens::change::change,
        tokens::rotate::rotate,
        tokens::revoke::revoke,
        tokens::revoke::revoke_many,
        repos::list,
        repos::create,
        repos::get,
        repos::delete,
        orgs::list,
        orgs::create,
        orgs::get,
        orgs::delete,
        orgs::set_current,
        deleted_orgs::list,
        deleted_orgs::free,
        users::list,
        users::get,
        users::change,
        users::set_password,
        users::credentials,
        users::end_all,
        users::end,
        members::list,
        members::get,
        members::change,
        members::remove,
        invitations::sent,
        invitations::create,
        invitations::revoke,
        invitations::received,
        invitations::accept,
        projects::list,
        projects::create,
        projects::get,
        projects::delete,
        auto_revoke::get,
        auto_revoke::set,
        auto_revoke::preview,
        audit::list,
        verification::decisions::one,
        verification::decisions::batch,
        verification::introspect::introspect,
        verification::forward_auth::forward_auth,
        verification::forward_auth::pinned,
        operations::metrics,
        operations::live,
        operations::ready,
        operations::statusz,
        operations::info,
    ),
    components(schemas(Problem, OAuthError)),
    modifiers(&Common),
)]
struct Api;

/// What all operations have in common.
struct Common;

/// Refusals: status, name in the document, what it means, and the end of its `type`.
const REFUSALS: [(&str, &str, &str, &str); 9] = [
    ("400", "Malformed", "The request could not be read: path, query or JSON", "malformed-json"),
    (
        "401",
        "Unauthenticated",
        "The credential is missing, malformed, unknown, expired, revoked or rotated; `type` says which",
        "token-expired",
    ),
    ("403", "Forbidden", "The credential is good but lacks something: a scope, a repository, a role", "missing-scope"),
    ("404", "NotFound", "There is no such thing, or it belongs to another organization", "not-found"),
    ("413", "TooLarge", "The body has more than 1 MiB, or than 16 KiB where it holds the credential", "too-large"),
    ("415", "UnsupportedMediaType", "The body is not of the media type that it must have", "unsupported-media-type"),
    ("422", "Invalid", "A field is wrong; `errors` lists each with its `field` and `message`", "invalid"),
    (
        "429",
        "TooManyRequests",
        "Too many requests, a minute or at once; `Retry-After` says how many seconds to wait",
        "rate-limited",
    ),
    (
        "503",
        "Unavailable",
        "The database does not answer, or too much waits already; try again after `Retry-After`",
        "unavailable",
    ),
];

impl Modify for Common {
    fn modify(&self, description: &mut Description) {
        description.info.version = env!("CARGO_PKG_VERSION").to_owned();
        let components = description.components.get_or_insert_default();
        let bearer = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A user token (`lku_…`, 24 hours, from `POST /api/auth/login`) or an API token (`ci_…`)"))
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let client = Http::builder()
            .scheme(HttpAuthScheme::Basic)
            .description(Some("The id of an API token and the token itself, each written as in a form"))
            .build();
        components.add_security_scheme("client", SecurityScheme::Http(client));
        for (status, name, means, kind) in REFUSALS {
            let response = problem(ResponseBuilder::new().description(means), status, kind);
            components.responses.insert(name.to_owned(), response.build().into());
        }
        for (path, item) in &mut description.paths.paths {
            for (_, operation) in operations_of(item) {
                if path.starts_with("/oauth/") { complete_oauth(operation) } else { complete(operation) }
            }
        }
    }
}

/// Adds the refusals that follow from what the operation takes, and gives those that it names itself their form.
fn complete(operation: &mut Operation) {
    let of = |tag: &str| operation.tags.iter().flatten().any(|own| own == tag);
    if of("Operations") {
        return;
    }
    let limited = !of("Verification");
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.as_str() >= "400"
            && response.content.is_empty()
        {
            let described = ResponseBuilder::new().description(response.description.clone());
            *response = problem(described, status, "conflict").build();
        }
    }
    for parameter in operation.parameters.iter_mut().flatten() {
        if let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema
            && let SchemaType::Array(types) = &mut schema.schema_type
        {
            // One that may be left out is not one that may be null, which a header or a query can't say.
            types.retain(|kind| *kind != Type::Null);
        }
    }
    let secured = operation.security.is_none();
    let body = operation.request_body.is_some();
    let parameters = operation.parameters.as_ref().is_some_and(|all| !all.is_empty());
    for (status, name, ..) in REFUSALS {
        let applies = match status {
            "400" => body || parameters,
            "401" => true,
            "403" => secured,
            // The organization that the header names may be one that is not there.
            "404" => secured && (limited || body),
            "413" | "415" => body,
            "422" => body || parameters && limited,
            _ => true,
        };
        if applies {
            let refusal = RefOr::Ref(Ref::from_response_name(name));
            operation.responses.responses.entry(status.to_owned()).or_insert(refusal);
        }
    }
}

/// The refusals in the form that OAuth has for them.
fn complete_oauth(operation: &mut Operation) {
    for (status, error, means) in [
        ("400", "invalid_request", "A parameter is missing or there twice, or the client presents itself in two ways"),
        ("401", "invalid_client", "Who asks is not known; `invalid_token` for a bearer"),
        ("403", "insufficient_scope", "Who asks may not; `unauthorized_client` if that is no matter of scopes"),
        ("413", "invalid_request", "The body has more than 16 KiB"),
        ("415", "invalid_request", "The body is no form"),
        ("429", "temporarily_unavailable", "Too many requests of the same client at once; see `Retry-After`"),
        ("503", "temporarily_unavailable", "The database does not answer; try again after `Retry-After`"),
    ] {
        let example = json!({ "error": error, "error_description": "A sentence that says what is wrong" });
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("OAuthError"))).example(Some(example));
        let response = ResponseBuilder::new().description(means).content("application/json", content.build());
        operation.responses.responses.insert(status.to_owned(), response.build().into());
    }
}

fn problem(response: ResponseBuilder, status: &str, kind: &str) -> ResponseBuilder {
    let status: u16 = status.parse().unwrap_or_default();
    let code = axum::http::StatusCode::from_u16(status).unwrap_or_default();
    let example = json!({
        "type": format!("urn:latchkey:problem:{kind}"),
        "title": code.canonical_reason(),
        "status": status,
        "detail": "A sentence that says what is wrong, and what to do",
        "instance": "/api/auth/cli-tokens",
        "request_id": ID,
    });
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).example(Some(example));
    response.content("application/problem+json", content.build())
}

fn operations_of(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("get", item.get.as_mut()),
        ("post", item.post.as_mut()),
        ("put", item.put.as_mut()),
        ("patch", item.patch.as_mut()),
        ("delete", item.delete.as_mut()),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.map(|operation| (method, operation)))
}

/// The methods of each path, in lower case.
#[cfg(test)]
pub(crate) fn documented() -> std::collections::BTreeMap<String, std::collections::BTreeSet<String>> {
    let mut paths = Api::openapi().paths.paths;
    paths
        .iter_mut()
        .map(|(path, item)| (path.clone(), operations_of(item).map(|(method, _)| method.to_owned()).collect()))
        .collect()
}

/// What describes the API to programs; `/docs/api` is the same for people.
pub(crate) fn router(written: Arc<Written>) -> Router<ServerState> {
    Router::new()
        .route("/openapi.json", get(as_json))
        .route("/openapi.yaml", get(as_yaml))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(problem::complete))
        .layer(Extension(written))
}

/// The description of an instance, as it is sent and shown.
pub(crate) struct Written {
    pub(crate) document: Value,
    json: String,
    yaml: String,
}

impl Written {
    /// With the scopes of a catalogue.
    pub(crate) fn new(catalogue: &Catalogue) -> Self {
        let mut description = Api::openapi();
        let schemas = description.components.as_mut().map(|components| &mut components.schemas);
        if let Some(RefOr::T(Schema::Object(scope))) = schemas.and_then(|schemas| schemas.get_mut("Scope")) {
            scope.enum_values = Some(catalogue.scopes().map(|scope| json!(scope.name)).collect());
        }
        Self {
            document: serde_json::to_value(&description).unwrap_or_default(),
            json: description.to_pretty_json().unwrap_or_default(),
            yaml: description.to_yaml().unwrap_or_default(),
        }
    }
}

/// `GET /openapi.json`
async fn as_json(Extension(written): Extension<Arc<Written>>) -> Response {
    answer("application/json", written.json.clone())
}

/// `GET /openapi.yaml`
async fn as_yaml(Extension(written): Extension<Arc<Written>>) -> Response {
    answer("application/yaml", written.yaml.clone())
}

/// Public, and the same for everybody until the next release.
fn answer(kind: &'static str, text: String) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}
