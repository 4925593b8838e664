//! Schemas in words.

use serde_json::Value;

use super::model::{each, members, text};

/// What a value is: in words, and the schema that tells more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) words: String,
    pub(super) link: Option<String>,
}

/// A schema that others refer to.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) description: String,
    /// The fields, in each of the forms that it can have; none for a value without fields.
    pub(super) forms: Vec<Vec<Field>>,
    pub(super) kind: Kind,
}

/// A field of an object.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) required: bool,
    pub(super) description: String,
}

impl Kind {
    pub(super) fn of(schema: &Value) -> Self {
        if let Some(name) = schema["$ref"].as_str().and_then(|named| named.rsplit('/').next()) {
            return Self { words: name.to_owned(), link: Some(name.to_owned()) };
        }
        if schema.get("enum").is_some() {
            let values: Vec<_> = each(&schema["enum"]).map(Value::to_string).collect();
            return Self { words: values.join(" or "), link: None };
        }
        for choice in ["oneOf", "anyOf", "allOf"] {
            let kinds: Vec<_> = each(&schema[choice]).map(Self::of).collect();
            if !kinds.is_empty() {
                let words: Vec<_> = kinds.iter().map(|kind| kind.words.as_str()).collect();
                let joined = words.join(if choice == "allOf" { " and " } else { " or " });
                return Self { words: joined, link: kinds.into_iter().find_map(|kind| kind.link) };
            }
        }
        let names: Vec<&str> = match &schema["type"] {
            Value::String(name) => vec![name],
            names => each(names).filter_map(Value::as_str).collect(),
        };
        let mut link = None;
        let words: Vec<_> = names
            .iter()
            .map(|name| match (*name, schema["format"].as_str()) {
                ("array", _) => {
                    let items = Self::of(&schema["items"]);
                    link.clone_from(&items.link);
                    ["list of ", &items.words].concat()
                }
                ("string", Some("date-time")) => "time (RFC 3339)".to_owned(),
                ("string", Some("uuid")) => "id (UUID)".to_owned(),
                ("string", Some("ipv4")) => "IPv4 address".to_owned(),
                ("string", Some("ipv6")) => "IPv6 address".to_owned(),
                (name, _) => name.to_owned(),
            })
            .collect();
        Self { words: words.join(" or "), link }
    }
}

impl Shape {
    pub(super) fn of(schemas: &Value, name: &str, schema: &Value) -> Self {
        let forms: Vec<_> = match schema.get("oneOf") {
            Some(forms) => each(forms).map(|form| fields(schemas, form)).collect(),
            None => vec![fields(schemas, schema)],
        };
        let forms = forms.into_iter().filter(|fields| !fields.is_empty()).collect();
        Self { name: name.to_owned(), description: text(&schema["description"]), forms, kind: Kind::of(schema) }
    }
}

/// The fields of an object, those that must be there first; with those of the objects that it is made of.
fn fields(schemas: &Value, schema: &Value) -> Vec<Field> {
    if let Some(name) = schema["$ref"].as_str().and_then(|named| named.rsplit('/').next()) {
        return fields(schemas, &schemas[name]);
    }
    let required: Vec<_> = each(&schema["required"]).filter_map(Value::as_str).collect();
    let own = members(&schema["properties"]).map(|(name, field)| Field {
        name: name.clone(),
        kind: Kind::of(field),
        required: required.contains(&name.as_str()),
        description: text(&field["description"]),
    });
    let mut all: Vec<_> = own.chain(each(&schema["allOf"]).flat_map(|part| fields(schemas, part))).collect();
    all.sort_by_key(|field| !field.required);
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_in_words() {
        let words = |schema: Value| Kind::of(&schema).words;
        assert_eq!(words(json!({ "type": ["string", "null"], "format": "date-time" })), "time (RFC 3339) or null");
        assert_eq!(words(json!({ "type": "array", "items": { "type": "string" } })), "list of string");
        assert_eq!(words(json!({ "type": "string", "enum": ["a", "b"] })), "\"a\" or \"b\"");
        let optional = Kind::of(&json!({ "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Level" }] }));
        assert_eq!((optional.words.as_str(), optional.link.as_deref()), ("null or Level", Some("Level")));
    }

    #[test]
    fn fields_of_parts_are_fields() {
        let schemas = json!({ "Token": { "properties": { "id": { "type": "string" } }, "required": ["id"] } });
        let schema = json!({ "allOf": [
            { "$ref": "#/components/schemas/Token" },
            { "properties": { "b": { "type": "string" }, "a": { "type": "string" } }, "required": ["a"] },
        ] });
        let shape = Shape::of(&schemas, "Both", &schema);
        let names: Vec<_> = shape.forms[0].iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["id", "a", "b"]);
    }
}
