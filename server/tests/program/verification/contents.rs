//! What is remembered inside something remembered goes when it goes, on every replica at once.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{all, asked_at, token};
use crate::common::{self, Server, text};

on_both_engines!(
    a_deleted_repository_is_out_of_reach_everywhere,
    an_edited_token_is_narrower_everywhere,
    a_rotated_secret_ends_everywhere_with_its_overlap,
    a_removed_member_has_no_power_left,
);

/// Whether a token may scan a repository, by what each replica says: in the path, and asked for by a resource server.
async fn scans(replicas: [&Server; 2], asker: &str, secret: &str, repository: &str) -> Vec<(u16, String)> {
    let mut answers = Vec::new();
    for replica in replicas {
        let target = format!("/api/scans/trigger/{repository}");
        let (status, reason, headers) = asked_at(replica, "/forward-auth", secret, "POST", &target, &[]).await;
        let reached = headers.get("x-latchkey-repository").map(|id| id.to_str().unwrap().to_owned());
        answers.push((status, reached.unwrap_or(reason)));
        let body = json!({ "token": secret, "scope": "scans:trigger", "repository": repository });
        let (_, decision) = replica.post("/api/verify", asker, body).await;
        let told = decision["repository"].as_str().or(decision["reason"].as_str()).unwrap_or_default();
        answers.push((decision["status"].as_u64().unwrap().try_into().unwrap(), told.to_owned()));
    }
    answers
}

async fn a_deleted_repository_is_out_of_reach_everywhere(server: Server) {
    let other = server.start_again();
    let user = server.log_in().await;
    let (_, asker) = all(&server, &user, "Scanner", &["tokens:introspect"]).await;
    let add = async |name: &str| text(&server.post("/api/repos", &user, json!({ "name": name })).await.1["id"]);
    let (api, web) = (add("acme/api").await, add("acme/web").await);
    let of = |name: &str, repositories: Value| json!({ "name": name, "scopes": ["scans:trigger"], "repositories": repositories });
    let (_, both) = token(&server, &user, of("Both", json!([api, web]))).await;
    let (_, only) = token(&server, &user, of("Only", json!(["acme/api"]))).await;
    let (_, every) = all(&server, &user, "Every", &["scans:trigger"]).await;
    let gone = vec![(403, "missing-repository".to_owned()); 4];
    for asked in [&*api, "acme/api"] {
        for secret in [&both, &only, &every] {
            assert_eq!(scans([&server, &other], &asker, secret, asked).await, vec![(200, api.clone()); 4]);
        }
    }
    assert_eq!(server.delete(&format!("/api/repos/{api}"), &user).await.0, StatusCode::NO_CONTENT);
    for asked in [&*api, "acme/api"] {
        for secret in [&both, &only, &every] {
            assert_eq!(scans([&other, &server], &asker, secret, asked).await, gone, "{asked}");
        }
    }
    // Another that takes its name is another: only who reaches all reaches it, and nobody by the old id.
    let new = add("acme/api").await;
    assert_ne!(new, api);
    for secret in [&both, &only] {
        for asked in [&*api, "acme/api", &new] {
            assert_eq!(scans([&other, &server], &asker, secret, asked).await, gone, "{asked}");
        }
    }
    assert_eq!(scans([&other, &server], &asker, &every, "acme/api").await, vec![(200, new.clone()); 4]);
    assert_eq!(scans([&other, &server], &asker, &every, &api).await, gone);
    // What stays is still reached.
    assert_eq!(scans([&other, &server], &asker, &both, &web).await, vec![(200, web.clone()); 4]);
    // The token's own view of it, too.
    let reads = json!({ "name": "Reads", "scopes": ["repos:read"], "repositories": [web, new] });
    let (_, reads) = token(&server, &user, reads).await;
    for replica in [&server, &other] {
        assert_eq!(replica.get(&format!("/api/repos/{web}"), &reads).await.0, StatusCode::OK);
    }
    assert_eq!(other.delete(&format!("/api/repos/{web}"), &user).await.0, StatusCode::NO_CONTENT);
    for replica in [&server, &other] {
        assert!(replica.get(&format!("/api/repos/{web}"), &reads).await.0.is_client_error());
        let (_, me) = replica.get("/api/auth/whoami", &reads).await;
        assert!(!me.to_string().contains(&web), "{me}");
    }
}

