//! What is committed is told, however the server ends.

use std::io::pipe;
use std::process::Command;

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::time::timeout;

use super::connections::TEST_TIMEOUT;
use super::log::Logging;
use crate::common::{Server, text};

on_both_engines!(
    what_was_committed_is_told_after_a_kill,
    what_was_being_told_is_told_again_after_a_kill,
    an_operator_ends_what_is_never_delivered,
);

const NOTICE: &str = "\"notice\":\"sweep.finished.v1\"";

/// Makes a token that the next sweep revokes.
async fn forget_a_token(server: &Server) {
    let user = server.log_in().await;
    let (id, _) = server.create_token(&user, "forgotten").await;
    server.execute("UPDATE api_tokens SET idle_key = 0, created_at = 0 WHERE name = 'forgotten'").await;
    let (status, _) = server.send(Method::PUT, "/api/orgs/default/auto-revoke", &user, &json!({ "days": 90 })).await;
    assert_eq!(status, StatusCode::OK, "{id}");
}

fn sweep(server: &Server) {
    assert_eq!(server.command(&["sweep"]), "Revoked 1 inactive tokens in 1 organizations with auto-revoke.\n");
}

/// Waits until the server has told the sweep; its line.
fn notice(server: &Server) -> serde_json::Value {
    assert!(server.tells(NOTICE), "{}", server.log());
    let log = server.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains(NOTICE)).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    serde_json::from_str(lines[0]).unwrap()
}

/// Waits until nothing is left to be delivered.
async fn is_empty(server: &Server) {
    let delivered = async {
        while !server.command(&["outbox", "list"]).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(TEST_TIMEOUT, delivered).await.unwrap();
}

async fn what_was_committed_is_told_after_a_kill(mut server: Server) {
    forget_a_token(&server).await;
    // It runs, but comes to nothing between the commit and its end.
    assert!(Command::new("kill").args(["-STOP", &server.process_id()]).status().unwrap().success());
    sweep(&server);
    server.kill();
    assert!(!server.log().contains(NOTICE));
    let listed = server.command(&["outbox", "list"]);
    assert!(listed.contains("sweep.finished.v1  due now  attempts: 0") && listed.lines().count() == 1, "{listed}");

    let server = server.start_again();
    let told = notice(&server);
    assert_eq!((&told["revoked"], &told["threshold_days"], &told["attempt"]), (&json!(1), &json!(90), &json!(1)));
    assert!(listed.starts_with(&text(&told["id"])), "the idempotency key: {listed} {told}");
    is_empty(&server).await;
    // Once: another start has nothing to tell, and what was not committed is never told.
    let again = server.start_again();
    sweep_of_nothing(&again);
    assert_eq!(again.command(&["outbox", "list"]), "");
    assert!(!again.log().contains(NOTICE));
}

fn sweep_of_nothing(server: &Server) {
    assert_eq!(server.command(&["sweep"]), "Revoked 0 inactive tokens in 1 organizations with auto-revoke.\n");
}

async fn what_was_being_told_is_told_again_after_a_kill(mut server: Server) {
    forget_a_token(&server).await;
    server.kill();
    // Nobody reads this one's log, so its delivery never ends.
    let (reader, writer) = pipe().unwrap();
    let stuck = Logging::to(&server, writer.into()).await;
    stuck.serves().await;
    sweep(&server);
    let leased = async {
        while !server.command(&["outbox", "list"]).contains("being delivered") {
            tokio::task::yield_now().await;
        }
    };
    timeout(TEST_TIMEOUT, leased).await.unwrap();
    // SIGKILL.
    drop(stuck);
    drop(reader);
    // A minute later.
    server.execute("UPDATE outbox SET due_at = due_at - 60000000").await;
    let server = server.start_again();
    assert!(notice(&server)["attempt"].as_u64().unwrap() >= 2);
    is_empty(&server).await;
}

async fn an_operator_ends_what_is_never_delivered(mut server: Server) {
    forget_a_token(&server).await;
    server.kill();
    sweep(&server);
    server.execute("UPDATE outbox SET due_at = NULL, dead_at = 0, attempts = 20, last_error = 'no'").await;
    let listed = server.command(&["outbox", "list"]);
    assert!(listed.contains("given up since 1970-01-01T00:00:00Z  attempts: 20  last error: no"), "{listed}");
    let server = server.start_again();
    let metrics = async || server.page("/metrics").await.1;
    let counted = async {
        while !metrics().await.contains("latchkey_outbox_dead 1\n") {
            tokio::task::yield_now().await;
        }
    };
    timeout(TEST_TIMEOUT, counted).await.unwrap();
    assert!(metrics().await.contains("latchkey_outbox_pending 0\n"));
    let id = listed.split(' ').next().unwrap().to_owned();
    assert!(server.command(&["outbox", "retry", &id]).starts_with("The message sweep.finished.v1 is due now"));
    assert_eq!(notice(&server)["id"], id);
    is_empty(&server).await;
    server.execute("INSERT INTO outbox SELECT id, 'of.tomorrow.v1', '{}', created_at, 0, 9000000000000000, NULL, NULL, '' FROM api_tokens").await;
    let listed = server.command(&["outbox", "list"]);
    let id = listed.split(' ').next().unwrap().to_owned();
    assert_eq!(server.command(&["outbox", "drop", &id]), "Dropped the message of.tomorrow.v1.\n");
    assert_eq!(server.command(&["outbox", "list"]), "");
}
