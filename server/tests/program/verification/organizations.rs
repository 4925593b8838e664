//! Which organization a decision is about: never the one that a client has a token of, or names, by that alone.

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{all, asked_at, token};
use crate::common::{Server, answer, text};

on_both_engines!(
    without_a_pin_there_must_be_one_organization,
    a_stranger_s_organization_passes_nowhere,
    an_instance_token_acts_on_a_pinned_organization,
    a_deleted_organization_is_pinned_no_more,
    an_instance_s_resource_server_says_which_organization,
);

const TRIGGER: &str = "/api/scans/trigger/acme/android-charts";

/// Sends a request that acts on an organization.
async fn acting_on(server: &Server, organization: &str, user: &str, path: &str, body: Value) -> Value {
    let request = server.request(Method::POST, path, user).header("latchkey-organization", organization);
    let (status, answer) = answer(request.json(&body).send().await.unwrap()).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    answer
}

/// An organization with a repository, and a token of it that may do everything with scans; its id, the repository's and
/// the secret.
async fn organization(server: &Server, user: &str, name: &str) -> (String, String, String) {
    let (status, made) = server.post("/api/orgs", user, json!({ "name": name })).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let body = json!({ "name": "acme/android-charts" });
    let repository = acting_on(server, name, user, "/api/repos", body).await;
    let body = json!({ "name": "CI", "scopes": ["scans:read", "scans:trigger"], "allRepositories": true });
    let token = acting_on(server, name, user, "/api/auth/cli-tokens", body).await;
    (text(&made["id"]), text(&repository["id"]), text(&token["token"]))
}

async fn instance_token(server: &Server, user: &str, scopes: &[&str]) -> String {
    let body = json!({ "name": "Instance", "level": "instance", "scopes": scopes, "allRepositories": true });
    token(server, user, body).await.1
}

/// Asks about a scan of the repository; the status and reason.
async fn trigger(server: &Server, at: &str, bearer: &str, more: &[(&str, &str)]) -> (u16, String) {
    let (status, reason, _) = asked_at(server, at, bearer, "POST", TRIGGER, more).await;
    (status, reason)
}

fn refused(reason: &str) -> (u16, String) {
    (403, reason.to_owned())
}

fn passed() -> (u16, String) {
    (200, String::new())
}

async fn without_a_pin_there_must_be_one_organization(server: Server) {
    let other = server.start_again();
    let user = server.log_in().await;
    let (_, secret) = all(&server, &user, "CI", &["scans:read"]).await;
    let ask = async |replica: &Server| {
        let (status, reason, headers) = asked_at(replica, "/forward-auth", &secret, "GET", "/api/scans", &[]).await;
        (status, reason, headers.get("x-latchkey-organization").map(|name| name.to_str().unwrap().to_owned()))
    };
    // A deleted organization's name may not be free again: another one each time.
    for name in ["acme", "globex"] {
        for replica in [&server, &other] {
            assert_eq!(ask(replica).await, (200, String::new(), Some("default".to_owned())));
        }
        server.post("/api/orgs", &user, json!({ "name": name })).await;
        for replica in [&other, &server] {
            let (status, reason) = refused("organization-not-pinned");
            assert_eq!(ask(replica).await, (status, reason, None), "at once, everywhere");
        }
        let response = server.request(Method::GET, "/forward-auth/api/scans", &secret).send().await.unwrap();
        let (_, problem) = answer(response).await;
        for way in ["/orgs/{organization}/forward-auth", "route file", "LATCHKEY_FORWARD_AUTH_ORGANIZATIONS"] {
            assert!(text(&problem["detail"]).contains(way), "{problem}");
        }
        assert_eq!(server.delete(&format!("/api/orgs/{name}"), &user).await.0, StatusCode::NO_CONTENT);
    }
    assert_eq!(ask(&other).await.0, 200);
}

