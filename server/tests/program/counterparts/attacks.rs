//! What a client may try through a proxy; each of these with each proxy of `docs/forward-auth`.

use reqwest::StatusCode;
use serde_json::json;

use super::raw;
use crate::common::{Server, text};

/// Characters that a header's name may have beside letters, digits and the hyphen (RFC 9110, section 5.6.2).
const ODD: &str = "!#$%&'*+.^_`|~";

/// A running proxy in front of a WSGI service, and a token that may read scans.
pub(crate) struct Behind<'a> {
    pub(crate) server: &'a Server,
    pub(crate) port: u16,
    pub(crate) service: u16,
    pub(crate) user: &'a str,
    pub(crate) secret: &'a str,
}

impl Behind<'_> {
    async fn get(&self, lines: &[&[u8]]) -> raw::Answer {
        let credential = format!("Authorization: Bearer {}", self.secret);
        raw::send(self.port, "GET /api/scans", &[&[credential.as_bytes()], lines].concat()).await
    }

    /// Every spelling that is one name to CGI, WSGI and PHP is dropped.
    pub(crate) async fn no_spelling_gets_through(&self) {
        let spelled = |name: &str| {
            let each = |odd: char| {
                let one = |at: usize| {
                    let mut parts: Vec<_> = name.split('-').collect();
                    let rest = parts.split_off(at);
                    format!("{}{odd}{}: mine", parts.join("-"), rest.join("-"))
                };
                let all = format!("{}: mine", name.replace('-', &odd.to_string()));
                [vec![all], (1..name.split('-').count()).map(one).collect()].concat()
            };
            ODD.chars().flat_map(each).collect::<Vec<_>>()
        };
        // The service itself would take them for the proxy's.
        let alone = raw::send(self.service, "GET /", &[b"X_Latchkey_Project: mine", b"x-LATCHKEY_scopes: mine"]).await;
        assert_eq!(
            (&alone.body["HTTP_X_LATCHKEY_PROJECT"], &alone.body["HTTP_X_LATCHKEY_SCOPES"]),
            (&json!("mine"), &json!("mine"))
        );
        for name in [
            "X-Latchkey-Token-Id",
            "x-latchkey-organization-id",
            "X-LATCHKEY-ORGANIZATION",
            "X-Latchkey-Project-Id",
            "X-Latchkey-Project",
            "x-Latchkey-scopes",
            "X-Latchkey-Repository",
            "X-Forwarded-For",
            "X-Original-Uri",
            "Content-Digest",
        ] {
            let mut lines = spelled(name);
            if name.to_lowercase().starts_with("x-latchkey") {
                lines.push(format!("{name}: mine"));
            }
            // No more than a proxy takes in one request.
            for lines in lines.chunks(40) {
                let lines: Vec<_> = lines.iter().map(String::as_bytes).collect();
                let answer = self.get(&lines).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                let mine = answer.body.as_object().unwrap().iter().find(|(_, value)| text(value).contains("mine"));
                assert_eq!(mine, None, "{lines:?}");
                assert_eq!(answer.body["HTTP_X_LATCHKEY_SCOPES"], "repos:read scans:read");
                assert_eq!(answer.body["HTTP_X_LATCHKEY_ORGANIZATION"], "default");
            }
        }
    }

    /// Nothing is decided by which of several comes first.
    pub(crate) async fn two_are_refused(&self) {
        let other = b"Authorization: Bearer ci_0";
        let same = format!("authorization: Bearer {}", self.secret);
        for lines in [
            &[&other[..]][..],
            &[same.as_bytes()],
            &[b"AUTHORIZATION: Basic Zm9v"],
            &[b"Latchkey-Organization: default", b"Latchkey-Organization: globex"],
            &[b"latchkey-organization: default", b"chainloop-organization: globex"],
            &[b"latchkey-organization: default, globex"],
        ] {
            let answer = self.get(lines).await;
            assert_eq!(answer.status, 400, "{lines:?} {answer:?}");
            // nginx refuses some by itself.
            assert!(["", "ambiguous-request"].contains(&answer.header("x-latchkey-reason")), "{answer:?}");
        }
        let other_first = raw::send(self.port, "GET /api/scans", &[other, same.as_bytes()]).await;
        assert_eq!(other_first.status, 400);
        let agreed = self.get(&[b"latchkey-organization: default", b"chainloop-organization: default"]).await;
        assert_eq!(agreed.status, 200, "{agreed:?}");
    }

    /// A client says where it comes from, and makes what it says unreadable.
    pub(crate) async fn nobody_chooses_an_address(&self) {
        let (_, allowed) = self.token("There", "203.0.113.0/24").await;
        let credential = format!("Authorization: Bearer {allowed}");
        for line in [
            &b"X-Forwarded-For: 203.0.113.7"[..],
            b"X-Forwarded-For: 203.0.113.7, \xc3\xa9",
            b"X-Forwarded-For: \xff, 203.0.113.7",
            b"X-Real-Ip: 203.0.113.7",
            b"Forwarded: for=203.0.113.7",
            b"X-Envoy-External-Address: 203.0.113.7",
        ] {
            let answer = raw::send(self.port, "GET /api/scans", &[credential.as_bytes(), line]).await;
            assert_eq!((answer.status, answer.header("x-latchkey-reason")), (401, "token-network"), "{line:?}");
        }
        // And a good one is not refused for what it sends.
        assert_eq!(self.get(&[b"X-Forwarded-For: \xc3\xa9"]).await.status, 200);
    }

    /// A token of another organization, with any scope, is nothing to these services.
    pub(crate) async fn another_organization_is_refused(&self) {
        let foreign = self.server.foreign_organization().await;
        let credential = format!("Authorization: Bearer {}", foreign.secret);
        for line in [&b"Accept: */*"[..], b"latchkey-organization: default", b"latchkey-organization: globex"] {
            let answer = raw::send(self.port, "GET /api/repos", &[credential.as_bytes(), line]).await;
            assert_eq!((answer.status, answer.header("x-latchkey-reason")), (403, "other-organization"), "{answer:?}");
        }
        let own = self.get(&[b"latchkey-organization: globex"]).await;
        assert_eq!((own.status, own.header("x-latchkey-reason")), (403, "other-organization"));
    }

    /// A browser asks without a credential, for what the route file says.
    pub(crate) async fn preflights_pass(&self) {
        let origin = b"Origin: https://app.example.com";
        for (wanted, status) in [("GET", 200), ("DELETE", 401)] {
            let wanted = format!("Access-Control-Request-Method: {wanted}");
            let answer = raw::send(self.port, "OPTIONS /open/7", &[origin, wanted.as_bytes()]).await;
            assert_eq!(answer.status, status, "{answer:?}");
        }
        assert_eq!(raw::send(self.port, "OPTIONS /open/7", &[origin]).await.status, 401);
        assert_eq!(
            raw::send(self.port, "GET /open/7", &[origin, b"Access-Control-Request-Method: GET"]).await.status,
            401
        );
    }

    /// Id and secret of a token that may be used from a network.
    async fn token(&self, name: &str, network: &str) -> (String, String) {
        let body =
            json!({ "name": name, "scopes": ["scans:read"], "allRepositories": true, "allowedNetworks": [network] });
        let (status, made) = self.server.post("/api/auth/cli-tokens", self.user, body).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        (text(&made["id"]), text(&made["token"]))
    }
}
