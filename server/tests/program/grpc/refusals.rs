//! What is refused, with which code and which words.

use std::sync::Arc;

use latchkey_domain::{Catalogue, Secret, Signature, SignedRequest, Timestamp, UserId, sha256};
use latchkey_proto::DESCRIPTORS;
use latchkey_proto::v1::api_token_service_list_request::Scope;
use latchkey_proto::v1::{
    ApiTokenServiceCreateRequest, ApiTokenServiceListRequest, IdentityReference, OrganizationServiceCreateRequest,
};
use latchkey_service::{
    Caller, Clock, CreateToken, ExpiresIn, Origin, Person, Principal, Service, SystemClock, SystemRandom,
};
use latchkey_store::Store;
use prost::Message;
use prost_types::{Duration, FileDescriptorSet};
use serde_json::json;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::calls::{Calls, by, code, named, refusal};
use crate::common::{EMAIL, Server, text};

on_both_engines!(
    a_credential_comes_before_the_message,
    a_refused_credential_says_why,
    what_a_credential_lacks_is_named,
    a_signature_is_checked,
    bad_input_is_refused,
);

/// Every method of every service, as a path.
fn methods() -> Vec<(String, String)> {
    let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
    let services = files.into_iter().flat_map(|file| file.service);
    let paths = services.flat_map(|service| {
        let name = format!("controlplane.v1.{}", service.name());
        service.method.iter().map(|method| (name.clone(), format!("/{name}/{}", method.name()))).collect::<Vec<_>>()
    });
    paths.collect()
}

/// Sends bytes as gRPC-Web; the number and the message of the status.
pub(crate) async fn raw(
    server: &Server,
    path: &str,
    bearer: Option<&str>,
    headers: &[(&str, String)],
    body: Vec<u8>,
) -> (i32, String) {
    let request =
        server.http.post(format!("{}{path}", server.url)).header("content-type", "application/grpc-web+proto");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    let request = bearer.into_iter().fold(request, |request, bearer| request.bearer_auth(bearer));
    let response = request.body(body).send().await.unwrap();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (code, message) = (header("grpc-status"), header("grpc-message").unwrap_or_default());
    // What succeeds has its status in the trailers, which gRPC-Web puts at the end of the body.
    let code = code.unwrap_or_else(|| "0".to_owned()).parse().unwrap();
    (code, message.replace("%20", " "))
}

/// A message with the five bytes before it: not compressed, and its length.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0_u8], &length[..], message].concat()
}

async fn a_credential_comes_before_the_message(server: Server) {
    let user = server.log_in().await;
    let nonsense = framed(&[0xff; 7]);
    let methods = methods();
    assert!(methods.len() > 15);
    for (service, path) in methods {
        let public = service == "controlplane.v1.StatusService";
        let refused = raw(&server, &path, None, &[], nonsense.clone()).await;
        if !public {
            assert_eq!(refused, (16, "JWT token is missing".to_owned()), "{path}");
        }
        // The same nonsense with a credential is read, and refused as what it is.
        let (status, message) = raw(&server, &path, Some(&user), &[], nonsense.clone()).await;
        assert!(status == 13 && message.contains("failed to decode"), "{path}: {status} {message}");
    }
}

/// A clock that stands still.
struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A token that has expired, made behind the server's back ten days ago.
async fn expired(server: &Server, user: &str) -> String {
    let (_, me) = server.get("/api/auth/whoami", user).await;
    let id: UserId = text(&me["id"]).parse().unwrap();
    let store = Store::connect(&server.database_url).await.unwrap();
    let then = Still(SystemClock.now().plus_days(-10));
    let service = Service::new(store.clone(), Catalogue::built_in(), Arc::new(then), Arc::new(SystemRandom));
    let (_, own) = server.get("/api/users/me/credentials", user).await;
    let credential = text(&own["items"][0]["id"]).parse().unwrap();
    let person = Person { id, email: EMAIL.to_owned(), instance_admin: true, credential };
    let caller = Caller { principal: Principal::UserToken(person), origin: Origin::default() };
    let asked = CreateToken {
        name: "expired".to_owned(),
        scopes: vec!["tokens:read".to_owned()],
        all_repositories: true,
        expires: ExpiresIn::Days(1),
        ..CreateToken::default()
    };
    let access = service.organizations().access(&caller, "default").await.unwrap();
    let created = service.tokens().create(&access, asked).await.unwrap();
    store.close().await;
    created.secret.reveal().to_owned()
}

