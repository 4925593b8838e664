//! Headers that are there twice, that contradict each other, or that can't be read.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::common::{Server, text};

/// Ways in, each as path, content type and body.
const WAYS: [(&str, &str, &[u8]); 3] = [
    ("/api/auth/whoami", "", b""),
    ("/forward-auth", "", b""),
    ("/controlplane.v1.ContextService/Current", "application/grpc-web+proto", &[0; 5]),
];

/// Status of a request with these lines and no others: 0 and up for gRPC.
async fn status(server: &Server, way: (&str, &str, &[u8]), lines: &[(&str, &[u8])]) -> String {
    let mut headers = HeaderMap::new();
    let original = [("x-original-method", &b"GET"[..]), ("x-original-uri", b"/api/scans")];
    let kind = [("content-type", way.1.as_bytes())];
    for (name, value) in original.iter().chain(&kind).chain(lines) {
        if !value.is_empty() || name.starts_with("x-forwarded") {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value).unwrap());
        }
    }
    let method = if way.2.is_empty() { Method::GET } else { Method::POST };
    let request = reqwest::Client::new().request(method, format!("{}{}", server.url, way.0)).headers(headers);
    let response = request.body(way.2.to_vec()).send().await.unwrap();
    match response.headers().get("grpc-status") {
        Some(status) => format!("gRPC {}", status.to_str().unwrap()),
        None => response.status().as_u16().to_string(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_decided_by_which_came_first() {
    let server = Server::start();
    let user = server.log_in().await;
    let (_, secret) = server.create_token(&user, "CI").await;
    let bearer = format!("Bearer {secret}").into_bytes();
    let joined = [bearer.as_slice(), b", Bearer ci_0"].concat();
    let own = ("authorization", bearer.as_slice());
    let (ours, theirs) = ("latchkey-organization", "chainloop-organization");
    for lines in [
        &[own, own][..],
        &[own, ("authorization", b"Bearer ci_0")],
        &[("authorization", b"Basic Zm9v"), own],
        &[("authorization", &joined)],
        &[own, (ours, b"default"), (theirs, b"other")],
        &[own, (ours, b"other"), (theirs, b"default")],
        &[own, (ours, b"default"), (ours, b"default")],
        &[own, (theirs, b"default"), (theirs, b"other")],
        &[own, (ours, b"default,other")],
        // Nobody's credential is looked at before that.
        &[("authorization", b"Bearer ci_0"), (ours, b"default"), (theirs, b"other")],
    ] {
        for way in WAYS {
            let expected = if way.2.is_empty() { "400" } else { "gRPC 3" };
            assert_eq!(status(&server, way, lines).await, expected, "{} {lines:?}", way.0);
        }
    }
    // What a body is.
    let body = json!({ "name": "acme/two-kinds" }).to_string();
    for kinds in [["application/json", "text/plain"], ["text/plain", "application/json"]] {
        let request = server.request(Method::POST, "/api/repos", &user);
        let request = kinds.iter().fold(request, |request, kind| request.header("content-type", *kind));
        assert_eq!(request.body(body.clone()).send().await.unwrap().status(), 400, "{kinds:?}");
    }
    for way in WAYS {
        let agreed = status(&server, way, &[own, (ours, b"default"), (theirs, b"default")]).await;
        assert_eq!(agreed, "200", "{}", way.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_no_address() {
    let first = Server::start();
    let environment = [("LATCHKEY_TRUSTED_PROXIES", "127.0.0.0/8")];
    let server = Server::start_with(first.directory.clone(), first.database_url.clone(), &environment, true);
    let user = server.log_in().await;
    let create = async |name: &str, network: &str| {
        let body =
            json!({ "name": name, "scopes": ["scans:read"], "allRepositories": true, "allowedNetworks": [network] });
        let (status, made) = server.post("/api/auth/cli-tokens", &user, body).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        format!("Bearer {}", text(&made["token"])).into_bytes()
    };
    let (there, six) = (create("There", "198.51.100.0/24").await, create("Six", "2001:db8::/32").await);
    // Of the network that the proxy itself is in.
    let here = create("Here", "127.0.0.0/8").await;
    let (there, six, here) = (there.as_slice(), six.as_slice(), here.as_slice());
    for (token, forwarded, passes) in [
        (there, &[&b"198.51.100.1"[..]][..], true),
        (there, &[b"198.51.100.1:4444"], true),
        (there, &[b"::ffff:198.51.100.1"], true),
        (there, &[b"203.0.113.1, 198.51.100.1:1"], true),
        (there, &[b"\xc3\xa9, 198.51.100.1"], true),
        (there, &[b"\xff", b"198.51.100.1, 127.0.0.1:80"], true),
        (six, &[b"[2001:db8::9]:443"], true),
        (six, &[b"[2001:db8::9]"], true),
        (here, &[b"127.0.0.9"], true),
        (there, &[b"198.51.100.1, 203.0.113.1"], false),
        (there, &[b"198.51.100.1, \xc3\xa9"], false),
        (there, &[b"198.51.100.1", b"unknown"], false),
        (here, &[b"203.0.113.1:4444"], false),
        (here, &[b"[2001:db8::9]:443"], false),
        (here, &[b"garbage"], false),
        (here, &[b"\xff"], false),
        (here, &[b""], false),
        (here, &[b" , ,"], false),
        (here, &[b"127.0.0.1, garbage, 127.0.0.1"], false),
        // A proxy that says nothing.
        (here, &[], false),
    ] {
        let forwarded = forwarded.iter().map(|line| ("x-forwarded-for", *line));
        let lines: Vec<_> = [("authorization", token)].into_iter().chain(forwarded).collect();
        for way in WAYS {
            let refused = if way.2.is_empty() { "401" } else { "gRPC 16" };
            let expected = if passes { "200" } else { refused };
            assert_eq!(status(&server, way, &lines).await, expected, "{} {:?}", way.0, &lines[1..]);
        }
    }
}
