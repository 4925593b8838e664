//! An operation, as it is described, and the requests that are made of it.

use std::fmt;

use prost::Message;
use prost_reflect::{DynamicMessage, EnumDescriptor, Kind as FieldKind, MessageDescriptor, Value as FieldValue};
use reqwest::Method;
use serde_json::Value;

use crate::common::unique;

/// Stands for a name that nothing has had yet.
pub(crate) const UNIQUE: &str = "{unique}";

/// What a reference is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    OrganizationName,
    OrganizationId,
    DeletedOrganization,
    TokenId,
    /// The token itself, as a resource server presents it.
    Token,
    ProjectId,
    ProjectName,
    Repository,
    RepositoryName,
    Membership,
    /// The caller's own membership.
    OwnMembership,
    Invitation,
    User,
    Credential,
}

impl Kind {
    /// Another way to name the same in an address.
    fn other(self) -> Option<Self> {
        match self {
            Self::OrganizationName => Some(Self::OrganizationId),
            Self::ProjectId => Some(Self::ProjectName),
            Self::Repository => Some(Self::RepositoryName),
            _ => None,
        }
    }
}

/// Where in a request something stands.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Path(String),
    Query(String),
    /// The path of the original request, as a proxy tells it.
    OriginalPath,
    /// The way into the body; `0` is the first item of a list.
    Body(Vec<String>),
}

/// A part of a request that names an object.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
    /// Without it there is no request.
    pub(crate) required: bool,
}

#[derive(Clone)]
pub(crate) enum Body {
    None,
    Json(Value),
    Form(Value),
    Message(MessageDescriptor, Value),
}

pub(crate) struct Operation {
    /// Method and path, or service and method.
    pub(crate) name: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
    pub(crate) references: Vec<Reference>,
    /// For anybody: no credential is looked at.
    pub(crate) open: bool,
    /// Not called: an open method of gRPC's own services.
    pub(crate) streams: bool,
}

/// Which of the references are to another organization; the others are to the caller's own.
#[derive(Default)]
pub(crate) struct Variant {
    /// Indices of those that are sent.
    used: Vec<usize>,
    /// Index of the only one that is foreign; all are without it.
    only: Option<usize>,
    /// Whether what has an id and a name is named in the other way.
    other: bool,
    /// Whether the header names the other organization.
    pub(crate) header: bool,
}

pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) body: Vec<u8>,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Path(name) => write!(f, "{{{name}}}"),
            Place::Query(name) => write!(f, "?{name}"),
            Place::OriginalPath => f.write_str("X-Original-URI"),
            Place::Body(way) => f.write_str(&way.join(".")),
        }
    }
}

impl Variant {
    /// What is foreign, as the table says it.
    pub(crate) fn label(&self, operation: &Operation) -> String {
        let foreign = self.used.iter().filter(|index| self.only.is_none_or(|only| only == **index));
        let mut parts: Vec<_> = foreign.map(|index| operation.references[*index].to_string()).collect();
        if self.other {
            parts.push("named otherwise".to_owned());
        }
        if self.header {
            parts.push("organization header".to_owned());
        }
        parts.join(", ")
    }

    /// The references that are sent.
    pub(crate) fn references(&self, operation: &Operation) -> impl Iterator<Item = Reference> {
        self.used.iter().map(|index| {
            let mut reference = operation.references[*index].clone();
            if let Some(other) = reference.kind.other().filter(|_| self.other) {
                reference.kind = other;
            }
            reference
        })
    }

    /// Whether the reference at this place among those that are sent is foreign.
    pub(crate) fn is_foreign(&self, place: usize) -> bool {
        self.only.is_none_or(|only| only == self.used[place])
    }
}

impl Operation {
    pub(crate) fn reads(&self) -> bool {
        self.method == Method::GET
    }

    /// Every way to reach for another organization: all required references, each of them alone, each optional one, by
    /// name instead of id, and the header.
    pub(crate) fn variants(&self) -> Vec<Variant> {
        if self.open {
            return Vec::new();
        }
        let required: Vec<_> = (0..self.references.len()).filter(|index| self.references[*index].required).collect();
        let mut variants = Vec::new();
        if !required.is_empty() {
            variants.push(Variant { used: required.clone(), ..Variant::default() });
        }
        for index in 0..self.references.len() {
            let optional = !self.references[index].required;
            if optional || required.len() > 1 {
                let mut used = required.clone();
                used.extend(optional.then_some(index));
                variants.push(Variant { used, only: Some(index), ..Variant::default() });
            }
        }
        let in_address = |index: &usize| {
            let reference = &self.references[*index];
            matches!(reference.place, Place::Path(_)) && reference.kind.other().is_some()
        };
        if required.iter().any(in_address) {
            variants.push(Variant { used: required.clone(), other: true, ..Variant::default() });
        }
        variants.push(Variant { used: required, header: true, ..Variant::default() });
        variants
    }