async fn a_refused_credential_says_why(server: Server) {
    let (user, mut calls) = (server.log_in().await, Calls::to(&server).await);
    let (item, revoked) = calls.create(&user, named("revoked")).await.unwrap();
    calls.revoke(&user, &item.id).await.unwrap();
    let office = json!({
        "name": "Office", "scopes": ["tokens:read"], "allRepositories": true, "allowedNetworks": ["192.0.2.0/24"],
    });
    let (_, office) = server.post("/api/auth/cli-tokens", &user, office).await;
    let (office, expired) = (text(&office["token"]), expired(&server, &user).await);
    let mut typo = revoked.clone();
    typo.replace_range(38..39, if revoked.ends_with('a') { "b" } else { "a" });
    for (bearer, message, reason) in [
        ("", "JWT token is missing", "CREDENTIAL_MISSING"),
        ("garbage", "Token is invalid", "TOKEN_MALFORMED"),
        (typo.as_str(), "Token is invalid", "TOKEN_CHECKSUM"),
        ("ci_0000000000000000000000000000000Dzvt7", "Token is invalid", "TOKEN_UNKNOWN"),
        (&expired, "JWT token has expired", "TOKEN_EXPIRED"),
        (&revoked, "API token revoked", "TOKEN_REVOKED"),
        (&office, "Token is invalid", "TOKEN_NETWORK"),
    ] {
        // Wrong in itself, too: nobody without a good credential learns that.
        let status = calls.tokens.create(by(bearer, named(""))).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unauthenticated, message), "{reason}");
        assert_eq!(status.get_details_error_info().unwrap().reason, reason);
    }
    let mut basic = Request::new(ApiTokenServiceListRequest::default());
    basic.metadata_mut().insert("authorization", "Basic YTpi".parse().unwrap());
    let refused = refusal(calls.tokens.list(basic).await);
    assert_eq!(refused, (Code::Unauthenticated, "JWT token is missing".to_owned()));
    let log = server.log();
    assert!([&revoked, &office, &expired].into_iter().all(|secret| !log.contains(secret.as_str())));
}

async fn what_a_credential_lacks_is_named(server: Server) {
    let (user, mut calls) = (server.log_in().await, Calls::to(&server).await);
    let scoped = |name: &str, scopes: &[&str]| ApiTokenServiceCreateRequest {
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        ..named(name)
    };
    let (_, scans) = calls.create(&user, scoped("scans", &["scans:read"])).await.unwrap();
    let (_, manager) = calls.create(&user, scoped("manager", &["tokens:manage", "scans:read"])).await.unwrap();
    let details = |status: Status| {
        assert_eq!((status.code(), status.message()), (Code::PermissionDenied, "operation not allowed"));
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.domain, "latchkey");
        (info.reason, info.metadata.get("missing_scope").cloned().unwrap_or_default())
    };
    let lacks = |reason: &str, scope: &str| (reason.to_owned(), scope.to_owned());
    let list = ApiTokenServiceListRequest::default();
    let refused = calls.tokens.list(by(&scans, list)).await.unwrap_err();
    assert_eq!(details(refused), lacks("MISSING_SCOPE", "tokens:read"));
    // What a token lacks comes before what is wrong with the request.
    let refused = calls.create(&scans, named("")).await.unwrap_err();
    assert_eq!(details(refused), lacks("MISSING_SCOPE", "tokens:manage"));
    let made = OrganizationServiceCreateRequest { name: "x".to_owned() };
    let refused = calls.organizations.create(by(&manager, made)).await.unwrap_err();
    assert_eq!(details(refused), lacks("MISSING_SCOPE", "orgs:create"));
    // Nobody gives more than they have; without scopes, all that read are asked for.
    for asked in [scoped("x", &["scans:trigger"]), named("x")] {
        let refused = calls.create(&manager, asked).await.unwrap_err();
        assert_eq!(details(refused), lacks("EXCEEDS_OWN", ""));
    }
    calls.create(&manager, scoped("y", &["scans:read"])).await.unwrap();
}

