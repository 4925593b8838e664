//! Organizations, their people and their events, over real HTTP.

use crate::common::{self, EMAIL, Server, text};
use insta::assert_json_snapshot;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

on_both_engines!(
    an_organization_from_its_first_day_to_its_last,
    somebody_is_invited_and_becomes_an_owner,
    a_link_makes_an_account_in_the_browser,
    a_threshold_is_previewed_and_set,
    the_audit_log_tells_what_happened,
    nothing_is_told_without_a_credential,
);

async fn an_organization_from_its_first_day_to_its_last(server: Server) {
    let user = server.log_in().await;
    let (status, made) = server.post("/api/orgs", &user, json!({ "name": "initech" })).await;
    assert_eq!(status, StatusCode::CREATED);
    let times = [".createdAt", ".updatedAt"];
    assert!(times.iter().all(|time| made[&time[1..]].is_string()));
    assert_json_snapshot!("organization", made, { ".id" => "[id]", ".createdAt" => "[time]", ".updatedAt" => "[time]" });
    assert_eq!(server.get("/api/orgs/initech", &user).await, (StatusCode::OK, made));
    assert_eq!(server.post("/api/orgs", &user, json!({ "name": "initech" })).await.0, StatusCode::CONFLICT);

    let current = server.send(Method::PUT, "/api/orgs/initech/current", &user, &Value::Null).await;
    assert_eq!(current.0, StatusCode::NO_CONTENT);
    let (_, listed) = server.get("/api/orgs", &user).await;
    assert_json_snapshot!("organizations", listed, {
        ".items[].id" => "[id]", ".items[].createdAt" => "[time]", ".items[].updatedAt" => "[time]",
    });
    assert_eq!(server.get("/api/auth/whoami", &user).await.1["organization"], "initech");

    let (status, project) = server.post("/api/projects", &user, json!({ "name": "Website" })).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_json_snapshot!("project", project, { ".id" => "[id]", ".createdAt" => "[time]" });
    assert_eq!(server.get("/api/projects/Website", &user).await, (StatusCode::OK, project.clone()));
    let asked = json!({ "name": "CI", "scopes": ["org:read"], "allRepositories": true, "project": "Website" });
    let (_, token) = server.post("/api/auth/cli-tokens", &user, asked).await;
    let (id, secret) = (text(&token["id"]), text(&token["token"]));
    assert_eq!(server.get("/api/orgs", &secret).await.1["items"][0]["name"], "initech");
    let (status, refused) = server.delete("/api/projects/Website", &user).await;
    assert_eq!((status, &refused["errors"][0]["field"]), (StatusCode::CONFLICT, &json!("project")));
    let (status, refused) = server.delete("/api/projects/Website", &secret).await;
    assert_eq!((status, &refused["type"]), (StatusCode::FORBIDDEN, &json!("urn:latchkey:problem:people-only")));
    let (status, refused) = server.get("/api/audit", &secret).await;
    assert_eq!((status, &refused["type"]), (StatusCode::FORBIDDEN, &json!("urn:latchkey:problem:beyond-project")));
    server.delete(&format!("/api/auth/cli-tokens/{id}"), &user).await;
    assert_eq!(server.delete("/api/projects/Website", &user).await.0, StatusCode::NO_CONTENT);
    assert_eq!(server.get("/api/projects/Website", &user).await.0, StatusCode::NOT_FOUND);

    let (_, secret) = server.create_token(&user, "Deploy").await;
    assert_eq!(server.get("/api/auth/whoami", &secret).await.0, StatusCode::OK);
    assert_eq!(server.delete("/api/orgs/initech", &user).await.0, StatusCode::NO_CONTENT);
    let (status, refused) = server.get("/api/auth/whoami", &secret).await;
    assert_eq!((status, &refused["type"]), (StatusCode::UNAUTHORIZED, &json!("urn:latchkey:problem:token-revoked")));
    assert_eq!(server.get("/api/orgs/initech", &user).await.0, StatusCode::NOT_FOUND);
    assert_eq!(server.get("/api/auth/whoami", &user).await.1["organization"], "default");
    let (_, seen) = server.get("/api/audit?level=instance&action=organization.deleted", &user).await;
    assert_eq!(seen["items"][0]["target"]["name"], "initech");
}

