//! Several processes on one database, and what they stand on going away.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../common/mod.rs"]
mod common;
mod connections;
mod failover;
mod files;
mod held;
mod histories;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use common::{Server, answer};
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, StatusCode};

on_both_engines!(a_revocation_holds_everywhere_under_load);

/// What each replica answers to a token, to a proxy that asks for it.
async fn statuses(replicas: &[&Server], secret: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    for replica in replicas {
        let request = replica.request(Method::GET, "/forward-auth/api/scans", secret);
        statuses.push(request.send().await.unwrap().status().as_u16());
    }
    statuses
}

async fn readiness(server: &Server) -> (StatusCode, String) {
    let (status, body) = answer(server.http.get(format!("{}/readyz", server.url)).send().await.unwrap()).await;
    (status, body.to_string())
}

/// Tokens that all replicas remember: ids and secrets.
async fn remembered(replicas: &[&Server], user: &str, name: &str, count: usize) -> Vec<(String, String)> {
    let mut tokens = Vec::new();
    for number in 0..count {
        let token = replicas[0].create_token(user, &format!("{name} {number}")).await;
        assert_eq!(statuses(replicas, &token.1).await, vec![200; replicas.len()]);
        tokens.push(token);
    }
    tokens
}

async fn revoke(replica: &Server, user: &str, id: &str) -> StatusCode {
    replica.delete(&format!("/api/auth/cli-tokens/{id}"), user).await.0
}

/// Revokes each, and asks all replicas when the call has returned.
async fn revoked_everywhere(replicas: &[&Server], user: &str, tokens: &[(String, String)]) {
    for (number, (id, secret)) in tokens.iter().enumerate() {
        let at = replicas[number % replicas.len()];
        assert_eq!(revoke(at, user, id).await, StatusCode::NO_CONTENT);
        assert_eq!(statuses(replicas, secret).await, vec![401; replicas.len()], "token {number}");
    }
}

/// A token under load on both replicas.
struct Target {
    id: String,
    secret: String,
    revoked: AtomicBool,
}

/// Both replicas are asked all the time, one is stopped in between; no request that began after a revocation had been
/// answered is accepted.
async fn a_revocation_holds_everywhere_under_load(server: Server) {
    let other = Arc::new(server.start_again());
    let server = Arc::new(server);
    let user = server.log_in().await;
    let mut targets = Vec::new();
    for number in 0..24 {
        let (id, secret) = server.create_token(&user, &format!("token {number}")).await;
        targets.push(Arc::new(Target { id, secret, revoked: AtomicBool::new(false) }));
    }
    let (over, accepted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut askers = Vec::new();
    for (at, target) in targets.iter().enumerate() {
        let replica = if at % 2 == 0 { other.clone() } else { server.clone() };
        let (target, over, accepted) = (target.clone(), over.clone(), accepted.clone());
        askers.push(tokio::spawn(async move {
            while !over.load(Ordering::SeqCst) {
                let revoked_before = target.revoked.load(Ordering::SeqCst);
                let request = replica.request(Method::GET, "/forward-auth/api/scans", &target.secret);
                // A stopped replica answers when it goes on: late, but not wrongly.
                let status = request.timeout(Duration::from_secs(60)).send().await.unwrap().status();
                if status == StatusCode::OK {
                    accepted.fetch_add(1, Ordering::SeqCst);
                    assert!(!revoked_before, "token {at} was accepted after its revocation");
                }
            }
        }));
    }
    let signal = |signal: &str| {
        assert!(Command::new("kill").args([signal, &other.process_id()]).status().unwrap().success());
    };
    for (at, target) in targets.iter().enumerate() {
        match at {
            8 => signal("-STOP"),
            16 => signal("-CONT"),
            _ => {}
        }
        let (status, _) = server.delete(&format!("/api/auth/cli-tokens/{}", target.id), &user).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "a stopped replica holds nobody up");
        target.revoked.store(true, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for target in &targets {
        for replica in [&server, &other] {
            assert_eq!(replica.get("/api/auth/whoami", &target.secret).await.0, StatusCode::UNAUTHORIZED);
        }
    }
    over.store(true, Ordering::SeqCst);
    for asker in askers {
        asker.await.unwrap();
    }
    assert!(accepted.load(Ordering::SeqCst) > 100, "there was load");
}

/// PostgreSQL hangs up and lets nobody in, for a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_database_requests_are_refused_until_it_is_back() {
    let server = Server::start_on_postgres().await;
    let user = server.log_in().await;
    let (_, secret) = server.create_token(&user, "CI").await;
    let ask = async || server.request(Method::GET, "/forward-auth/api/scans", &secret).send().await.unwrap();
    assert_eq!(ask().await.status(), StatusCode::OK);

    let (base, name) = server.database_url.rsplit_once('/').unwrap();
    let pool = sqlx::PgPool::connect(&format!("{base}/postgres")).await.unwrap();
    let run = async |sql: String| sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
    run(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
    run(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")).await;
    // What is in memory is not believed without a look.
    let response = ask().await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key(RETRY_AFTER));
    let ready = server.http.get(format!("{}/readyz", server.url)).send().await.unwrap();
    assert_eq!(answer(ready).await.0, StatusCode::SERVICE_UNAVAILABLE);

    run(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await;
    let mut status = StatusCode::SERVICE_UNAVAILABLE;
    for _ in 0..50 {
        status = ask().await.status();
        if status == StatusCode::OK {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(status, StatusCode::OK, "it recovers by itself");
}