async fn a_signature_is_checked(server: Server) {
    let (user, mut calls) = (server.log_in().await, Calls::to(&server).await);
    let (_, secret) = calls.create(&user, named("CI")).await.unwrap();
    let path = "/controlplane.v1.APITokenService/List";
    let body = framed(&ApiTokenServiceListRequest { page_size: 5, ..Default::default() }.encode_to_vec());
    let signed = |body: &[u8], nonce: &str| {
        let request = SignedRequest { method: "POST", target: path, body_hash: sha256(body) };
        Signature::sign(&Secret::parse(&secret).unwrap(), &request, SystemClock.now(), nonce).headers()
    };
    let good = signed(&body, "first");
    assert_eq!(raw(&server, path, Some(&secret), &good, body.clone()).await.0, 0);
    let refused = (16, "Token is invalid".to_owned());
    assert_eq!(raw(&server, path, Some(&secret), &good, body.clone()).await, refused, "a replay");
    let other = framed(&ApiTokenServiceListRequest::default().encode_to_vec());
    assert_eq!(raw(&server, path, Some(&secret), &signed(&body, "second"), other).await, refused, "another body");
    assert_eq!(raw(&server, path, Some(&secret), &good[..1], body.clone()).await, refused, "a part");
    // Over HTTP/2 as well.
    let mut request = by(&secret, ApiTokenServiceListRequest::default());
    for (name, value) in signed(b"something else", "third") {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    assert_eq!(code(calls.tokens.list(request).await), Code::Unauthenticated);
}

async fn bad_input_is_refused(server: Server) {
    let (user, mut calls) = (server.log_in().await, Calls::to(&server).await);
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let reference = |id: Option<&str>, name: Option<&str>| {
        Some(IdentityReference { id: id.map(str::to_owned), name: name.map(str::to_owned) })
    };
    let lasting = |seconds: i64| Some(Duration { seconds, nanos: 0 });
    let base = named("x");
    let mut answers = Vec::new();
    for (what, asked) in [
        ("no name", named("")),
        ("long name", named(&"x".repeat(101))),
        ("long description", ApiTokenServiceCreateRequest { description: Some("x".repeat(501)), ..base.clone() }),
        ("unknown scope", ApiTokenServiceCreateRequest { scopes: texts(&["scans:delete"]), ..base.clone() }),
        ("scope of instance tokens", ApiTokenServiceCreateRequest { scopes: texts(&["orgs:create"]), ..base.clone() }),
        ("nowhere", ApiTokenServiceCreateRequest { all_repositories: Some(false), ..base.clone() }),
        (
            "everywhere and somewhere",
            ApiTokenServiceCreateRequest {
                all_repositories: Some(true),
                repositories: texts(&["acme/api"]),
                ..base.clone()
            },
        ),
        ("unknown repository", ApiTokenServiceCreateRequest { repositories: texts(&["acme/api"]), ..base.clone() }),
        (
            "many repositories",
            ApiTokenServiceCreateRequest { repositories: vec!["acme/api".to_owned(); 501], ..base.clone() },
        ),
        ("expired at once", ApiTokenServiceCreateRequest { expires_in: lasting(0), ..base.clone() }),
        ("expired before", ApiTokenServiceCreateRequest { expires_in: lasting(-1), ..base.clone() }),
        ("expires after us all", ApiTokenServiceCreateRequest { expires_in: lasting(i64::MAX), ..base.clone() }),
        ("empty reference", ApiTokenServiceCreateRequest { project_reference: reference(None, None), ..base.clone() }),
        (
            "empty project",
            ApiTokenServiceCreateRequest { project_reference: reference(None, Some(" ")), ..base.clone() },
        ),
        (
            "two projects",
            ApiTokenServiceCreateRequest { project_reference: reference(Some("a"), Some("b")), ..base.clone() },
        ),
        (
            "project by no id",
            ApiTokenServiceCreateRequest { project_reference: reference(Some(""), None), ..base.clone() },
        ),
        (
            "no such project",
            ApiTokenServiceCreateRequest { project_reference: reference(None, Some("P")), ..base.clone() },
        ),
    ] {
        let (code, message) = refusal(calls.create(&user, asked).await);
        answers.push(format!("{what}: {code:?} {message}"));
    }
    let base = ApiTokenServiceListRequest::default();
    for (what, asked) in [
        ("negative page size", ApiTokenServiceListRequest { page_size: -1, ..base.clone() }),
        ("large page size", ApiTokenServiceListRequest { page_size: 101, ..base.clone() }),
        ("no page token", ApiTokenServiceListRequest { page_token: "zz".to_owned(), ..base.clone() }),
        ("unknown status", ApiTokenServiceListRequest { status_filter: 9, ..base.clone() }),
        ("unknown scope", ApiTokenServiceListRequest { scope: 9, ..base.clone() }),
        ("empty project", ApiTokenServiceListRequest { project: reference(None, Some("")), ..base.clone() }),
        (
            "project and none",
            ApiTokenServiceListRequest {
                scope: Scope::Global.into(),
                project: reference(None, Some("P")),
                ..base.clone()
            },
        ),
    ] {
        let (code, message) = refusal(calls.tokens.list(by(&user, asked)).await);
        answers.push(format!("list, {what}: {code:?} {message}"));
    }
    insta::assert_snapshot!("bad_input", answers.join("\n"));
    // Each field is named for programs.
    let asked = ApiTokenServiceCreateRequest { scopes: texts(&["a:b"]), expires_in: lasting(0), ..named("") };
    let status = calls.tokens.create(by(&user, asked)).await.unwrap_err();
    let violations = status.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["name", "scopes", "expires_in"]);
    assert_eq!(calls.names(&user, ApiTokenServiceListRequest::default()).await, Vec::<String>::new());
}
