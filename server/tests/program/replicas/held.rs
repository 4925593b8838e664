//! Revocations beside everything else that writes, in short; `bench` has it at length.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use reqwest::StatusCode;

use super::{remembered, revoke, statuses};
use crate::common::Server;

on_both_engines!(revocations_hold_beside_what_else_writes);

/// What another process does to the database, again and again.
const SQLITE: [&str; 3] = [
    "VACUUM",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "BEGIN IMMEDIATE; INSERT INTO nonces VALUES (randomblob(32), 1); COMMIT",
];
const POSTGRES: [&str; 3] =
    ["VACUUM changes", "CHECKPOINT", "BEGIN; INSERT INTO nonces SELECT sha256(random()::text::bytea), 1; COMMIT"];

async fn revocations_hold_beside_what_else_writes(server: Server) {
    let other = server.start_again();
    let both = [&server, &other];
    let user = server.log_in().await;
    let tokens = remembered(&both, &user, "token", 24).await;
    let (over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let url = server.database_url.clone();
    let statements = if url.starts_with("sqlite") { SQLITE } else { POSTGRES };
    let (stop, count) = (over.clone(), done.clone());
    let foreign = std::thread::spawn(move || {
        while !stop.load(Ordering::SeqCst) {
            for sql in statements {
                foreign(&url, sql);
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    for (number, (id, secret)) in tokens.iter().enumerate() {
        if number % 8 == 0 {
            assert!(server.command(&["sweep"]).starts_with("Revoked 0"));
        }
        assert_eq!(revoke(both[number % 2], &user, id).await, StatusCode::NO_CONTENT);
        assert_eq!(statuses(&both, secret).await, [401, 401], "token {number}");
    }
    over.store(true, Ordering::SeqCst);
    foreign.join().unwrap();
    assert!(done.load(Ordering::SeqCst) >= 3, "there were others");
}

/// One statement of another program; it may find the database busy.
fn foreign(url: &str, sql: &str) {
    let mut command = match url.strip_prefix("sqlite://") {
        Some(file) => {
            let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)\n\
                try:\n  for sql in sys.argv[2].split(';'): c.execute(sql)\nexcept sqlite3.OperationalError as e:\n  \
                assert 'locked' in str(e) or 'busy' in str(e), e";
            let mut command = Command::new("python3");
            command.args(["-c", script, file, sql]);
            command
        }
        None => {
            let mut command = Command::new("psql");
            command.args(["--quiet", "--set=ON_ERROR_STOP=1", "--command", sql, url]);
            command
        }
    };
    let output = command.output().unwrap();
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
}
