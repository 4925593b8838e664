//! `/oauth/introspect` as resource servers of OAuth use it: their ways to present themselves, and their errors.

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{all, token};
use crate::common::{Server, answer, text};

on_both_engines!(a_client_presents_itself, what_is_wrong_is_said_as_oauth_says_it);

/// Asks as a bearer.
pub(crate) async fn introspect(server: &Server, asker: &str, form: &[(&str, &str)]) -> (StatusCode, Value) {
    answer(server.request(Method::POST, "/oauth/introspect", asker).form(form).send().await.unwrap()).await
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{id}:{secret}")))
}

/// Sends a body with headers; the status, the error, and what challenges it.
async fn send(server: &Server, headers: &[(&str, &str)], body: &str) -> (u16, Value, Vec<String>) {
    let request = server.http.post(format!("{}/oauth/introspect", server.url)).body(body.to_owned());
    let form = ("content-type", "application/x-www-form-urlencoded");
    let has_type = headers.iter().any(|(name, _)| *name == form.0);
    let headers = headers.iter().chain(Some(&form).filter(|_| !has_type));
    let request = headers.fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let challenges = challenges(response.headers());
    let (status, body) = answer(response).await;
    if status != StatusCode::OK {
        let members: Vec<_> = body.as_object().unwrap().keys().collect();
        assert_eq!(members, ["error", "error_description"], "{body}");
        let allowed = |byte: u8| matches!(byte, b' '..=b'~') && !b"\"\\".contains(&byte);
        assert!(text(&body["error_description"]).bytes().all(allowed), "RFC 6749, section 5.2: {body}");
    }
    (status.as_u16(), body, challenges)
}

/// The schemes of `WWW-Authenticate`.
fn challenges(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all("www-authenticate").iter();
    values.map(|value| value.to_str().unwrap().split(' ').next().unwrap().to_owned()).collect()
}

async fn a_client_presents_itself(server: Server) {
    let user = server.log_in().await;
    let (id, asker) = all(&server, &user, "Scanner", &["tokens:introspect"]).await;
    let (other, presented) = all(&server, &user, "CI", &["scans:read"]).await;
    let question = format!("token={presented}");
    let asks = async |authorization: Option<&str>, body: &str| {
        let headers: Vec<_> = authorization.into_iter().map(|value| ("authorization", value)).collect();
        send(&server, &headers, body).await
    };
    let escaped = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let bearer = format!("Bearer {asker}");
    for (authorization, body) in [
        (Some(bearer.clone()), question.clone()),
        (Some(bearer.clone()), format!("{question}&client_id={id}")),
        (Some(basic(&id, &asker)), question.clone()),
        (Some(basic(&id, &asker).replace("Basic", "basic")), question.clone()),
        (Some(basic(&id, &asker)), format!("client_id={id}&{question}")),
        // Each is written as in a form before they are put together.
        (Some(basic(&escaped(&id), &escaped(&asker))), question.clone()),
        (None, format!("client_id={id}&client_secret={asker}&{question}")),
        (None, format!("client_id={}&client_secret={}&{question}", escaped(&id), escaped(&asker))),
        // Without a value counts as left out.
        (Some(bearer.clone()), format!("client_secret=&client_id=&{question}")),
        // What is not known is ignored, the hint too.
        (Some(bearer.clone()), format!("{question}&token_type_hint=refresh_token&resource=a&resource=b&&x")),
    ] {
        let (status, answer, _) = asks(authorization.as_deref(), &body).await;
        assert_eq!((status, &answer["active"], &answer["sub"]), (200, &json!(true), &json!(other)), "{body}");
    }
    for (authorization, body, status, error, challenge) in [
        (None, question.clone(), 401, "invalid_client", vec!["Bearer", "Basic"]),
        (Some("Negotiate x".to_owned()), question.clone(), 401, "invalid_client", vec!["Bearer", "Basic"]),
        (None, format!("client_id={id}&{question}"), 401, "invalid_client", vec!["Bearer", "Basic"]),
        (Some("Bearer ci_x".to_owned()), question.clone(), 401, "invalid_token", vec!["Bearer"]),
        // Another token's id, no id, a credential of another kind.
        (Some(basic(&other, &asker)), question.clone(), 401, "invalid_client", vec!["Basic"]),
        (Some(basic("scanner", &asker)), question.clone(), 401, "invalid_client", vec!["Basic"]),
        (Some(basic("", &asker)), question.clone(), 401, "invalid_client", vec!["Basic"]),
        (Some(basic(&id, "")), question.clone(), 401, "invalid_client", vec!["Basic"]),
        (Some(basic(&id, &presented)), question.clone(), 401, "invalid_client", vec!["Basic"]),
        (Some(basic(&id, &user)), question.clone(), 401, "invalid_client", vec!["Basic"]),
        (Some(basic(&id, &format!("{asker}%"))), question.clone(), 401, "invalid_client", vec!["Basic"]),
        (Some("Basic !".to_owned()), question.clone(), 401, "invalid_client", vec!["Basic"]),
        (Some(format!("Basic {}", BASE64.encode(&asker))), question.clone(), 401, "invalid_client", vec!["Basic"]),
        (None, format!("client_id={other}&client_secret={asker}&{question}"), 401, "invalid_client", vec!["Basic"]),
        (None, format!("client_secret={asker}&{question}"), 400, "invalid_request", vec![]),
        // In two ways at once, or as two.
        (
            Some(basic(&id, &asker)),
            format!("client_id={id}&client_secret={asker}&{question}"),
            400,
            "invalid_request",
            vec![],
        ),
        (Some(bearer.clone()), format!("client_secret={asker}&{question}"), 400, "invalid_request", vec![]),
        (Some(bearer.clone()), format!("client_id={other}&{question}"), 400, "invalid_request", vec![]),
        (Some(basic(&id, &asker)), format!("client_id={other}&{question}"), 400, "invalid_request", vec![]),
        // It may not ask.
        (Some(basic(&other, &presented)), question.clone(), 403, "insufficient_scope", vec![]),
        (Some(format!("Bearer {presented}")), question.clone(), 403, "insufficient_scope", vec!["Bearer"]),
        (Some(format!("Bearer {user}")), question.clone(), 403, "unauthorized_client", vec![]),
    ] {
        let (got, answer, schemes) = asks(authorization.as_deref(), &body).await;
        assert_eq!((got, &*text(&answer["error"])), (status, error), "{authorization:?} {body}");
        if error != "insufficient_scope" {
            assert_eq!(schemes, challenge, "{authorization:?} {body}");
        }
    }
    let two = [("authorization", &*bearer), ("authorization", &basic(&id, &asker))];
    assert_eq!(send(&server, &two, &question).await.1["error"], "invalid_request");
    // A secret under another's id is no use of its token.
    let body = json!({ "name": "Unused", "scopes": ["tokens:introspect"], "allRepositories": true });
    let (unused, secret) = token(&server, &user, body).await;
    assert_eq!(asks(Some(&basic(&id, &secret)), &question).await.0, 401);
    let (_, seen) = server.get(&format!("/api/auth/cli-tokens/{unused}"), &user).await;
    assert!(seen["lastUsedAt"].is_null(), "{seen}");
    // It ends as every token does.
    server.delete(&format!("/api/auth/cli-tokens/{id}"), &user).await;
    let (status, answer, _) = asks(Some(&basic(&id, &asker)), &question).await;
    assert_eq!((status, &answer["error"]), (401, &json!("invalid_client")));
    assert!(text(&answer["error_description"]).contains("revoked"), "{answer}");
}

