//! Sends a request with a credential.

use reqwest::header::CONTENT_TYPE;

use super::answer::Answer;
use super::operation::Request;
use super::world::{Credential, World};

pub(crate) async fn send(world: &World, request: &Request, credential: &Credential) -> Answer {
    let mut sent = world.http.request(request.method.clone(), format!("{}{}", world.server.url, request.path));
    for (name, value) in &request.headers {
        sent = sent.header(name, value);
    }
    if let Some(bearer) = &credential.bearer {
        sent = sent.bearer_auth(bearer);
    }
    if let Some(cookie) = &credential.cookie {
        sent = sent.header("cookie", cookie);
    }
    if let Some(kind) = request.content_type {
        sent = sent.header(CONTENT_TYPE, kind).body(request.body.clone());
    }
    Answer::read(sent.send().await.unwrap()).await
}
