//! The operations of `/openapi.json`. What names an object is found by its name: a path parameter by the segment before
//! it, a query parameter and a field of a body by [`field`]. What is not known here fails, until somebody says what it is.

use serde_json::Value;

use super::operation::{Body, Kind, Operation, Place, Reference, UNIQUE};
use super::world::World;
use crate::common::text;

/// What a parameter or field is.
enum Field {
    Object(Kind),
    /// Names no object: sent if there is an example, and else left out.
    Plain,
    /// Not sent: what is in it is decided elsewhere.
    Left,
}

pub(crate) async fn operations(world: &World) -> Vec<Operation> {
    let (_, document) = world.server.get("/openapi.json", "").await;
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, described) in item.as_object().unwrap() {
            operations.push(operation(&document, &method.to_uppercase(), path, described));
        }
    }
    operations
}

fn operation(document: &Value, method: &str, path: &str, described: &Value) -> Operation {
    let name = format!("{method} {path}");
    let mut references = in_path(path);
    let (mut query, mut headers) = (Vec::new(), Vec::new());
    for parameter in described["parameters"].as_array().into_iter().flatten() {
        let (of, required) = (text(&parameter["name"]), parameter["required"] == true);
        match parameter["in"].as_str().unwrap() {
            "path" => assert!(path.contains(&format!("{{{of}}}")), "{name}: {of} is not in the path"),
            "query" => match field(path, &of) {
                Field::Object(kind) => references.push(Reference { place: Place::Query(of), kind, required }),
                Field::Plain if required => query.push((of, example(document, parameter))),
                Field::Plain | Field::Left => {}
            },
            "header" if of == "X-Original-Method" => headers.push((of, text(&parameter["example"]))),
            "header" if of == "X-Original-URI" => {
                headers.push((of, text(&parameter["example"])));
                references.push(Reference { place: Place::OriginalPath, kind: Kind::Repository, required: false });
            }
            "header" => {
                let known = ["latchkey-organization", "Idempotency-Key", "If-Match", "If-None-Match"];
                assert!(known.contains(&&*of), "{name}: say what the header {of} is");
            }
            place => panic!("{name}: a parameter in {place}"),
        }
    }
    let content = described["requestBody"]["content"].as_object().and_then(|content| content.iter().next());
    let body = match content {
        None => Body::None,
        Some((kind, content)) => {
            let mut example = content["example"].clone();
            if path == "/api/orgs" {
                example["name"] = UNIQUE.into();
            }
            in_body(document, path, &content["schema"], &example, &mut Vec::new(), &mut references);
            match kind.as_str() {
                "application/json" => Body::Json(example),
                "application/x-www-form-urlencoded" => Body::Form(example),
                other => panic!("{name}: no way to write {other}"),
            }
        }
    };
    let open =
        described["security"].as_array().is_some_and(|ways| ways.iter().any(|way| *way == serde_json::json!({})));
    assert!(!open || references.is_empty(), "{name} is open to anybody and names an object");
    let (method, path) = (method.parse().unwrap(), path.to_owned());
    Operation { name, method, path, query, headers, body, references, open, streams: false }
}

fn in_path(path: &str) -> Vec<Reference> {
    let segments: Vec<_> = path.split('/').collect();
    let parameters = segments.windows(2).filter_map(|pair| {
        let name = pair[1].strip_prefix('{')?.strip_suffix('}')?;
        let kind = match pair[0] {
            "orgs" => Kind::OrganizationName,
            "deleted-orgs" => Kind::DeletedOrganization,
            "cli-tokens" => Kind::TokenId,
            "projects" => Kind::ProjectId,
            "repos" => Kind::Repository,
            "members" => Kind::Membership,
            // To be accepted by who received it.
            "invitations" => Kind::Invitation,
            "users" => Kind::User,
            "credentials" => Kind::Credential,
            other => panic!("{path}: say what follows {other}"),
        };
        Some(Reference { place: Place::Path(name.to_owned()), kind, required: true })
    });
    parameters.collect()
}

