//! Examples in the OpenAPI document.

use serde_json::{Value, json};

/// The id of the examples.
pub(crate) const ID: &str = "0193b9a0-4b1e-7c3a-9f00-2d6c1e5a7b10";

/// A token, as an example.
pub(crate) fn token(with_secret: bool) -> Value {
    let mut token = json!({
        "id": ID,
        "name": "GitHub Actions CI",
        "description": "Scans each push to main",
        "prefix": "ci_7Qm2x",
        "level": "organization",
        "organization": "acme",
        "project": null,
        "scopes": ["repos:read", "scans:trigger"],
        "allRepositories": true,
        "repositories": [],
        "allowedNetworks": [],
        "requireSigning": false,
        "status": "active",
        "createdAt": "2026-11-22T08:00:00Z",
        "createdBy": "ada@example.com",
        "expiresAt": "2026-12-22T08:00:00Z",
        "overlapUntil": null,
        "lastUsedAt": null,
        "lastUsedFrom": null,
        "revokedAt": null,
        "revokedBy": null,
        "revokedReason": null,
    });
    if with_secret {
        // Well-formed, with a wrong checksum: secret scanners don't report it.
        token["token"] = json!("ci_7Qm2xEXAMPLE0EXAMPLE0EXAMPLE0EXAMPLE");
    }
    token
}

/// An organization, as an example; in a list, or alone.
pub(crate) fn organization(listed: bool) -> Value {
    let mut organization = json!({
        "id": ID,
        "name": "acme",
        "apiTokenMaxDaysInactive": 90,
        "role": "owner",
        "createdAt": "2026-11-22T08:00:00Z",
        "updatedAt": "2026-11-22T08:00:00Z",
    });
    if listed {
        organization["current"] = json!(true);
    }
    organization
}

/// A member, as an example.
pub(crate) fn member() -> Value {
    json!({
        "id": ID,
        "userId": ID,
        "email": "grace@example.com",
        "role": "member",
        "createdAt": "2026-11-22T08:00:00Z",
        "updatedAt": "2026-11-22T08:00:00Z",
    })
}

/// An invitation, as an example.
pub(crate) fn invitation(with_link: bool) -> Value {
    let mut invitation = json!({
        "id": ID,
        "organization": "acme",
        "email": "grace@example.com",
        "role": "member",
        "status": "pending",
        "sender": "ada@example.com",
        "createdAt": "2026-11-22T08:00:00Z",
        "acceptedAt": null,
    });
    if with_link {
        invitation["link"] = json!("https://tokens.example.com/join?link=lkj_EXAMPLE");
    }
    invitation
}

/// A user, as an example.
pub(crate) fn user() -> Value {
    json!({
        "id": ID,
        "email": "grace@example.com",
        "instanceAdmin": false,
        "locked": true,
        "createdAt": "2026-11-22T08:00:00Z",
    })
}

/// A session, as an example.
pub(crate) fn credential() -> Value {
    json!({
        "id": ID,
        "kind": "session",
        "current": false,
        "createdAt": "2026-11-22T08:00:00Z",
        "lastSeenAt": "2026-11-22T09:30:00Z",
        "expiresAt": null,
        "address": "192.0.2.7",
        "userAgent": "Mozilla/5.0",
    })
}
