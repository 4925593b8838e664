//! `APITokenService`.

use latchkey_proto::v1::api_token_service_list_request::{Scope, StatusFilter};
use latchkey_proto::v1::{ApiTokenServiceCreateRequest, ApiTokenServiceListRequest, IdentityReference};
use prost_types::Duration;
use reqwest::StatusCode;
use serde_json::json;
use tonic::Code;

use super::calls::{Calls, by, code, named, project, refusal};
use crate::common::{Server, text};

on_both_engines!(
    a_token_from_its_first_call_to_its_last,
    a_rotation_hands_over,
    what_is_asked_for_is_made,
    lists_are_filtered,
    lists_are_paged
);

async fn a_token_from_its_first_call_to_its_last(server: Server) {
    let (user, mut calls) = (server.log_in().await, Calls::to(&server).await);
    let (item, secret) = calls.create(&user, named("CI")).await.unwrap();
    // Without scopes: those that read.
    let reading = ["repos:read", "scans:read", "drifts:read", "runners:read", "tokens:read", "org:read"];
    let mut scopes = item.scopes.clone();
    scopes.sort_unstable();
    let mut expected = reading.to_vec();
    expected.sort_unstable();
    assert_eq!(scopes, expected);
    assert_eq!((item.name.as_str(), item.organization_name.as_str()), ("CI", "default"));
    assert!(item.all_repositories && item.repositories.is_empty() && item.scoped_entity.is_none());
    assert!(item.created_at.is_some() && item.expires_at.is_none() && item.revoked_at.is_none());
    assert_eq!(item.last_used_at, None);

    // The same token for REST, and the other way round.
    let (_, shown) = server.get(&format!("/api/auth/cli-tokens/{}", item.id), &secret).await;
    assert_eq!((&shown["name"], &shown["allRepositories"]), (&json!("CI"), &json!(true)));
    let listed = calls.tokens.list(by(&secret, ApiTokenServiceListRequest::default())).await.unwrap().into_inner();
    assert_eq!(listed.result.len(), 1);
    assert!(listed.result[0].last_used_at.is_some());
    assert_eq!(listed.result[0].organization_id, item.organization_id);

    // A reading token ends nothing but itself.
    let (other, _) = calls.create(&user, named("Other")).await.unwrap();
    assert_eq!(code(calls.revoke(&secret, &other.id).await), Code::PermissionDenied);
    calls.revoke(&secret, &item.id).await.unwrap();
    let refused = refusal(calls.tokens.list(by(&secret, ApiTokenServiceListRequest::default())).await);
    assert_eq!(refused, (Code::Unauthenticated, "API token revoked".to_owned()));
    // A token of the instance, too.
    let asked = json!({ "name": "Robot", "scopes": ["org:read"], "allRepositories": true, "level": "instance" });
    let (_, robot) = server.post("/api/auth/cli-tokens", &user, asked).await;
    calls.revoke(&user, &text(&robot["id"])).await.unwrap();
    assert_eq!(server.get("/api/auth/whoami", &text(&robot["token"])).await.0, StatusCode::UNAUTHORIZED);
    // Unlike REST, gRPC says that it was done before.
    assert_eq!(code(calls.revoke(&user, &item.id).await), Code::NotFound);
    assert_eq!(server.delete(&format!("/api/auth/cli-tokens/{}", item.id), &user).await.0, StatusCode::NO_CONTENT);
    assert_eq!(code(calls.revoke(&user, "01900000-0000-7000-8000-000000000000").await), Code::NotFound);
    assert_eq!(code(calls.revoke(&user, "CI").await), Code::InvalidArgument);
    let (_, audit) = server.get("/api/audit?action=token.revoked", &user).await;
    assert_eq!(audit["items"].as_array().unwrap().len(), 1);
}

async fn a_rotation_hands_over(server: Server) {
    let (user, mut calls) = (server.log_in().await, Calls::to(&server).await);
    let (item, first) = calls.create(&user, named("CI")).await.unwrap();
    let answers = async |secret: &str| server.get("/api/auth/whoami", secret).await.0;
    let second = calls.rotate(&user, &item.id, Some(3_600)).await.unwrap();
    assert_eq!((answers(&first).await, answers(&second).await), (StatusCode::OK, StatusCode::OK));
    let third = calls.rotate(&user, &item.id, None).await.unwrap();
    assert_eq!((answers(&second).await, answers(&third).await), (StatusCode::UNAUTHORIZED, StatusCode::OK));
    let refused = refusal(calls.tokens.list(by(&second, ApiTokenServiceListRequest::default())).await);
    assert_eq!(refused, (Code::Unauthenticated, "Token is invalid".to_owned()));

    for (id, overlap, expected) in [
        (item.id.as_str(), Some(8 * 86_400), Code::InvalidArgument),
        (&item.id, Some(-1), Code::InvalidArgument),
        ("CI", None, Code::InvalidArgument),
        ("01900000-0000-7000-8000-000000000000", None, Code::NotFound),
    ] {
        assert_eq!(calls.rotate(&user, id, overlap).await.unwrap_err().code(), expected, "{id} {overlap:?}");
    }
    // A token that reads gets no new secret out of itself, and one that has ended has none to come.
    assert_eq!(calls.rotate(&third, &item.id, None).await.unwrap_err().code(), Code::PermissionDenied);
    calls.revoke(&user, &item.id).await.unwrap();
    assert_eq!(calls.rotate(&user, &item.id, None).await.unwrap_err().code(), Code::FailedPrecondition);
}