    /// The request with these values in the places of the variant's references.
    pub(crate) fn request(&self, variant: &Variant, values: &[String], organization: Option<&str>) -> Request {
        let (mut path, mut query, mut headers) = (self.path.clone(), self.query.clone(), self.headers.clone());
        let mut body = self.body.clone();
        for (reference, value) in variant.references(self).zip(values) {
            match &reference.place {
                Place::Path(name) => path = path.replace(&format!("{{{name}}}"), &value.replace('/', "%2F")),
                Place::Query(name) => query.push((name.clone(), value.clone())),
                Place::OriginalPath => {
                    headers.retain(|(name, _)| !name.starts_with("X-Original"));
                    headers.push(("X-Original-Method".to_owned(), "POST".to_owned()));
                    headers.push(("X-Original-URI".to_owned(), format!("/api/scans/trigger/{value}")));
                }
                Place::Body(way) => match &mut body {
                    Body::Json(content) | Body::Form(content) | Body::Message(_, content) => put(content, way, value),
                    Body::None => panic!("{} has no body", self.name),
                },
            }
        }
        // Both names of the header are read, by both transports.
        let header = if matches!(body, Body::Message(..)) { "chainloop-organization" } else { "latchkey-organization" };
        headers.extend(organization.map(|name| (header.to_owned(), name.to_owned())));
        if !query.is_empty() {
            let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&query).finish();
            path = format!("{path}?{query}");
        }
        if let Body::Json(content) | Body::Message(_, content) = &mut body
            && content["name"] == UNIQUE
        {
            content["name"] = unique().replace('_', "-").into();
        }
        let (content_type, body) = match &body {
            Body::None => (None, Vec::new()),
            Body::Json(content) => (Some("application/json"), content.to_string().into_bytes()),
            Body::Form(content) => {
                let pairs = content.as_object().unwrap().iter().map(|(name, value)| (name, value.as_str().unwrap()));
                let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
                (Some("application/x-www-form-urlencoded"), form.into_bytes())
            }
            Body::Message(descriptor, content) => {
                let message = message(descriptor, content).encode_to_vec();
                let mut frame = vec![0];
                frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
                frame.extend(message);
                (Some("application/grpc-web+proto"), frame)
            }
        };
        Request { method: self.method.clone(), path, headers, content_type, body }
    }
}

/// Puts a text at a place in a body.
fn put(content: &mut Value, way: &[String], text: &str) {
    let Some((first, rest)) = way.split_first() else {
        *content = Value::String(text.to_owned());
        return;
    };
    if first == "0" {
        if !content.is_array() {
            *content = Value::Array(Vec::new());
        }
        let items = content.as_array_mut().unwrap();
        if items.is_empty() {
            items.push(Value::Null);
        }
        return put(&mut items[0], rest, text);
    }
    if content.is_null() {
        *content = serde_json::json!({});
    }
    if first == "repositories" {
        // Only those that are listed.
        content.as_object_mut().unwrap().retain(|name, _| name != "allRepositories" && name != "all_repositories");
    }
    put(&mut content[first], rest, text);
}

/// A message with the content of a JSON object, whose names are those of the fields.
fn message(descriptor: &MessageDescriptor, content: &Value) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for (name, value) in content.as_object().unwrap() {
        let field = descriptor.get_field_by_name(name).unwrap();
        let value = match value {
            Value::Array(items) => {
                FieldValue::List(items.iter().map(|item| field_value(&field.kind(), item)).collect())
            }
            single => field_value(&field.kind(), single),
        };
        message.set_field(&field, value);
    }
    message
}

fn field_value(kind: &FieldKind, value: &Value) -> FieldValue {
    let number = |word: &str, of: &EnumDescriptor| of.get_value_by_name(word).unwrap().number();
    match (kind, value) {
        (FieldKind::Message(descriptor), content) => FieldValue::Message(message(descriptor, content)),
        (FieldKind::Enum(of), Value::String(word)) => FieldValue::EnumNumber(number(word, of)),
        (FieldKind::String, Value::String(text)) => FieldValue::String(text.clone()),
        (FieldKind::Bool, Value::Bool(flag)) => FieldValue::Bool(*flag),
        (FieldKind::Int32, Value::Number(number)) => FieldValue::I32(i32::try_from(number.as_i64().unwrap()).unwrap()),
        other => panic!("no way to write {other:?}"),
    }
}
