//! A backup is restored under running replicas: by SQLite's own means, or into the tables.

use std::process::Command;

use reqwest::StatusCode;

use super::{remembered, revoked_everywhere, statuses};
use crate::common::{self, Server};

on_both_engines!(a_restored_backup_is_noticed_by_every_replica, numbers_that_are_given_again_are_no_identity);

/// Keeps and restores the whole database, while it is served.
enum Backup {
    Sqlite { from: String, to: String },
    Postgres { url: String, dump: Vec<u8> },
}

impl Backup {
    fn of(server: &Server) -> Self {
        match server.database_url.strip_prefix("sqlite://") {
            Some(from) => {
                let to = format!("{from}.backup");
                copy(from, &to);
                Self::Sqlite { from: from.to_owned(), to }
            }
            None => {
                let url = server.database_url.clone();
                let arguments = ["--clean", "--if-exists", "--no-owner"];
                let dump = Command::new("pg_dump").args(arguments).arg(&url).output().unwrap();
                assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
                Self::Postgres { url, dump: dump.stdout }
            }
        }
    }

    fn restore(&self) {
        match self {
            Self::Sqlite { from, to } => copy(to, from),
            Self::Postgres { url, dump } => {
                let file = std::env::temp_dir().join(common::unique());
                std::fs::write(&file, dump).unwrap();
                let arguments = ["--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--file"];
                let mut command = Command::new("psql");
                let done = command.args(arguments).arg(&file).arg(url).output().unwrap();
                assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
                std::fs::remove_file(file).unwrap();
            }
        }
    }
}

/// As `.backup` and `.restore` of the sqlite3 program.
fn copy(from: &str, to: &str) {
    let script =
        "import sqlite3, sys\na, b = (sqlite3.connect(at, timeout=30) for at in sys.argv[1:])\na.backup(b)\nb.close()";
    let done = Command::new("python3").args(["-c", script, from, to]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

async fn a_restored_backup_is_noticed_by_every_replica(server: Server) {
    let other = server.start_again();
    let both = [&server, &other];
    let user = server.log_in().await;
    let tokens = remembered(&both, &user, "kept", 12).await;
    let backup = Backup::of(&server);
    // Nothing was taken away since the backup: what was added is unknown all the same.
    let added = remembered(&both, &user, "added", 1).await.remove(0);
    backup.restore();
    assert_eq!(statuses(&both, &added.1).await, [401, 401]);
    assert_eq!(statuses(&both, &tokens[0].1).await, [200, 200]);
    // Four changes are lost; the numbers meet, and go on.
    let (lost, kept) = tokens.split_at(4);
    revoked_everywhere(&both, &user, lost).await;
    backup.restore();
    assert_eq!(statuses(&both, &lost[0].1).await, [200, 200], "that is what was restored");
    revoked_everywhere(&both, &user, &kept[..4]).await;
    backup.restore();
    // Nobody asks before as many have been revoked again.
    for (id, _) in &lost[..4] {
        assert_eq!(super::revoke(&server, &user, id).await, StatusCode::NO_CONTENT);
    }
    for (_, secret) in lost {
        assert_eq!(statuses(&both, secret).await, [401, 401]);
    }
    revoked_everywhere(&both, &user, &kept[4..]).await;
    for replica in both {
        assert!(replica.tells("another history"), "{}", replica.log());
    }
}

/// Only the changes are rewound, behind the back of everybody: no server restarts, no schema changes.
async fn numbers_that_are_given_again_are_no_identity(server: Server) {
    let other = server.start_again();
    let both = [&server, &other];
    let user = server.log_in().await;
    let tokens = remembered(&both, &user, "token", 9).await;
    revoked_everywhere(&both, &user, &tokens[..4]).await;
    server.execute("DELETE FROM changes WHERE number > (SELECT max(number) - 3 FROM changes)").await;
    server.execute("UPDATE change_count SET count = (SELECT max(number) FROM changes)").await;
    // The replicas look again only when the numbers have met.
    for (id, _) in &tokens[4..7] {
        assert_eq!(super::revoke(&server, &user, id).await, StatusCode::NO_CONTENT);
    }
    for (_, secret) in &tokens[..7] {
        assert_eq!(statuses(&both, secret).await, [401, 401]);
    }
    server.execute("DELETE FROM changes").await;
    revoked_everywhere(&both, &user, &tokens[7..]).await;
}
