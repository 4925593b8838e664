//! An answer of either transport, in a form to be compared: without what differs between two of the same.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use prost::Message;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use tonic::Code;
use tonic_types::pb::{self, ErrorInfo};

/// Not the same twice.
const CHANGING: [&str; 3] = ["date", "x-request-id", "content-length"];

pub(crate) struct Answer {
    pub(crate) success: bool,
    /// Status and the word for what was wrong.
    pub(crate) label: String,
    /// Status, headers and body, without the id of the request.
    pub(crate) text: String,
    /// The body alone.
    pub(crate) body: String,
}

impl Answer {
    pub(crate) async fn read(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        let request = headers.get("x-request-id").map(|id| id.to_str().unwrap().to_owned()).unwrap_or_default();
        let grpc = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
        let mut lines = lines_of(&headers);
        let (success, label, body) = if grpc {
            let (message, trailers) = frames(&bytes);
            lines.extend(
                trailers.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| line_of(name, value)),
            );
            let number = lines.iter().find_map(|line| line.strip_prefix("grpc-status: ")).unwrap();
            let code = Code::from_i32(number.parse().unwrap());
            (code == Code::Ok, format!("{code:?}"), message)
        } else {
            let body = String::from_utf8_lossy(&bytes).into_owned();
            (status.is_success(), label(status, &body), body)
        };
        lines.sort();
        let hidden = |text: String| if request.is_empty() { text } else { text.replace(&request, "[request]") };
        let body = hidden(body);
        Self { success, label, text: hidden(format!("{status} {} {body}", lines.join(" | "))), body }
    }

    /// The text without what was sent.
    pub(crate) fn without(&self, values: &[String], organization: &str) -> String {
        // Short ones are words as well, such as `me`.
        let mut sent = self.text.clone();
        for value in values.iter().filter(|value| value.len() > 4) {
            sent = sent.replace(&**value, "[sent]").replace(&value.replace('/', "%2F"), "[sent]");
        }
        sent.replace(organization, "[sent]")
    }
}

fn label(status: StatusCode, body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let problem = body["type"].as_str().and_then(|kind| kind.strip_prefix("urn:latchkey:problem:"));
    let word = if status.is_success() { None } else { problem.or(body["error"].as_str()) };
    word.map_or_else(|| status.as_str().to_owned(), |word| format!("{} {word}", status.as_str()))
}

fn lines_of(headers: &HeaderMap) -> Vec<String> {
    let kept = headers.iter().filter(|(name, _)| !CHANGING.contains(&name.as_str()));
    kept.map(|(name, value)| line_of(name.as_str(), &String::from_utf8_lossy(value.as_bytes()))).collect()
}

fn line_of(name: &str, value: &str) -> String {
    let value = value.trim();
    let decoded = name.ends_with("-bin").then(|| STANDARD_NO_PAD.decode(value.trim_end_matches('=')).unwrap());
    format!("{name}: {}", decoded.map_or_else(|| value.to_owned(), |bytes| details(&bytes)))
}

/// The details of an error of gRPC; the order of what is in an `ErrorInfo` says nothing.
fn details(bytes: &[u8]) -> String {
    let details = pb::Status::decode(bytes).unwrap().details.into_iter();
    let texts = details.map(|detail| match ErrorInfo::decode(&*detail.value) {
        Ok(info) if detail.type_url.ends_with("ErrorInfo") => {
            let metadata: BTreeMap<_, _> = info.metadata.into_iter().collect();
            format!("{} {} {metadata:?}", info.reason, info.domain)
        }
        _ => String::from_utf8_lossy(&detail.value).into_owned(),
    });
    texts.collect::<Vec<_>>().join(" ")
}

/// Messages and trailers of gRPC-Web.
fn frames(mut bytes: &[u8]) -> (String, String) {
    let (mut message, mut trailers) = (String::new(), String::new());
    while let Some((head, rest)) = bytes.split_at_checked(5) {
        let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
        let text = String::from_utf8_lossy(&rest[..length]);
        if head[0] & 0x80 == 0 {
            message.push_str(&text)
        } else {
            trailers.push_str(&text)
        }
        bytes = &rest[length..];
    }
    (message, trailers)
}
