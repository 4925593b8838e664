//! Calls of server functions. What Leptos would bring for it weighs more than the islands that call.

use js_sys::{JSON, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{RequestInit, Response};

use super::json::{FromJson, field, object, read};
use crate::answers::{Code, Failure};

/// Calls the server function of an endpoint with its arguments by name.
pub(crate) async fn call<T: FromJson>(endpoint: &str, arguments: &[(&str, JsValue)]) -> Result<T, Failure> {
    let answer = post(["/_fn/", endpoint].concat(), object(arguments)).await.unwrap_or_default();
    result(&answer)
}

/// What a server function answers: `{"Ok": …}` or `{"Err": failure}`, or the failure itself when it did not run.
fn result<T: FromJson>(answer: &JsValue) -> Result<T, Failure> {
    let done = field(answer, "Ok");
    if !done.is_undefined()
        && let Some(done) = read(&done)
    {
        return Ok(done);
    }
    Err(failure(answer))
}

fn failure(answer: &JsValue) -> Failure {
    let refused = field(answer, "Err");
    // An answer that can't be read is one of a proxy, perhaps.
    read(if refused.is_undefined() { answer } else { &refused }).unwrap_or_else(|| Failure::new(Code::Unavailable))
}

async fn post(path: String, arguments: JsValue) -> Result<JsValue, JsValue> {
    let request = RequestInit::new();
    request.set_method("POST");
    request.set_body(&JSON::stringify(&arguments)?.into());
    let json = || JsValue::from_str("application/json");
    request.set_headers(&object(&[("Content-Type", json()), ("Accept", json())]));
    let fetched: Promise = leptos::prelude::window().fetch_with_str_and_init(&path, &request);
    let response: Response = JsFuture::from(fetched).await?.unchecked_into();
    JsFuture::from(response.json()?).await
}