async fn what_is_asked_for_is_made(server: Server) {
    let (user, mut calls) = (server.log_in().await, Calls::to(&server).await);
    let (_, made) = server.post("/api/projects", &user, json!({ "name": "Website" })).await;
    let (_, repository) = server.post("/api/repos", &user, json!({ "name": "acme/api" })).await;
    let asked = ApiTokenServiceCreateRequest {
        description: Some("for the site".to_owned()),
        expires_in: Some(Duration { seconds: 2_592_000, nanos: 0 }),
        project_reference: project("Website"),
        scopes: vec!["scans:trigger".to_owned()],
        repositories: vec!["acme/api".to_owned()],
        ..named("Deploy")
    };
    let (item, _) = calls.create(&user, asked.clone()).await.unwrap();
    assert_eq!(item.description, "for the site");
    assert_eq!(item.expires_at.unwrap().seconds - item.created_at.unwrap().seconds, 2_592_000);
    assert_eq!(item.scopes, ["scans:trigger"]);
    assert_eq!((item.all_repositories, item.repositories), (false, vec![text(&repository["id"])]));
    let entity = item.scoped_entity.unwrap();
    assert_eq!((entity.r#type.as_str(), entity.id, entity.name.as_str()), ("project", text(&made["id"]), "Website"));

    let (code, message) = refusal(calls.create(&user, asked.clone()).await);
    assert_eq!(code, Code::AlreadyExists, "{message}");
    let by_id = Some(IdentityReference { id: Some(text(&made["id"])), name: None });
    let (item, _) =
        calls.create(&user, ApiTokenServiceCreateRequest { project_reference: by_id, ..named("Id") }).await.unwrap();
    assert_eq!(item.scoped_entity.unwrap().name, "Website");
    // Names are unique within an owner, and the organization is another one than its project.
    calls.create(&user, ApiTokenServiceCreateRequest { project_reference: None, ..asked }).await.unwrap();
}

async fn lists_are_filtered(server: Server) {
    let (user, mut calls) = (server.log_in().await, Calls::to(&server).await);
    for name in ["Website", "organization"] {
        server.post("/api/projects", &user, json!({ "name": name })).await;
    }
    let (gone, _) = calls.create(&user, named("gone")).await.unwrap();
    calls.revoke(&user, &gone.id).await.unwrap();
    calls.create(&user, named("global")).await.unwrap();
    let of = |name: &str, of: &str| ApiTokenServiceCreateRequest { project_reference: project(of), ..named(name) };
    calls.create(&user, of("site", "Website")).await.unwrap();
    calls.create(&user, of("odd", "organization")).await.unwrap();

    let all = ApiTokenServiceListRequest::default();
    let with = |status: StatusFilter| ApiTokenServiceListRequest { status_filter: status.into(), ..all.clone() };
    let within = |scope: Scope| ApiTokenServiceListRequest { scope: scope.into(), ..all.clone() };
    let of = |name: &str| ApiTokenServiceListRequest { project: project(name), ..all.clone() };
    #[allow(deprecated, reason = "old clients still send it")]
    let old = ApiTokenServiceListRequest { include_revoked: true, ..all.clone() };
    for (what, asked, expected) in [
        ("active", all.clone(), vec!["odd", "site", "global"]),
        ("revoked", with(StatusFilter::Revoked), vec!["gone"]),
        ("all", with(StatusFilter::All), vec!["odd", "site", "global", "gone"]),
        ("all, as it was asked before", old, vec!["odd", "site", "global", "gone"]),
        ("of projects", within(Scope::Project), vec!["odd", "site"]),
        ("of no project", within(Scope::Global), vec!["global"]),
        ("of a project", of("Website"), vec!["site"]),
        ("of a project with a name that means something else", of("organization"), vec!["odd"]),
        ("of no such project", of("Nowhere"), vec![]),
    ] {
        assert_eq!(calls.names(&user, asked).await, expected, "{what}");
    }
}

async fn lists_are_paged(server: Server) {
    let (user, mut calls) = (server.log_in().await, Calls::to(&server).await);
    for number in 0..105 {
        calls.create(&user, named(&format!("token {number}"))).await.unwrap();
    }
    let (mut names, mut page_token) = (Vec::new(), String::new());
    for _ in 0..4 {
        let asked = ApiTokenServiceListRequest { page_size: 30, page_token, ..ApiTokenServiceListRequest::default() };
        let page = calls.tokens.list(by(&user, asked)).await.unwrap().into_inner();
        assert!(page.result.len() <= 30);
        names.extend(page.result.into_iter().map(|item| item.name));
        page_token = page.next_page_token;
    }
    assert_eq!((names.len(), names[0].as_str(), names[104].as_str()), (105, "token 104", "token 0"));
    assert_eq!(page_token, "");
    // Clients that know no pages get everything.
    assert_eq!(calls.names(&user, ApiTokenServiceListRequest::default()).await, names);
}
