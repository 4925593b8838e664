//! The client of `crates/client` has the whole REST API, and the server understands it.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use crate::common::{EMAIL, PASSWORD, Server, text};
use latchkey_client::types::{
    EventQuery, Introspection, LevelKind, Login, MemberQuery, NewInvitation, NewPassword, NewToken, PageQuery, Pin,
    RepositoryQuery, RequestToDecide, RequestsToDecide, Role, Rotation, TokenChanges, TokenQuery, TokenStatusFilter,
    WhoAmI,
};
use latchkey_client::{Client, ETag, OPERATIONS};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// The operations that the client says it has called.
#[derive(Clone, Default)]
struct Called(Arc<Mutex<BTreeSet<String>>>);

impl<S: Subscriber> Layer<S> for Called {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut self.clone());
    }
}

impl Visit for Called {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "operation" {
            self.0.lock().unwrap().insert(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

fn client(server: &Server, token: &str) -> Client {
    Client::builder(&server.url).token(token).build().unwrap()
}

async fn logged_in(server: &Server, email: &str) -> Client {
    let login = Login { email: email.to_owned(), password: PASSWORD.into() };
    let token = Client::builder(&server.url).build().unwrap().log_in(&login).await.unwrap();
    client(server, token.secret.reveal())
}

fn new_token(name: &str, scopes: &[&str]) -> NewToken {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    NewToken { name: name.to_owned(), scopes, all_repositories: true, ..NewToken::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_has_every_operation() {
    let server = Server::start();
    let (_, document) = server.get("/openapi.json", "").await;
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let public = operation["security"] == serde_json::json!([{}]);
            documented.insert((text(&operation["operationId"]), method.to_uppercase(), path.clone(), public));
        }
    }
    let own = OPERATIONS.iter().map(|operation| {
        (operation.id.to_owned(), operation.method.to_string(), operation.path.to_owned(), operation.public)
    });
    assert_eq!(own.collect::<BTreeSet<_>>(), documented, "add it to crates/client/src/operation.rs, with a method");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_is_understood() {
    let called = Called::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(called.clone())).unwrap();
    let server = Server::start();
    let admin = logged_in(&server, EMAIL).await;
    health(&server).await;
    tokens(&server, &admin).await;
    repositories_and_projects(&admin).await;
    verification(&server, &admin).await;
    people(&server, &admin).await;
    organizations(&admin).await;
    let all: BTreeSet<String> = OPERATIONS.iter().map(|operation| operation.id.to_owned()).collect();
    assert_eq!(*called.0.lock().unwrap(), all, "each operation is called above");
}

async fn health(server: &Server) {
    let client = Client::builder(&server.url).build().unwrap();
    let health = client.health();
    assert_eq!(health.live().await.unwrap().status, "live");
    assert_eq!(health.ready().await.unwrap().unwrap().status, "ready");
    assert_eq!(health.status(true).await.unwrap().unwrap().status, "ready");
    assert_eq!(health.info().await.unwrap().version, env!("CARGO_PKG_VERSION"));
    assert!(health.metrics().await.unwrap().ends_with("# EOF\n"));
    let error = client.who_am_i().await.unwrap_err();
    assert_eq!((error.status(), error.code()), (Some(401), Some("credential-missing")));
}

async fn tokens(server: &Server, admin: &Client) {
    let tokens = admin.tokens();
    let new = NewToken { expires_in: Some("720h".to_owned()), ..new_token("CI", &["repos:read", "tokens:read"]) };
    let created = tokens.create(&new).idempotency_key("once").await.unwrap();
    assert_eq!(tokens.create(&new).idempotency_key("once").await.unwrap(), created);
    let error = tokens.create(&new).await.unwrap_err();
    assert_eq!((error.code(), &*error.api().unwrap().fields[0].field), (Some("conflict"), "name"));
    assert!(error.api().unwrap().request_id.is_some());
    let own = client(server, created.secret.reveal()).who_am_i().await.unwrap();
    assert!(matches!(own, WhoAmI::ApiToken { id, .. } if id == created.token.id));

    let got = tokens.get(created.token.id).await.unwrap();
    assert_eq!((&got.name, got.level), (&"CI".to_owned(), LevelKind::Organization));
    let etag = got.etag.clone().unwrap();
    assert_eq!(tokens.get(created.token.id).if_none_match(&etag).await.unwrap(), None);
    let changes = TokenChanges { description: Some("Main".to_owned()), expires_in: Some(None), ..Default::default() };
    let stale = tokens.change(created.token.id, &changes).if_match(&ETag::new("\"0\"")).await.unwrap_err();
    assert_eq!((stale.status(), stale.code()), (Some(412), Some("changed")));
    let changed = tokens.change(created.token.id, &changes).if_match(&etag).await.unwrap();
    assert_eq!((&*changed.description, changed.expires_at), ("Main", None));
    let rotation = Rotation { overlap: Some("1h".to_owned()) };
    let rotate = || tokens.rotate(created.token.id, &rotation).if_match(changed.etag.as_ref().unwrap());
    let rotated = rotate().idempotency_key("rotate once").await;
    assert!(matches!(rotated.unwrap_err().status(), Some(422)), "a key has no spaces");
    let rotated = rotate().idempotency_key("rotate-once").await.unwrap();
    assert!(rotated.secret != created.secret && rotated.token.overlap_until.is_some());

    let (a, b) = (new_token("A", &["repos:read"]), new_token("B", &["repos:read"]));
    let others = [tokens.create(&a).await.unwrap(), tokens.create(&b).await.unwrap()];
    let query = TokenQuery { limit: Some(1), status: Some(TokenStatusFilter::Active), ..TokenQuery::default() };
    assert_eq!(tokens.list(&query).await.unwrap().items.len(), 1);
    let all = tokens.list_all(&query).collect().await.unwrap();
    assert_eq!(all.len(), 3);
    let revoked = tokens.revoke_many(others.iter().map(|other| other.token.id)).await.unwrap();
    assert_eq!((revoked.revoked.len(), revoked.skipped), (2, 0));
    tokens.revoke(created.token.id).await.unwrap();
    assert_eq!(tokens.list_all(&query).collect().await.unwrap(), []);
    let refused = client(server, rotated.secret.reveal()).who_am_i().await.unwrap_err();
    assert_eq!(refused.code(), Some("token-revoked"));

    let signing = NewToken { require_signing: true, ..new_token("Signed", &["repos:read"]) };
    let signing = tokens.create(&signing).await.unwrap();
    let unsigned = client(server, signing.secret.reveal()).repositories().list(&Default::default()).await;
    assert_eq!(unsigned.unwrap_err().code(), Some("token-unsigned"));
    let signed = Client::builder(&server.url).token(signing.secret.clone()).signed().build().unwrap();
    let query = RepositoryQuery { query: "a b&c".to_owned(), ..RepositoryQuery::default() };
    assert_eq!(signed.repositories().list(&query).await.unwrap().items, []);
    assert_eq!(signed.for_organization("default").repositories().list(&query).await.unwrap().items, []);
}

async fn repositories_and_projects(admin: &Client) {
    let repositories = admin.repositories();
    let created = repositories.create("acme/api").idempotency_key("repository").await.unwrap();
    assert_eq!(repositories.create("acme/api").idempotency_key("repository").await.unwrap(), created);
    assert_eq!(repositories.get("acme/api").await.unwrap(), created);
    assert_eq!(
        repositories.list_all(&RepositoryQuery::default()).collect().await.unwrap(),
        std::slice::from_ref(&created)
    );
    repositories.delete(created.id).await.unwrap();
    assert_eq!(repositories.get(created.id).await.unwrap_err().code(), Some("not-found"));

    let projects = admin.projects();
    let created = projects.create("Web / shop? 100 %").await.unwrap();
    assert_eq!(projects.get("Web / shop? 100 %").await.unwrap(), created);
    assert_eq!(projects.list(&PageQuery::default()).await.unwrap().items, std::slice::from_ref(&created));
    projects.delete(created.id).await.unwrap();
}

async fn verification(server: &Server, admin: &Client) {
    let gateway = admin.tokens().create(&new_token("Gateway", &["tokens:introspect", "scans:read"])).await.unwrap();
    let asking = client(server, gateway.secret.reveal());
    let request = RequestToDecide {
        token: gateway.secret.clone(),
        scope: Some("scans:read".to_owned()),
        organizations: Some(Pin::only(["default"]).unwrap()),
        ..RequestToDecide::default()
    };
    let decision = asking.verification().decide(&request).await.unwrap();
    assert!(decision.allowed && decision.token.unwrap().id == gateway.token.id);
    let refused = RequestToDecide { scope: Some("repos:read".to_owned()), ..request.clone() };
    let requests = RequestsToDecide { organizations: None, requests: vec![request, refused] };
    let decisions = asking.verification().decide_many(&requests).await.unwrap().results;
    assert_eq!((decisions[0].status, decisions[1].status), (200, 403));
    assert_eq!(decisions[1].missing_scope.as_deref(), Some("repos:read"));

    let mut introspection = Introspection { token: gateway.secret.clone(), ..Introspection::default() };
    let own = asking.verification().introspect(&introspection).await.unwrap();
    assert_eq!((own.active, own.sub), (true, Some(gateway.token.id.to_string())));
    introspection.client_id = Some(gateway.token.id.to_string());
    introspection.client_secret = Some(gateway.secret.clone());
    assert!(admin.verification().introspect(&introspection).await.unwrap().active);
    introspection.client_secret = Some("ci_wrong".into());
    let error = admin.verification().introspect(&introspection).await.unwrap_err();
    assert_eq!((error.status(), error.code()), (Some(401), Some("invalid_client")));

    let passed = asking.verification().forward_auth("GET", "/api/scans").await.unwrap();
    assert_eq!((passed.token_id, &*passed.organization), (gateway.token.id, "default"));
    assert_eq!(asking.verification().forward_auth_of("default", "GET", "/api/scans").await.unwrap(), passed);
    let refused = asking.verification().forward_auth("POST", "/api/scans/trigger/acme/api").await.unwrap_err();
    assert_eq!((refused.status(), refused.code()), (Some(403), Some("missing-scope")));
}

async fn people(server: &Server, admin: &Client) {
    let login = Login { email: EMAIL.to_owned(), password: PASSWORD.into() };
    let user_token = admin.log_in(&login).await.unwrap();
    let grace = server.join(user_token.secret.reveal(), "grace@example.com", "member").await;
    let members = admin.members("default");
    let query = MemberQuery { email: Some("grace@example.com".to_owned()), ..MemberQuery::default() };
    let member = members.list_all(&query).collect().await.unwrap().remove(0);
    assert_eq!(member.user_id.to_string(), grace);
    assert_eq!(members.change(member.id, Role::Admin).await.unwrap().role, Role::Admin);
    assert_eq!(members.get(member.id).await.unwrap().role, Role::Admin);

    let theirs = logged_in(server, "grace@example.com").await;
    admin.organizations().create("initech").await.unwrap();
    let invitation = NewInvitation { email: "grace@example.com".to_owned(), role: Role::Viewer };
    let invitations = admin.invitations("initech");
    let first = invitations.create(&invitation).await.unwrap();
    invitations.revoke(first.invitation.id).await.unwrap();
    invitations.create(&invitation).await.unwrap();
    assert_eq!(invitations.list_all().collect().await.unwrap().len(), 1);
    let received = theirs.received_invitations().list(&PageQuery::default()).await.unwrap().items.remove(0);
    let joined = theirs.received_invitations().accept(received.id).await.unwrap();
    assert_eq!((&*joined.name, joined.role), ("initech", Some(Role::Viewer)));
    members.remove(member.id).await.unwrap();

    let me = theirs.users().get("me").await.unwrap();
    assert_eq!(admin.users().list_all().collect().await.unwrap().len(), 2);
    let password = NewPassword { current_password: Some(PASSWORD.into()), new_password: "staple battery horse".into() };
    theirs.users().set_password("me", &password).await.unwrap();
    logged_in_again(server, &theirs).await;
    assert!(admin.users().set_locked(me.id, true).await.unwrap().locked);
    assert_eq!(theirs.who_am_i().await.unwrap_err().status(), Some(401));
}

/// Each of several credentials can be ended.
async fn logged_in_again(server: &Server, theirs: &Client) {
    let login = Login { email: "grace@example.com".to_owned(), password: "staple battery horse".into() };
    let (second, third) = (theirs.log_in(&login).await.unwrap(), theirs.log_in(&login).await.unwrap());
    let (second, third) = (client(server, second.secret.reveal()), client(server, third.secret.reveal()));
    let credentials = theirs.users().credentials("me", &PageQuery::default()).await.unwrap().items;
    assert_eq!((credentials.len(), credentials.iter().filter(|credential| credential.current).count()), (3, 1));
    second.users().end_credential("me", "current").await.unwrap();
    theirs.users().end_credentials("me").await.unwrap();
    for ended in [second, third] {
        assert_eq!(ended.who_am_i().await.unwrap_err().status(), Some(401));
    }
}

async fn organizations(admin: &Client) {
    let organizations = admin.organizations();
    assert_eq!(organizations.get("initech").await.unwrap().role, Some(Role::Owner));
    organizations.set_current("initech").await.unwrap();
    let all = organizations.list_all().collect().await.unwrap();
    let current = all.iter().find(|listed| listed.current).unwrap();
    assert_eq!((all.len(), &*current.organization.name), (2, "initech"));
    let auto_revoke = admin.auto_revoke("initech");
    assert_eq!(auto_revoke.preview(90).await.unwrap().would_revoke, 0);
    assert_eq!(auto_revoke.set(90).await.unwrap().days, 90);
    assert_eq!(auto_revoke.get().await.unwrap().days, 90);
    assert_eq!(auto_revoke.set(366).await.unwrap_err().code(), Some("invalid"));
    let events = admin.audit().list_all(&EventQuery { limit: Some(2), ..EventQuery::default() });
    let actions: Vec<String> = events.collect().await.unwrap().into_iter().map(|event| event.action).collect();
    assert!(actions.len() > 3 && actions.iter().any(|action| action == "invitation.accepted"), "{actions:?}");
    organizations.delete("initech").await.unwrap();
    assert_eq!(organizations.list_deleted(&PageQuery::default()).await.unwrap().items.len(), 1);
    organizations.free_name("initech").await.unwrap();
}
