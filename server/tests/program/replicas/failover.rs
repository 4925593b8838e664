//! A standby takes the place of the primary, with and without all that was committed.
#![cfg(unix)]

use std::time::Duration;

use reqwest::StatusCode;

use super::{readiness, remembered, revoke, revoked_everywhere, statuses};
use crate::common::Server;
use crate::common::cluster::{Forwarder, Postgres};

const CHANGES: &str = "SELECT count(*) FROM changes";
const STANDBY: &str = "the database server is a standby";

/// Two replicas that reach their database through a forwarder, and somebody who is signed in.
async fn replicas(forwarder: &Forwarder) -> (Server, Server, String) {
    let directory = std::env::temp_dir().join(crate::common::unique());
    let server = Server::start_with(directory, forwarder.url.clone(), &[], true);
    let other = server.start_again();
    let user = server.log_in().await;
    (server, other, user)
}

/// Until a replica answers again.
async fn back(replicas: &[&Server]) {
    for replica in replicas {
        let mut last = String::new();
        for _ in 0..300 {
            let (status, body) = readiness(replica).await;
            if status == StatusCode::OK {
                last.clear();
                break;
            }
            last = body;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(last, "", "it does not come back:\n{}", replica.log());
    }
}

/// The standby is five changes behind when it is promoted: four revocations, and a secret that came. Those are lost; the
/// numbers of them are given again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failover_that_lost_changes_every_revocation_holds() {
    let primary = Postgres::primary();
    let forwarder = Forwarder::to(&primary).await;
    let (server, other, user) = replicas(&forwarder).await;
    let both = [&server, &other];
    let tokens = remembered(&both, &user, "before", 16).await;
    let standby = primary.standby();
    standby.catches_up_with(&primary, CHANGES).await;
    standby.stop();
    let (lost, tokens) = tokens.split_at(4);
    revoked_everywhere(&both, &user, lost).await;
    let unknown = remembered(&both, &user, "lost", 1).await.remove(0);
    standby.start("-c primary_conninfo=");
    standby.promote();
    assert_eq!(primary.number(CHANGES).await, standby.number(CHANGES).await + 5);
    primary.stop();
    forwarder.lead_to(&standby);
    forwarder.sever();
    // As many as were lost, so that the numbers meet before a replica looks.
    let (met, tokens) = tokens.split_at(5);
    for (id, _) in met {
        server.command(&["revoke", id]);
    }
    back(&both).await;
    for (_, secret) in met {
        assert_eq!(statuses(&both, secret).await, [401, 401]);
    }
    // What was created and lost is unknown, not remembered.
    assert_eq!(statuses(&both, &unknown.1).await, [401, 401]);
    revoked_everywhere(&both, &user, tokens).await;
    for replica in both {
        assert!(replica.tells("another history"), "{}", replica.log());
    }
}

/// The old primary lives on, and connections to it are still there: whoever looks at the new one reads from there, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_primary_that_lives_on_is_not_read_from() {
    let primary = Postgres::primary();
    let standby = primary.standby();
    let forwarder = Forwarder::to(&primary).await;
    let (server, other, user) = replicas(&forwarder).await;
    let both = [&server, &other];
    let tokens = remembered(&both, &user, "token", 8).await;
    standby.catches_up_with(&primary, CHANGES).await;
    standby.catches_up_with(&primary, "SELECT count(*) FROM api_tokens").await;
    standby.promote();
    forwarder.lead_to(&standby);
    // Only the connections of looks end; those of the pools stay where they are.
    let looks = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE '%FROM changes%' \
        AND application_name = 'latchkey'";
    for round in tokens.chunks(2) {
        primary.execute(looks).await;
        // Each replica has noticed by itself where its database is now.
        assert_eq!(statuses(&both, &round[0].1).await, [200, 200]);
        revoked_everywhere(&both, &user, round).await;
    }
    assert_eq!(primary.number("SELECT count(*) FROM api_tokens WHERE revoked_at IS NOT NULL").await, 0);
    assert_eq!(standby.number("SELECT count(*) FROM api_tokens WHERE revoked_at IS NOT NULL").await, 8);
}