async fn somebody_is_invited_and_becomes_an_owner(server: Server) {
    let user = server.log_in().await;
    let foreign = server.foreign_organization().await;
    let asked = json!({ "email": "Owner@Globex.example", "role": "contributor" });
    let (status, invitation) = server.post("/api/orgs/default/invitations", &user, asked.clone()).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_json_snapshot!("invitation", invitation, { ".id" => "[id]", ".createdAt" => "[time]" });
    assert_eq!(server.post("/api/orgs/default/invitations", &user, asked).await.0, StatusCode::CONFLICT);
    let mut invitation = invitation;
    invitation.as_object_mut().unwrap().remove("link");
    let (_, received) = server.get("/api/invitations", &foreign.user_token).await;
    assert_eq!(received, json!({ "items": [invitation], "nextCursor": null }));
    assert_eq!(server.get("/api/invitations", &user).await.1["items"], json!([]));

    let accept = format!("/api/invitations/{}/accept", text(&invitation["id"]));
    assert_eq!(server.post(&accept, &user, json!({})).await.0, StatusCode::NOT_FOUND);
    let (status, joined) = server.post(&accept, &foreign.user_token, json!({})).await;
    assert_eq!((status, &joined["name"], &joined["role"]), (StatusCode::OK, &json!("default"), &json!("contributor")));
    assert_eq!(server.post(&accept, &foreign.user_token, json!({})).await.0, StatusCode::NOT_FOUND);
    let (_, sent) = server.get("/api/orgs/default/invitations", &user).await;
    assert_eq!((&sent["items"][0]["status"], sent["items"].as_array().unwrap().len()), (&json!("accepted"), 1));

    let (_, members) = server.get("/api/orgs/default/members", &user).await;
    assert_json_snapshot!("members", members, {
        ".items[].id" => "[id]", ".items[].userId" => "[id]", ".items[].createdAt" => "[time]",
        ".items[].updatedAt" => "[time]",
    });
    let of = |email: &str| {
        let items = members["items"].as_array().unwrap();
        let member = items.iter().find(|member| member["email"] == email).unwrap();
        format!("/api/orgs/default/members/{}", text(&member["id"]))
    };
    let (first, joined) = (of(EMAIL), of("owner@globex.example"));
    let role = |role: &str| json!({ "role": role });
    let (status, refused) = server.send(Method::PATCH, &joined, &foreign.user_token, &role("owner")).await;
    assert_eq!((status, &refused["type"]), (StatusCode::FORBIDDEN, &json!("urn:latchkey:problem:missing-role")));
    let (status, changed) = server.send(Method::PATCH, &joined, &user, &role("owner")).await;
    assert_eq!((status, &changed["role"]), (StatusCode::OK, &json!("owner")));
    assert_eq!(server.get(&joined, &user).await.1, changed);
    assert_eq!(server.delete(&first, &foreign.user_token).await.0, StatusCode::NO_CONTENT);
    assert_eq!(
        server.get("/api/orgs/default/members?role=owner", &foreign.user_token).await.1["items"],
        json!([changed])
    );
    assert_eq!(server.delete(&joined, &foreign.user_token).await.0, StatusCode::CONFLICT);
}

