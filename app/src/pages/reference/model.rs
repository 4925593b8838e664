//! What the page shows of an OpenAPI description: no more than it needs, in the order of the page.

use serde_json::Value;

use super::schema::{Kind, Shape};

/// The whole reference.
#[derive(Debug, Default)]
pub(super) struct Reference {
    pub(super) description: String,
    pub(super) version: String,
    pub(super) groups: Vec<Group>,
    pub(super) shapes: Vec<Shape>,
}

/// Operations on one kind of thing.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) operations: Vec<Operation>,
}

/// One method of one path.
#[derive(Debug)]
pub(super) struct Operation {
    /// Unique, for links to it.
    pub(super) id: String,
    /// In upper case.
    pub(super) method: String,
    pub(super) path: String,
    pub(super) summary: String,
    pub(super) description: String,
    /// Whether it wants a credential.
    pub(super) secured: bool,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) responses: Vec<Response>,
}

/// A part of the path, the query or the headers.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    /// `path`, `query` or `header`.
    pub(super) place: String,
    pub(super) required: bool,
    pub(super) kind: Kind,
    pub(super) description: String,
}

/// What is sent.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) media_type: String,
    pub(super) kind: Kind,
    pub(super) example: Option<Value>,
}

/// What is answered.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: String,
    pub(super) description: String,
    pub(super) kind: Option<Kind>,
    /// Of what succeeds; all refusals look alike.
    pub(super) example: Option<Value>,
}

impl Reference {
    /// Reads a description; what is not understood is left out.
    pub(super) fn of(document: &Value) -> Self {
        let mut groups: Vec<Group> = each(&document["tags"])
            .map(|tag| Group { name: text(&tag["name"]), description: text(&tag["description"]), operations: vec![] })
            .collect();
        for (path, item) in members(&document["paths"]) {
            for method in ["get", "post", "put", "patch", "delete"] {
                if let Some(operation) = item.get(method) {
                    let tag = text(&operation["tags"][0]);
                    let operation = Operation::of(document, path, method, operation);
                    match groups.iter_mut().find(|group| group.name == tag) {
                        Some(group) => group.operations.push(operation),
                        // A tag that nobody has described still has its place.
                        None => {
                            groups.push(Group { name: tag, description: String::new(), operations: vec![operation] })
                        }
                    }
                }
            }
        }
        groups.retain(|group| !group.operations.is_empty());
        let schemas = &document["components"]["schemas"];
        Self {
            description: text(&document["info"]["description"]),
            version: text(&document["info"]["version"]),
            groups,
            shapes: members(schemas).map(|(name, schema)| Shape::of(schemas, name, schema)).collect(),
        }
    }
}

impl Operation {
    fn of(document: &Value, path: &str, method: &str, operation: &Value) -> Self {
        let body = members(&operation["requestBody"]["content"]).next();
        Self {
            id: text(&operation["operationId"]),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text(&operation["summary"]),
            description: text(&operation["description"]),
            secured: operation.get("security").is_none(),
            parameters: each(&operation["parameters"])
                .map(|parameter| Parameter {
                    name: text(&parameter["name"]),
                    place: text(&parameter["in"]),
                    required: parameter["required"] == true,
                    kind: Kind::of(&parameter["schema"]),
                    description: text(&parameter["description"]),
                })
                .collect(),
            body: body.map(|(media_type, content)| Body {
                media_type: media_type.clone(),
                kind: Kind::of(&content["schema"]),
                example: content.get("example").cloned(),
            }),
            responses: members(&operation["responses"])
                .map(|(status, response)| Response::of(document, status, response))
                .collect(),
        }
    }
}

impl Response {
    fn of(document: &Value, status: &str, response: &Value) -> Self {
        let named = response["$ref"].as_str().and_then(|named| named.rsplit('/').next());
        let response = named.map_or(response, |name| &document["components"]["responses"][name]);
        let (kind, content) = members(&response["content"]).next().unzip();
        let content = content.filter(|content| content.get("schema").is_some());
        let succeeds = kind.is_some_and(|kind| kind == "application/json");
        Self {
            status: status.to_owned(),
            description: text(&response["description"]),
            kind: content.map(|content| Kind::of(&content["schema"])),
            example: content.filter(|_| succeeds).and_then(|content| content.get("example")).cloned(),
        }
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub(super) fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_description_is_read() {
        let document = json!({
            "info": { "version": "1", "description": "d" },
            "tags": [{ "name": "Things", "description": "All things" }, { "name": "Nothing" }],
            "paths": { "/things/{id}": { "post": {
                "operationId": "makeThing", "tags": ["Things"], "summary": "Makes a thing.", "security": [{}],
                "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }],
                "requestBody": { "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/Thing" }, "example": { "a": 1 },
                } } },
                "responses": { "201": { "description": "made" }, "404": { "$ref": "#/components/responses/Gone" } },
            } } },
            "components": {
                "responses": { "Gone": { "description": "gone", "content": { "application/problem+json": {
                    "schema": { "$ref": "#/components/schemas/Problem" }, "example": {},
                } } } },
                "schemas": { "Thing": { "type": "object", "properties": { "a": { "type": "integer" } } } },
            },
        });
        let reference = Reference::of(&document);
        assert_eq!(reference.groups.len(), 1, "an empty group is left out");
        let operation = &reference.groups[0].operations[0];
        assert_eq!((operation.method.as_str(), operation.secured), ("POST", false));
        assert_eq!(operation.body.as_ref().unwrap().kind.link.as_deref(), Some("Thing"));
        assert!(operation.parameters[0].required);
        let [made, gone] = operation.responses.as_slice() else { panic!("{operation:?}") };
        assert_eq!((made.kind.is_none(), gone.description.as_str()), (true, "gone"));
        assert_eq!(gone.kind.as_ref().unwrap().link.as_deref(), Some("Problem"));
        assert_eq!(reference.shapes[0].forms[0][0].name, "a");
        // Garbage makes an empty page, not a panic.
        assert!(Reference::of(&json!([])).groups.is_empty());
    }
}
