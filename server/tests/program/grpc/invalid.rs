//! Messages that the protocol calls invalid, generated from the `.proto` files: whoever adds a field finds it tried here.

use std::collections::BTreeMap;

use latchkey_proto::DESCRIPTORS;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

use super::refusals::{framed, raw};
use crate::common::Server;

on_both_engines!(what_the_protocol_calls_invalid_is_refused);

/// A field's number and what stands in it.
fn field(number: i32, value: Value<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let number = u32::try_from(number).unwrap();
    match value {
        Value::Number(value) => {
            encode_key(number, WireType::Varint, &mut bytes);
            encode_varint(value.cast_unsigned(), &mut bytes);
        }
        Value::Bytes(value) => {
            encode_key(number, WireType::LengthDelimited, &mut bytes);
            encode_varint(value.len() as u64, &mut bytes);
            bytes.extend(value);
        }
    }
    bytes
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Number(i64),
    Bytes(&'a [u8]),
}

/// Seconds and nanoseconds of a Duration or Timestamp.
fn moment(seconds: i64, nanos: i64) -> Vec<u8> {
    [field(1, Value::Number(seconds)), field(2, Value::Number(nanos))].concat()
}

/// What makes this field invalid, each as what stands in it.
fn invalid(field_of: &FieldDescriptorProto) -> Vec<Vec<u8>> {
    let number = field_of.number();
    let moments = |pairs: &[(i64, i64)]| -> Vec<_> {
        pairs.iter().map(|(seconds, nanos)| field(number, Value::Bytes(&moment(*seconds, *nanos)))).collect()
    };
    match (field_of.r#type(), field_of.type_name()) {
        (Type::Message, ".google.protobuf.Duration") => moments(&[
            (60, -1),
            (-60, 1),
            (0, 1_000_000_000),
            (0, -1_000_000_000),
            (60, i64::from(i32::MAX)),
            (60, i64::from(i32::MIN)),
            (315_576_000_001, 0),
            (-315_576_000_001, 0),
            (i64::MAX, 0),
            (i64::MIN, 0),
            (-1, 0),
            (0, -1),
        ]),
        (Type::Message, ".google.protobuf.Timestamp") => {
            moments(&[(0, -1), (0, 1_000_000_000), (253_402_300_800, 0), (-62_135_596_801, 0), (i64::MAX, 0)])
        }
        // Exactly one of the two.
        (Type::Message, ".controlplane.v1.IdentityReference") => {
            let id = field(1, Value::Bytes(b"01a2130b-00f2-7dc4-8c88-7a45468a46f3"));
            let both = [id, field(2, Value::Bytes(b"name"))].concat();
            let odd = [Vec::new(), both, field(1, Value::Bytes(b"x")), field(2, Value::Bytes(b" "))];
            odd.iter().map(|message| field(number, Value::Bytes(message))).collect()
        }
        (Type::Enum, _) => [99, -1, i64::from(i32::MAX)].map(|value| field(number, Value::Number(value))).to_vec(),
        (Type::Int32 | Type::Int64, _) => {
            [-1, i64::from(i32::MIN), i64::from(i32::MAX)].map(|value| field(number, Value::Number(value))).to_vec()
        }
        _ => Vec::new(),
    }
}

/// All invalid messages of a type, with the field that each is about.
fn messages(types: &BTreeMap<String, DescriptorProto>, name: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for part in &types[name].field {
        found.extend(invalid(part).into_iter().map(|bytes| (part.name().to_owned(), bytes)));
        if part.r#type() == Type::Message && types.contains_key(part.type_name()) && part.label() != Label::Repeated {
            for (inner, bytes) in messages(types, part.type_name()) {
                // What else the inner message needs.
                let bytes = [field(1, Value::Number(1)), field(2, Value::Number(1)), bytes].concat();
                found.push((inner, field(part.number(), Value::Bytes(&bytes))));
            }
        }
    }
    found
}

async fn what_the_protocol_calls_invalid_is_refused(server: Server) {
    let user = server.log_in().await;
    let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
    let ours: Vec<_> = files.into_iter().filter(|file| file.package() == "controlplane.v1").collect();
    let named = |message: &DescriptorProto| (format!(".controlplane.v1.{}", message.name()), message.clone());
    let types: BTreeMap<_, _> = ours.iter().flat_map(|file| file.message_type.iter().map(named)).collect();
    let mut tried = BTreeMap::new();
    for service in ours.iter().flat_map(|file| &file.service) {
        for method in &service.method {
            let path = format!("/controlplane.v1.{}/{}", service.name(), method.name());
            // Whose name it is does not matter: what is wrong is said before anything is looked for.
            let has_name =
                types[method.input_type()].field.iter().any(|field| field.name() == "name" && field.number() == 1);
            for (about, bytes) in messages(&types, method.input_type()) {
                let name = if has_name { field(1, Value::Bytes(b"default")) } else { Vec::new() };
                let (code, message) =
                    raw(&server, &path, Some(&user), &[], framed(&[name, bytes.clone()].concat())).await;
                assert_eq!(code, 3, "{path} {about} {bytes:?}: {message}");
                assert!(message.contains(&about), "{path} {about} {bytes:?}: {message}");
                *tried.entry(about).or_insert(0) += 1;
            }
        }
    }
    let fields: Vec<_> = tried.keys().map(String::as_str).collect();
    let expected = [
        "api_token_max_days_inactive",
        "expires_in",
        "overlap",
        "page",
        "page_size",
        "project",
        "project_reference",
        "role",
        "scope",
        "status_filter",
    ];
    assert_eq!(fields, expected);
}
