//! The document of the API (OpenAPI 3.1), put together from the routes: each handler has its `#[utoipa::path]`, and is
//! served by the same `routes!` that documents it. What all operations have in common (the credential, and the
//! errors) is added here.

use std::sync::Arc;

use axum::http::{HeaderValue, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use latchkey_api_types::{OAuthError, Problem};
use latchkey_domain::Catalogue;
use serde_json::{Value, json};
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as OpenApiDocument, Ref, RefOr, ResponseBuilder};

use crate::http::fallback::method_not_allowed;
use crate::http::problem;
use crate::http::schema::ID;
use crate::state::ServerState;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Latchkey",
        description = "Manages API tokens and verifies requests that are made with them. Requests and answers are JSON. \
                       Errors are problem details (RFC 9457) with a stable `type`. Unknown fields are refused.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/")),
    security(("bearer" = [])),
    tags(
        (name = "Credentials", description = "Sign in, and show what a credential may do"),
        (name = "Users", description = "Accounts and their credentials"),
        (name = "Tokens", description = "API tokens of an organization or of the instance"),
        (name = "Repositories", description = "Repositories that tokens can be restricted to"),
        (name = "Organizations", description = "Owners of tokens"),
        (name = "Members", description = "Users of an organization, with their roles"),
        (name = "Invitations", description = "Invitations of users to organizations"),
        (name = "Projects", description = "Parts of an organization that tokens can be restricted to"),
        (name = "Auto-revoke", description = "Revokes tokens that were not used for a number of days"),
        (name = "Audit", description = "The audit log"),
        (name = "Verification", description = "For services and proxies that receive requests with tokens"),
        (name = "Operations", description = "For operators and orchestrators; without a credential"),
    ),
    components(schemas(Problem, OAuthError)),
)]
struct Api;

/// Errors of all operations: status, name in the document, description, and the end of the `type`.
const COMMON_ERRORS: [(&str, &str, &str, &str); 9] = [
    ("400", "Malformed", "The path, query or JSON of the request could not be read", "malformed-json"),
    (
        "401",
        "Unauthenticated",
        "The credential is missing, malformed, unknown, expired, revoked or rotated; `type` says which",
        "token-expired",
    ),
    ("403", "Forbidden", "The credential is valid but lacks a scope, a repository or a role", "missing-scope"),
    ("404", "NotFound", "The object does not exist, or belongs to another organization", "not-found"),
    ("413", "TooLarge", "The body has more than 1 MiB, or more than 16 KiB if it contains the credential", "too-large"),
    ("415", "UnsupportedMediaType", "The body has another media type than required", "unsupported-media-type"),
    ("422", "Invalid", "A field is wrong; `errors` lists each with its `field` and `message`", "invalid"),
    (
        "429",
        "TooManyRequests",
        "Too many requests per minute or at once; `Retry-After` has the seconds to wait",
        "rate-limited",
    ),
    (
        "503",
        "Unavailable",
        "The database does not answer, or too many requests are waiting; retry after `Retry-After`",
        "unavailable",
    ),
];

/// Adds what all operations have in common.
fn add_common(document: &mut OpenApiDocument) {
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    let components = document.components.get_or_insert_default();
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
    for (status, name, means, kind) in COMMON_ERRORS {
        let response = problem(ResponseBuilder::new().description(means), status, kind);
        components.responses.insert(name.to_owned(), response.build().into());
    }
    for (path, item) in &mut document.paths.paths {
        for operation in operations_of(item) {
            if path.starts_with("/oauth/") { complete_oauth(operation) } else { complete(operation) }
        }
    }
}

/// Adds the errors that follow from what the operation takes, and gives those that it names itself their schema.
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
        if let RefOr::T(parameter) = parameter
            && let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema
            && let SchemaType::Array(types) = &mut schema.schema_type
        {
            // One that may be left out is not one that may be null, which a header or a query can't say.
            types.retain(|kind| *kind != Type::Null);
        }
    }
    let secured = operation.security.is_none();
    let body = operation.request_body.is_some();
    let parameters = operation.parameters.as_ref().is_some_and(|all| !all.is_empty());
    for (status, name, ..) in COMMON_ERRORS {
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
            let error = RefOr::Ref(Ref::from_response_name(name));
            operation.responses.responses.entry(status.to_owned()).or_insert(error);
        }
    }
}

/// The errors in the form that OAuth has for them.
fn complete_oauth(operation: &mut Operation) {
    for (status, error, means) in [
        ("400", "invalid_request", "A parameter is missing or repeated, or the client authenticates in two ways"),
        ("401", "invalid_client", "The client is unknown; `invalid_token` for a bearer token"),
        (
            "403",
            "insufficient_scope",
            "The client lacks the scope; `unauthorized_client` if another permission is missing",
        ),
        ("413", "invalid_request", "The body has more than 16 KiB"),
        ("415", "invalid_request", "The body is not a form"),
        ("429", "temporarily_unavailable", "Too many requests of the same client at once; see `Retry-After`"),
        ("503", "temporarily_unavailable", "The database does not answer; retry after `Retry-After`"),
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
        "detail": "A sentence that says what is wrong and what to do",
        "instance": "/api/auth/cli-tokens",
        "request_id": ID,
    });
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).example(Some(example));
    response.content("application/problem+json", content.build())
}

fn operations_of(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete]
        .into_iter()
        .filter_map(Option::as_mut)
}

/// What describes the API to programs; `/docs/api` is the same for people.
pub(crate) fn router(document: Arc<Document>) -> Router<ServerState> {
    Router::new()
        .route("/openapi.json", get(as_json))
        .route("/openapi.yaml", get(as_yaml))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(problem::complete))
        .layer(Extension(document))
}

/// The document of an instance, as it is sent and shown.
pub(crate) struct Document {
    pub(crate) value: Value,
    json: String,
    yaml: String,
}

impl Document {
    /// Of the operations of all routes, in their order, with the scopes of a catalogue.
    pub(crate) fn new(operations: impl IntoIterator<Item = OpenApiDocument>, catalogue: &Catalogue) -> Self {
        let mut document = Api::openapi();
        for routes in operations {
            document.merge(routes);
        }
        add_common(&mut document);
        let schemas = document.components.as_mut().map(|components| &mut components.schemas);
        if let Some(RefOr::T(Schema::Object(scope))) = schemas.and_then(|schemas| schemas.get_mut("Scope")) {
            scope.enum_values = Some(catalogue.scopes().map(|scope| json!(scope.name)).collect());
        }
        Self {
            value: serde_json::to_value(&document).unwrap_or_default(),
            json: document.to_pretty_json().unwrap_or_default(),
            yaml: document.to_yaml().unwrap_or_default(),
        }
    }
}

/// `GET /openapi.json`
async fn as_json(Extension(document): Extension<Arc<Document>>) -> Response {
    answer("application/json", document.json.clone())
}

/// `GET /openapi.yaml`
async fn as_yaml(Extension(document): Extension<Arc<Document>>) -> Response {
    answer("application/yaml", document.yaml.clone())
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