async fn a_link_makes_an_account_in_the_browser(server: Server) {
    let user = server.log_in().await;
    let asked = json!({ "email": "bob@example.com", "role": "viewer" });
    let request = server.request(Method::POST, "/api/orgs/default/invitations", &user).json(&asked);
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store, no-transform");
    let (_, made) = common::answer(response).await;
    let link = text(&made["link"]);
    let path = link.strip_prefix(&server.url).unwrap();
    let secret = path.split("link=").nth(1).unwrap().to_owned();
    let (_, sent) = server.get("/api/orgs/default/invitations", &user).await;
    assert!(!sent.to_string().contains(&secret));

    let (status, page) = server.page(path).await;
    assert!(status == StatusCode::OK && page.contains("bob@example.com") && page.contains("Join"), "{page}");
    let submit = async |password: &str| {
        let form = [("link", secret.as_str()), ("password", password)];
        let request = server.http.post(format!("{}/join", server.url)).header("sec-fetch-site", "same-origin");
        request.form(&form).send().await.unwrap()
    };
    assert_eq!(submit("short").await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let joined = submit("correct horse battery").await;
    assert_eq!((joined.status(), joined.headers()["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, "/"));
    assert_eq!(server.page("/orgs/default/settings/tokens").await.0, StatusCode::OK);
    assert_eq!(submit("correct horse battery").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(server.page(path).await.0, StatusCode::NOT_FOUND);
    assert_eq!(server.page("/join").await.0, StatusCode::NOT_FOUND);
    assert!(!server.log().contains(&secret));
}

async fn a_threshold_is_previewed_and_set(server: Server) {
    let user = server.log_in().await;
    server.create_token(&user, "CI").await;
    let (_, preview) = server.get("/api/orgs/default/auto-revoke/preview?days=90", &user).await;
    assert_json_snapshot!("preview", preview, { ".nextSweepAt" => "[time]" });
    let (status, set) = server.send(Method::PUT, "/api/orgs/default/auto-revoke", &user, &json!({ "days": 90 })).await;
    assert_eq!(status, StatusCode::OK);
    assert_json_snapshot!("auto_revoke", set, { ".nextSweepAt" => "[time]" });
    server.command(&["sweep"]);
    let (_, after) = server.get("/api/orgs/default/auto-revoke", &user).await;
    assert_eq!((&after["sweeps"][0]["days"], &after["sweeps"][0]["revoked"]), (&json!(90), &json!(0)));
    assert_eq!(server.get("/api/orgs/default", &user).await.1["apiTokenMaxDaysInactive"], 90);
    let asked = json!({ "name": "all", "scopes": ["tokens:read", "tokens:manage"], "allRepositories": true });
    let secret = text(&server.post("/api/auth/cli-tokens", &user, asked).await.1["token"]);
    let (status, refused) =
        server.send(Method::PUT, "/api/orgs/default/auto-revoke", &secret, &json!({ "days": 0 })).await;
    assert_eq!((status, &refused["type"]), (StatusCode::FORBIDDEN, &json!("urn:latchkey:problem:people-only")));
}

async fn the_audit_log_tells_what_happened(server: Server) {
    let user = server.log_in().await;
    let (id, _) = server.create_token(&user, "CI").await;
    let response = server.request(Method::DELETE, &format!("/api/auth/cli-tokens/{id}"), &user).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let (status, page) = server.get(&format!("/api/audit?target={id}&limit=1"), &user).await;
    assert_eq!(status, StatusCode::OK);
    assert_json_snapshot!("event", page["items"][0], {
        ".id" => "[id]", ".occurredAt" => "[time]", ".actor.id" => "[id]", ".target.id" => "[id]",
        ".requestId" => "[id]", ".userAgent" => "[agent]",
    });
    let cursor = text(&page["nextCursor"]);
    let (_, page) = server.get(&format!("/api/audit?target={id}&limit=1&cursor={cursor}"), &user).await;
    assert_eq!((&page["items"][0]["action"], &page["nextCursor"]), (&json!("token.created"), &Value::Null));
    let (_, signed_in) = server.get("/api/audit?level=instance&outcome=success", &user).await;
    let actions = signed_in["items"].as_array().unwrap().iter().map(|event| text(&event["action"]));
    assert_eq!(actions.collect::<Vec<_>>(), ["user_token.created", "instance.set_up"]);
    let foreign = server.foreign_organization().await;
    let (status, refused) = server.get("/api/audit?level=instance", &foreign.user_token).await;
    assert_eq!((status, &refused["type"]), (StatusCode::FORBIDDEN, &json!("urn:latchkey:problem:missing-role")));
    let (_, theirs) = server.get("/api/audit", &foreign.user_token).await;
    let names = theirs["items"].as_array().unwrap().iter().map(|event| text(&event["target"]["name"]));
    assert_eq!(names.collect::<Vec<_>>(), ["Globex CI"]);
}

async fn nothing_is_told_without_a_credential(server: Server) {
    server.sign_in().await;
    let some = "0193b9a0-4b1e-7c3a-9f00-2d6c1e5a7b10";
    for (method, path) in [
        (Method::GET, "/api/orgs".to_owned()),
        (Method::POST, "/api/orgs".to_owned()),
        (Method::GET, "/api/orgs/default".to_owned()),
        (Method::DELETE, "/api/orgs/default".to_owned()),
        (Method::PUT, "/api/orgs/default/current".to_owned()),
        (Method::GET, "/api/orgs/default/auto-revoke".to_owned()),
        (Method::PUT, "/api/orgs/default/auto-revoke".to_owned()),
        (Method::GET, "/api/orgs/default/auto-revoke/preview?days=1".to_owned()),
        (Method::GET, "/api/orgs/default/members".to_owned()),
        (Method::GET, format!("/api/orgs/default/members/{some}")),
        (Method::PATCH, format!("/api/orgs/default/members/{some}")),
        (Method::DELETE, format!("/api/orgs/default/members/{some}")),
        (Method::GET, "/api/orgs/default/invitations".to_owned()),
        (Method::POST, "/api/orgs/default/invitations".to_owned()),
        (Method::DELETE, format!("/api/orgs/default/invitations/{some}")),
        (Method::GET, "/api/invitations".to_owned()),
        (Method::POST, format!("/api/invitations/{some}/accept")),
        (Method::GET, "/api/projects".to_owned()),
        (Method::POST, "/api/projects".to_owned()),
        (Method::GET, format!("/api/projects/{some}")),
        (Method::DELETE, format!("/api/projects/{some}")),
        (Method::GET, "/api/audit".to_owned()),
    ] {
        // Before the body is looked at, and whatever a browser's cookie says: a session is no credential here.
        let request = server.http.request(method.clone(), format!("{}{path}", server.url)).body("nonsense");
        assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}