fn field(path: &str, name: &str) -> Field {
    match (path, name) {
        ("/api/audit", "actor") => Field::Object(Kind::User),
        ("/api/audit", "target") => Field::Object(Kind::TokenId),
        ("/api/orgs/{name}/members", "id") => Field::Object(Kind::Membership),
        (_, "ids") => Field::Object(Kind::TokenId),
        (_, "project") => Field::Object(Kind::ProjectId),
        (_, "repository" | "repositories") => Field::Object(Kind::Repository),
        (_, "token") => Field::Object(Kind::Token),
        (_, "organization" | "organizations") => Field::Object(Kind::OrganizationName),
        // A filter or a position in a list.
        (
            _,
            "cursor" | "limit" | "query" | "status" | "level" | "action" | "outcome" | "from" | "to" | "days"
            | "readiness",
        ) => Field::Plain,
        // What is to be.
        (_, "name" | "description" | "email" | "role" | "scopes" | "scope" | "allRepositories" | "locked") => {
            Field::Plain
        }
        (_, "expiresAt" | "expiresIn" | "overlap" | "allowedNetworks" | "requireSigning") => Field::Plain,
        (_, "password" | "currentPassword" | "newPassword") => Field::Plain,
        // Of a request to another service.
        (_, "method" | "path" | "address" | "userAgent" | "bodyHash") => Field::Plain,
        (_, "signature" | "token_type_hint" | "client_id" | "client_secret") => Field::Left,
        _ => panic!("{path}: say whether {name} names an object"),
    }
}

/// Follows a schema to all that can be in a body. What the example has is required.
fn in_body(
    document: &Value,
    path: &str,
    schema: &Value,
    example: &Value,
    way: &mut Vec<String>,
    references: &mut Vec<Reference>,
) {
    if let Some(reference) = schema["$ref"].as_str() {
        return in_body(document, path, document.pointer(&reference[1..]).unwrap(), example, way, references);
    }
    for forms in ["oneOf", "anyOf", "allOf"] {
        for form in schema[forms].as_array().into_iter().flatten() {
            in_body(document, path, form, example, way, references);
        }
    }
    if schema["items"].is_object() {
        way.push("0".to_owned());
        in_body(document, path, &schema["items"], &example[0], way, references);
        way.pop();
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        way.push(name.clone());
        // A list of requests, each with fields of its own.
        let nested = name == "requests";
        if nested {
            in_body(document, path, schema, &example[name], way, references);
        } else if let Field::Object(kind) = field(path, name) {
            let mut way = way.clone();
            way.extend(is_list(document, schema).then(|| "0".to_owned()));
            let required = !example[name].is_null();
            references.push(Reference { place: Place::Body(way), kind, required });
        }
        way.pop();
    }
}

fn is_list(document: &Value, schema: &Value) -> bool {
    if let Some(reference) = schema["$ref"].as_str() {
        return is_list(document, document.pointer(&reference[1..]).unwrap());
    }
    let is_array = |kind: &Value| {
        *kind == "array" || kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "array"))
    };
    let mut forms = ["oneOf", "anyOf", "allOf"].iter().flat_map(|forms| schema[forms].as_array().into_iter().flatten());
    is_array(&schema["type"]) || forms.any(|form| is_list(document, form))
}

/// A value of a parameter that must be there.
fn example(document: &Value, parameter: &Value) -> String {
    let mut schema = &parameter["schema"];
    if let Some(reference) = schema["$ref"].as_str() {
        schema = document.pointer(&reference[1..]).unwrap();
    }
    let given =
        [&parameter["example"], &schema["example"], &schema["examples"][0]].into_iter().find(|one| !one.is_null());
    match given {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        // A number of days.
        None if parameter["name"] == "days" => "90".to_owned(),
        None => panic!("{parameter} has no example"),
    }
}
