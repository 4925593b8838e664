//! PostgreSQL hangs up on one connection or on all, while it goes on.

use std::sync::Arc;

use futures::future::join_all;
use reqwest::{Method, StatusCode};
use sqlx::{AssertSqlSafe, PgPool};

use super::revoked_everywhere;
use crate::common::Server;

/// Ends connections to the server's database, and returns how many.
async fn hang_up(admin: &PgPool, server: &Server, which: &str) -> i64 {
    let (_, name) = server.database_url.rsplit_once('/').unwrap();
    let sql =
        format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}' AND {which}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(admin).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_costs_no_request() {
    let server = Arc::new(Server::start_on_postgres().await);
    let (base, _) = server.database_url.rsplit_once('/').unwrap();
    let admin = PgPool::connect(&format!("{base}/postgres")).await.unwrap();
    let user = server.log_in().await;
    let (_, secret) = server.create_token(&user, "CI").await;
    let mut revocable = Vec::new();
    for which in ["query LIKE '%FROM changes%'", "query NOT LIKE '%FROM changes%'", "true"] {
        for round in 0..4 {
            let fresh = server.create_token(&user, &format!("fresh {}", revocable.len())).await;
            let ask = async |target: &str, bearer: &str| {
                server.request(Method::GET, target, bearer).send().await.unwrap().status()
            };
            // So that connections are there, and have just been used.
            assert_eq!(ask("/forward-auth/api/scans", &secret).await, StatusCode::OK);
            assert_eq!(ask("/api/auth/whoami", &user).await, StatusCode::OK);
            let ended = hang_up(&admin, &server, which).await;
            assert!(ended > 0 || round > 0, "{which}: there are none");
            // Some are remembered, one is not; and somebody who is looked up each time.
            let asked = (0..20).map(|at| match at % 4 {
                0 => ask("/api/auth/whoami", &user),
                1 => ask("/forward-auth/api/scans", &fresh.1),
                _ => ask("/forward-auth/api/scans", &secret),
            });
            for status in join_all(asked).await {
                assert_eq!(status, StatusCode::OK, "{which}, round {round}:\n{}", server.log());
            }
            revocable.push(fresh);
        }
    }
    assert!(!server.log().contains("another history"), "it is the same server");
    revoked_everywhere(&[&*server], &user, &revocable).await;
}