async fn what_is_wrong_is_said_as_oauth_says_it(server: Server) {
    let user = server.log_in().await;
    let (_, asker) = all(&server, &user, "Scanner", &["tokens:introspect"]).await;
    let (_, presented) = all(&server, &user, "CI", &["scans:read"]).await;
    let bearer = format!("Bearer {asker}");
    let authorized = ("authorization", bearer.as_str());
    for body in [
        "".to_owned(),
        "token=".to_owned(),
        "token".to_owned(),
        "token_type_hint=access_token".to_owned(),
        format!("token={presented}&token={presented}"),
        format!("token={presented}&token="),
        format!("token={presented}&%74oken={presented}"),
        format!("token={presented}&token_type_hint=a&token_type_hint=b"),
        format!("token={presented}&client_id=a&client_id=a"),
        format!("token={presented}&client_secret=&client_secret="),
        "token=%zz".to_owned(),
        "token=%FF".to_owned(),
        format!("token={presented}&x=%"),
        format!("Token={presented}"),
    ] {
        let (status, error, _) = send(&server, &[authorized], &body).await;
        assert_eq!((status, &error["error"]), (400, &json!("invalid_request")), "{body}");
    }
    // The query is no form.
    let asked = server.request(Method::POST, &format!("/oauth/introspect?token={presented}"), &asker);
    let (status, error) = answer(asked.form(&[("x", "y")]).send().await.unwrap()).await;
    assert_eq!((status.as_u16(), &error["error"]), (400, &json!("invalid_request")));
    let question = format!("token={presented}");
    for (kind, status) in [
        ("application/json", 415),
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 415),
        ("", 415),
        ("Application/X-WWW-Form-URLEncoded; charset=UTF-8", 200),
    ] {
        let (got, error, _) = send(&server, &[authorized, ("content-type", kind)], &question).await;
        let expected = if status == 200 { json!(null) } else { json!("invalid_request") };
        assert_eq!((got, &error["error"]), (status, &expected), "{kind}");
    }
    let huge = format!("token={presented}&x={}", "x".repeat(1_100_000));
    let (status, error, _) = send(&server, &[authorized], &huge).await;
    assert_eq!((status, &error["error"]), (413, &json!("invalid_request")));
    // A broken signature, and a body that is too large for one.
    let half = [authorized, ("x-cli-nonce", "n")];
    let (status, error, _) = send(&server, &half, &question).await;
    assert_eq!((status, &error["error"]), (401, &json!("invalid_token")));
    assert_eq!(send(&server, &half, &huge).await.0, 413);
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = server.request(method.clone(), "/oauth/introspect", &asker).send().await.unwrap();
        assert_eq!(response.headers()["allow"], "POST", "{method}");
        let (status, error) = answer(response).await;
        assert_eq!((status.as_u16(), &error["error"]), (405, &json!("invalid_request")), "{method}");
    }
    // An organization that the header names, and that is not there or another's.
    let foreign = server.foreign_organization().await;
    for named in ["globex", "no-such", "A B"] {
        let headers = [authorized, ("latchkey-organization", named)];
        let (status, error, _) = send(&server, &headers, &question).await;
        assert!([400, 403].contains(&status), "{named}: {status} {error}");
    }
    // Tokens of others, and what is none, are not active, whatever they are.
    for token in [foreign.secret.as_str(), &foreign.user_token, &user, "ci_x", "a b", "é"] {
        assert_eq!(introspect(&server, &asker, &[("token", token)]).await.1, json!({ "active": false }));
    }
}