/// The name still leads to the old primary now and then: what it says of a token is not believed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_to_an_old_primary_is_not_believed() {
    let primary = Postgres::primary();
    let standby = primary.standby();
    let forwarder = Forwarder::to(&primary).await;
    let (server, other, user) = replicas(&forwarder).await;
    let both = [&server, &other];
    let mut tokens = Vec::new();
    for number in 0..4 {
        tokens.push(server.create_token(&user, &format!("token {number}")).await);
    }
    standby.catches_up_with(&primary, "SELECT count(*) FROM api_tokens").await;
    standby.promote();
    forwarder.lead_to(&standby);
    forwarder.sever();
    back(&both).await;
    let pools = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'latchkey' \
        AND query NOT LIKE '%FROM changes%'";
    for (id, secret) in &tokens {
        assert_eq!(revoke(&other, &user, id).await, StatusCode::NO_CONTENT);
        standby.execute(pools).await;
        forwarder.lead_once_to(&primary);
        assert_eq!(statuses(&both, secret).await, [401, 401]);
        assert!(forwarder.has_led_once());
    }
}

/// The server acknowledges commits that are not on disk yet, unless it is told otherwise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loses_no_revocation() {
    const CARELESS: &str = "-c synchronous_commit=off -c wal_writer_delay=10000";
    let primary = Postgres::primary();
    primary.execute("ALTER ROLE postgres SET synchronous_commit = off").await;
    primary.restart_after_crash(CARELESS);
    let forwarder = Forwarder::to(&primary).await;
    let (server, other, user) = replicas(&forwarder).await;
    let both = [&server, &other];
    for (id, secret) in remembered(&both, &user, "token", 3).await {
        assert_eq!(revoke(&server, &user, &id).await, StatusCode::NO_CONTENT);
        primary.restart_after_crash(CARELESS);
        back(&both).await;
        assert_eq!(statuses(&both, &secret).await, [401, 401]);
    }
}

/// A balancer that leads to a standby, which has not heard of a revocation yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_not_believed() {
    let primary = Postgres::primary();
    let standby = primary.standby();
    let forwarder = Forwarder::to(&primary).await;
    let (server, other, user) = replicas(&forwarder).await;
    let both = [&server, &other];
    let tokens = remembered(&both, &user, "token", 2).await;
    standby.catches_up_with(&primary, CHANGES).await;
    let told = "replication is asynchronous (1 standbys";
    assert!(server.command(&["doctor"]).contains(told) && other.start_again().log().contains(told));
    standby.execute("SELECT pg_wal_replay_pause()").await;
    assert_eq!(revoke(&server, &user, &tokens[0].0).await, StatusCode::NO_CONTENT);

    forwarder.lead_to(&standby);
    forwarder.sever();
    for _ in 0..3 {
        for (_, secret) in &tokens {
            assert_eq!(statuses(&both, secret).await, [503, 503]);
        }
    }
    for replica in both {
        let (status, body) = readiness(replica).await;
        assert!(status == StatusCode::SERVICE_UNAVAILABLE && body.contains(STANDBY), "{body}");
        assert!(replica.tells(STANDBY), "{}", replica.log());
        // Nor about people, of whom nothing is remembered.
        assert_eq!(replica.get("/api/auth/whoami", &user).await.0, StatusCode::SERVICE_UNAVAILABLE);
    }
    forwarder.lead_to(&primary);
    forwarder.sever();
    back(&both).await;
    assert_eq!(statuses(&both, &tokens[0].1).await, [401, 401]);
    assert_eq!(statuses(&both, &tokens[1].1).await, [200, 200]);
    revoked_everywhere(&both, &user, &tokens[1..]).await;
    assert!(!server.log().contains("another history"), "it is the same one");
}