async fn an_edited_token_is_narrower_everywhere(server: Server) {
    let other = server.start_again();
    let user = server.log_in().await;
    for name in ["acme/api", "acme/web"] {
        server.post("/api/repos", &user, json!({ "name": name })).await;
    }
    let body =
        json!({ "name": "CI", "scopes": ["scans:read", "scans:trigger"], "repositories": ["acme/api", "acme/web"] });
    let (id, secret) = token(&server, &user, body).await;
    let ask = async |replica: &Server, method: &str, target: &str| {
        let (_, reason, _) = asked_at(replica, "/forward-auth", &secret, method, target, &[]).await;
        reason
    };
    let (web, api) = ("/api/scans/trigger/acme/web", "/api/scans/trigger/acme/api");
    for (edit, method, target, reason) in [
        (json!({ "repositories": ["acme/api"] }), "POST", web, "missing-repository"),
        (json!({ "scopes": ["scans:trigger"] }), "GET", "/api/scans", "missing-scope"),
        (json!({ "allowedNetworks": ["192.0.2.0/24"] }), "POST", api, "token-network"),
        (json!({ "allowedNetworks": [], "requireSigning": true }), "POST", api, "token-unsigned"),
    ] {
        for replica in [&server, &other] {
            assert_ne!(ask(replica, method, target).await, reason, "{edit}");
        }
        let (status, edited) = server.send(Method::PATCH, &format!("/api/auth/cli-tokens/{id}"), &user, &edit).await;
        assert_eq!(status, StatusCode::OK, "{edited}");
        for replica in [&other, &server] {
            assert_eq!(ask(replica, method, target).await, reason, "{edit}");
        }
    }
}

async fn a_rotated_secret_ends_everywhere_with_its_overlap(server: Server) {
    let other = server.start_again();
    let user = server.log_in().await;
    let (id, old) = all(&server, &user, "CI", &["scans:read"]).await;
    let ask = async |replica: &Server, secret: &str| {
        let (status, reason, _) = asked_at(replica, "/forward-auth", secret, "GET", "/api/scans", &[]).await;
        (status, reason)
    };
    let passed = (200, String::new());
    for replica in [&server, &other] {
        assert_eq!(ask(replica, &old).await, passed);
    }
    let rotate = format!("/api/auth/cli-tokens/{id}/rotate");
    let (status, rotated) = server.post(&rotate, &user, json!({ "overlap": "1h" })).await;
    assert_eq!(status, StatusCode::OK, "{rotated}");
    for replica in [&other, &server] {
        assert_eq!(ask(replica, &old).await, passed, "for an hour, or until the new one is used");
    }
    assert_eq!(ask(&other, &text(&rotated["token"])).await, passed);
    for replica in [&server, &other] {
        assert_eq!(ask(replica, &old).await, (401, "token-rotated".to_owned()));
    }
}

/// Of people nothing is remembered.
async fn a_removed_member_has_no_power_left(server: Server) {
    let other = server.start_again();
    let user = server.log_in().await;
    let foreign = server.foreign_organization().await;
    for replica in [&server, &other] {
        assert_eq!(replica.get("/api/orgs/globex", &foreign.user_token).await.0, StatusCode::OK);
    }
    // The bootstrap admin is an instance admin, and may make another owner first.
    let (_, members) = server.get("/api/orgs/globex/members", &user).await;
    let owner = text(&members["items"][0]["id"]);
    let body = json!({ "email": common::EMAIL, "role": "owner" });
    let (_, invitation) = server.post("/api/orgs/globex/invitations", &foreign.user_token, body).await;
    let accept = format!("/api/invitations/{}/accept", text(&invitation["id"]));
    assert!(server.post(&accept, &user, json!({})).await.0.is_success());
    let removed = server.delete(&format!("/api/orgs/globex/members/{owner}"), &user).await;
    assert_eq!(removed.0, StatusCode::NO_CONTENT, "{}", removed.1);
    for replica in [&other, &server] {
        assert_eq!(replica.get("/api/orgs/globex", &foreign.user_token).await.0, StatusCode::NOT_FOUND);
    }
}