/// Whoever may do nothing in `acme` makes an organization of their own, the same repository in it, and a token.
async fn a_stranger_s_organization_passes_nowhere(server: Server) {
    let user = server.log_in().await;
    let (acme, repository, own) = organization(&server, &user, "acme").await;
    let (hooli, _, stranger) = organization(&server, &user, "hooli").await;
    // None is called like another one's id.
    let (status, _) = server.post("/api/orgs", &user, json!({ "name": acme })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    for at in ["/orgs/acme/forward-auth".to_owned(), format!("/orgs/{acme}/forward-auth")] {
        let (status, _, headers) = asked_at(&server, &at, &own, "POST", TRIGGER, &[]).await;
        assert_eq!(status, 200, "{at}");
        assert_eq!(headers["x-latchkey-organization-id"], *acme);
        assert_eq!(headers["x-latchkey-organization"], "acme");
        assert_eq!(headers["x-latchkey-repository"], *repository);
        for named in ["acme", "hooli", &acme, &hooli] {
            let got = trigger(&server, &at, &stranger, &[("latchkey-organization", named)]).await;
            assert_eq!(got, refused("other-organization"), "{at} {named}");
        }
        assert_eq!(trigger(&server, &at, &stranger, &[]).await, refused("other-organization"));
        // As Envoy asks.
        for (bearer, status) in [(&own, StatusCode::OK), (&stranger, StatusCode::FORBIDDEN)] {
            let asked = server.request(Method::POST, &format!("{at}{TRIGGER}"), bearer).send().await.unwrap();
            assert_eq!(asked.status(), status, "{at}");
        }
        // Its own name and id may be named, nobody else's.
        for (named, expected) in [("acme", passed()), (&*acme, passed()), ("hooli", refused("other-organization"))] {
            assert_eq!(trigger(&server, &at, &own, &[("latchkey-organization", named)]).await, expected, "{named}");
        }
    }
    for nobody in ["no-such", "Acme", "%61cme", "acme%2f", "any", "019a0000-0000-7000-8000-000000000000"] {
        let at = format!("/orgs/{nobody}/forward-auth");
        assert_eq!(trigger(&server, &at, &own, &[]).await, refused("pinned-organization-unknown"), "{at}");
    }
    // What a client sends is no pin.
    let pins = [("x-latchkey-organization", "hooli"), ("latchkey-organization", "hooli")];
    assert_eq!(trigger(&server, "/forward-auth", &stranger, &pins).await, refused("organization-not-pinned"));
    let uri = [("x-forwarded-method", "POST"), ("x-forwarded-uri", "/orgs/hooli/forward-auth")];
    assert_eq!(trigger(&server, "/forward-auth", &stranger, &uri).await, refused("ambiguous-request"));
    // A credential that is none is told so first, and no more.
    assert_eq!(trigger(&server, "/orgs/no-such/forward-auth", "", &[]).await.0, 401);
}

async fn an_instance_token_acts_on_a_pinned_organization(server: Server) {
    let user = server.log_in().await;
    let (acme, repository, _) = organization(&server, &user, "acme").await;
    organization(&server, &user, "hooli").await;
    let secret = instance_token(&server, &user, &["scans:trigger"]).await;
    let ask = async |at: &str, named: Option<&str>| {
        let named = named.map(|named| ("latchkey-organization", named));
        let more: Vec<_> = named.into_iter().collect();
        asked_at(&server, at, &secret, "POST", TRIGGER, &more).await
    };
    let who = |headers: &HeaderMap| {
        ["x-latchkey-organization-id", "x-latchkey-organization", "x-latchkey-repository"]
            .map(|name| headers[name].to_str().unwrap().to_owned())
    };
    for named in [None, Some("acme"), Some(&*acme)] {
        let (status, _, headers) = ask("/orgs/acme/forward-auth", named).await;
        assert_eq!((status, who(&headers)), (200, [acme.clone(), "acme".to_owned(), repository.clone()]));
    }
    for (at, named, reason) in [
        ("/orgs/acme/forward-auth", Some("hooli"), "other-organization"),
        ("/orgs/acme/forward-auth", Some("no-such-org"), "not-found"),
        ("/orgs/no-such-org/forward-auth", Some("no-such-org"), "not-found"),
        ("/orgs/no-such-org/forward-auth", None, "pinned-organization-unknown"),
        ("/forward-auth", Some("acme"), "organization-not-pinned"),
        ("/forward-auth", None, "organization-not-pinned"),
    ] {
        let (status, why, headers) = ask(at, named).await;
        assert_eq!((status, why.as_str()), (403, reason), "{at} {named:?}");
        assert!(!headers.contains_key("x-latchkey-organization"), "{at} {named:?}");
    }
}

async fn a_deleted_organization_is_pinned_no_more(server: Server) {
    let other = server.start_again();
    let user = server.log_in().await;
    let (acme, _, own) = organization(&server, &user, "acme").await;
    let instance = instance_token(&server, &user, &["scans:read"]).await;
    let addresses = ["/orgs/acme/forward-auth".to_owned(), format!("/orgs/{acme}/forward-auth")];
    let ask = async |replica: &Server, at: &str, bearer: &str, more: &[(&str, &str)]| {
        let (status, reason, _) = asked_at(replica, at, bearer, "GET", "/api/scans", more).await;
        (status, reason)
    };
    for replica in [&server, &other] {
        for at in &addresses {
            assert_eq!(ask(replica, at, &own, &[]).await, passed());
            assert_eq!(ask(replica, at, &instance, &[]).await, passed());
        }
        let named = [("latchkey-organization", "acme")];
        assert_eq!(ask(replica, "/orgs/acme/forward-auth", &instance, &named).await, passed());
    }
    assert_eq!(server.delete("/api/orgs/acme", &user).await.0, StatusCode::NO_CONTENT);
    for replica in [&other, &server] {
        for at in &addresses {
            assert_eq!(ask(replica, at, &own, &[]).await, (401, "token-revoked".to_owned()));
            assert_eq!(ask(replica, at, &instance, &[]).await, refused("pinned-organization-unknown"));
            let named = [("latchkey-organization", "acme")];
            assert_eq!(ask(replica, at, &instance, &named).await, refused("not-found"));
        }
    }
}

async fn an_instance_s_resource_server_says_which_organization(server: Server) {
    let user = server.log_in().await;
    let (acme, _, of_acme) = organization(&server, &user, "acme").await;
    let (_, _, of_hooli) = organization(&server, &user, "hooli").await;
    let asker = instance_token(&server, &user, &["tokens:introspect"]).await;
    let instance = json!({ "name": "Other", "level": "instance", "scopes": ["scans:read"], "allRepositories": true });
    let (_, instance) = token(&server, &user, instance).await;
    let ask = async |asker: &str, more: Value| {
        let mut body = json!({ "scope": "scans:read" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, decision) = server.post("/api/verify", asker, body).await;
        assert_eq!(status, StatusCode::OK, "{decision}");
        let organization = decision["token"]["organization"].as_str().unwrap_or_default().to_owned();
        (decision["status"].as_u64().unwrap(), decision["reason"].as_str().unwrap_or_default().to_owned(), organization)
    };
    for (more, status, reason, organization) in [
        (json!({ "token": of_acme }), 403, "organization-not-pinned", ""),
        // What its client names is no pin.
        (json!({ "token": of_acme, "organization": "acme" }), 403, "organization-not-pinned", ""),
        (json!({ "token": of_acme, "organizations": ["acme"] }), 200, "", "acme"),
        (json!({ "token": of_acme, "organizations": ["hooli", acme] }), 200, "", "acme"),
        (json!({ "token": of_acme, "organizations": "any" }), 200, "", "acme"),
        (json!({ "token": of_hooli, "organizations": "any" }), 200, "", "hooli"),
        (json!({ "token": of_hooli, "organizations": ["acme"] }), 403, "other-organization", ""),
        (
            json!({ "token": of_hooli, "organizations": ["acme"], "organization": "acme" }),
            403,
            "other-organization",
            "",
        ),
        (json!({ "token": of_hooli, "organizations": ["no-such"] }), 403, "pinned-organization-unknown", ""),
        (json!({ "token": instance, "organizations": ["acme"] }), 200, "", "acme"),
        (json!({ "token": instance, "organizations": ["acme", "hooli"] }), 403, "no-organization", ""),
        (json!({ "token": instance, "organizations": "any" }), 403, "no-organization", ""),
        (json!({ "token": instance, "organizations": "any", "organization": "hooli" }), 200, "", "hooli"),
        (
            json!({ "token": instance, "organizations": ["acme"], "organization": "hooli" }),
            403,
            "other-organization",
            "",
        ),
        (json!({ "token": instance, "organizations": "any", "organization": "no-such" }), 403, "not-found", ""),
    ] {
        assert_eq!(ask(&asker, more.clone()).await, (status, reason.to_owned(), organization.to_owned()), "{more}");
    }
    // One of an organization asks about its own and no other, whatever it says.
    let body = json!({ "name": "Service", "scopes": ["tokens:introspect"], "allRepositories": true });
    let own = text(&acting_on(&server, "acme", &user, "/api/auth/cli-tokens", body).await["token"]);
    for (more, status, reason) in [
        (json!({ "token": of_acme }), 200, ""),
        (json!({ "token": of_acme, "organizations": "any" }), 200, ""),
        (json!({ "token": of_acme, "organizations": ["hooli"] }), 403, "other-organization"),
        (json!({ "token": of_hooli, "organizations": "any" }), 401, "token-unknown"),
        (json!({ "token": instance, "organizations": ["acme"], "organization": "acme" }), 401, "token-unknown"),
    ] {
        let (got, why, _) = ask(&own, more.clone()).await;
        assert_eq!((got, why.as_str()), (status, reason), "{more}");
    }
    // A batch has one for all that name none.
    let requests = json!([
        { "token": of_acme, "scope": "scans:read" },
        { "token": of_hooli, "scope": "scans:read" },
        { "token": of_hooli, "scope": "scans:read", "organizations": ["hooli"] },
    ]);
    let body = json!({ "organizations": ["acme"], "requests": requests });
    let (_, decided) = server.post("/api/verify/batch", &asker, body).await;
    let statuses = decided["results"].as_array().unwrap().iter().map(|result| result["status"].as_u64().unwrap());
    assert_eq!(statuses.collect::<Vec<_>>(), [200, 403, 200], "{decided}");
}

/// A server with several organizations, and settings; what each of their tokens gets, in the order of `default`, `acme`,
/// `hooli`.
async fn with_settings(routes: &str, environment: &[(&str, &str)], cases: &[(&str, &str, [&str; 3])]) {
    let first = Server::start();
    let user = first.log_in().await;
    let (_, own) = all(&first, &user, "CI", &["scans:read"]).await;
    let mut secrets = vec![own];
    for name in ["acme", "hooli"] {
        secrets.push(organization(&first, &user, name).await.2);
    }
    let asker = instance_token(&first, &user, &["tokens:introspect"]).await;
    let file = first.directory.join("routes.toml");
    std::fs::write(&file, routes).unwrap();
    let path = file.display().to_string();
    let mut environment = environment.to_vec();
    if !routes.is_empty() {
        environment.push(("LATCHKEY_ROUTES_FILE", &path));
    }
    let server = Server::start_with(first.directory.clone(), first.database_url.clone(), &environment, true);
    for (at, target, expected) in cases {
        for (secret, expected) in secrets.iter().zip(expected) {
            let (_, reason, _) = asked_at(&server, at, secret, "GET", target, &[]).await;
            assert_eq!(reason, *expected, "{at} {target}");
            // The instance's own resource servers are pinned alike.
            if *at == "/forward-auth" {
                let body = json!({ "token": secret, "method": "GET", "path": target });
                let (_, decision) = server.post("/api/verify", &asker, body).await;
                assert_eq!(decision["reason"].as_str().unwrap_or_default(), *expected, "{target}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_pins() {
    const OTHER: &str = "other-organization";
    let scans = "/api/scans";
    for (setting, expected) in [
        ("acme", [OTHER, "", OTHER]),
        ("acme,hooli", [OTHER, "", ""]),
        ("any", ["", "", ""]),
        ("no-such", ["pinned-organization-unknown"; 3]),
    ] {
        let environment = [("LATCHKEY_FORWARD_AUTH_ORGANIZATIONS", setting)];
        // The address holds as well.
        let at_hooli = if matches!(setting, "any" | "acme,hooli") { [OTHER, OTHER, ""] } else { [OTHER; 3] };
        let at_hooli = if setting == "no-such" { expected } else { at_hooli };
        let cases = [("/forward-auth", scans, expected), ("/orgs/hooli/forward-auth", scans, at_hooli)];
        with_settings("", &environment, &cases).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_route_file_pins() {
    const OTHER: &str = "other-organization";
    let routes = "organizations = ['acme', 'hooli']\n\
        [[routes]]\npath = '/both'\nmethods = ['GET']\n\
        [[routes]]\npath = '/hooli'\nmethods = ['GET']\norganizations = ['hooli', 'default']\n\
        [[routes]]\npath = '/nobody'\nmethods = ['GET']\norganizations = ['default']\n";
    let cases = [
        ("/forward-auth", "/both", [OTHER, "", ""]),
        ("/forward-auth", "/hooli", [OTHER, OTHER, ""]),
        ("/forward-auth", "/nobody", [OTHER; 3]),
        ("/orgs/acme/forward-auth", "/both", [OTHER, "", OTHER]),
        ("/orgs/acme/forward-auth", "/hooli", [OTHER; 3]),
    ];
    with_settings(routes, &[], &cases).await;
    let narrower = [("LATCHKEY_FORWARD_AUTH_ORGANIZATIONS", "hooli")];
    with_settings(routes, &narrower, &[("/forward-auth", "/both", [OTHER, OTHER, ""])]).await;
    // One rule may be for all while the others are for nobody in particular.
    let routes = "[[routes]]\npath = '/any'\nmethods = ['GET']\norganizations = 'any'\n\
        [[routes]]\npath = '/unsaid'\nmethods = ['GET']\n";
    let unpinned = ["organization-not-pinned"; 3];
    let cases = [("/forward-auth", "/any", ["", "", ""]), ("/forward-auth", "/unsaid", unpinned)];
    with_settings(routes, &[], &cases).await;
}
