//! SQLite's file, by other names and under other files.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{readiness, remembered, revoked_everywhere, statuses};
use crate::common::Server;
use crate::common::cluster::path_of;

const REPLACED: &str = "was moved, removed or replaced while it is served";

/// Where the files are is looked at once a millisecond: the first answers may come from before.
async fn soon(servers: &[&Server], secret: &str, expected: &[u16]) {
    for _ in 0..1_000 {
        if statuses(servers, secret).await == expected {
            return;
        }
    }
    assert_eq!(statuses(servers, secret).await, expected);
}

/// Beside the link lies what another database's processes have shared: a name that SQLite does not use.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_a_link_every_revocation_is_seen() {
    let server = Server::start();
    let file = path_of(&server.database_url).to_owned();
    let user = server.log_in().await;
    let folder = server.directory.join("elsewhere");
    fs::create_dir(&folder).unwrap();
    let (folder_link, file_link) = (server.directory.join("folder"), folder.join("link.db"));
    symlink(&file, &file_link).unwrap();
    symlink(&folder, &folder_link).unwrap();
    let shared = |of: &std::path::Path| format!("{}-shm", of.display());
    fs::copy(shared(&file), shared(&file_link)).unwrap();
    let through = [file_link.clone(), folder_link.join("link.db")];
    let [first, second] = through
        .map(|link| Server::start_with(server.directory.clone(), format!("sqlite://{}", link.display()), &[], true));
    let all = [&server, &first, &second];
    let tokens = remembered(&all, &user, "token", 6).await;
    revoked_everywhere(&all, &user, &tokens).await;
    // Where the link leads later is another database: nobody goes on as if it were not.
    let (_, kept) = remembered(&all, &user, "kept", 1).await.remove(0);
    fs::remove_file(&file_link).unwrap();
    symlink(folder.join("nowhere.db"), &file_link).unwrap();
    soon(&all, &kept, &[200, 503, 503]).await;
}

/// Under a server that goes on with the old one, nobody would see what is revoked in the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_replaced_is_served_no_more() {
    for replaced in [true, false] {
        let server = Server::start();
        let file = path_of(&server.database_url).to_owned();
        let user = server.log_in().await;
        let tokens = remembered(&[&server], &user, "token", 1).await;
        let (id, secret) = &tokens[0];
        let aside = file.with_extension("aside");
        if replaced {
            fs::copy(&file, &aside).unwrap();
            fs::rename(&aside, &file).unwrap();
        } else {
            fs::rename(&file, &aside).unwrap();
        }
        soon(&[&server], secret, &[503]).await;
        for _ in 0..3 {
            assert_eq!(statuses(&[&server], secret).await, [503]);
        }
        assert_eq!(server.get("/api/auth/whoami", &user).await.0, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(super::revoke(&server, &user, id).await, StatusCode::SERVICE_UNAVAILABLE, "it would be lost");
        let body = json!({ "email": crate::common::EMAIL, "password": crate::common::PASSWORD });
        let sign_in = server.send(Method::POST, "/api/auth/login", "", &body).await;
        assert_eq!(sign_in.0, StatusCode::SERVICE_UNAVAILABLE);
        let (status, body) = readiness(&server).await;
        assert!(status == StatusCode::SERVICE_UNAVAILABLE && body.contains(REPLACED), "{body}");
        assert!(server.log().contains(REPLACED), "{}", server.log());
        if !replaced {
            // It is the same one again.
            fs::rename(&aside, &file).unwrap();
            assert_eq!(statuses(&[&server], secret).await, [200]);
            revoked_everywhere(&[&server], &user, &tokens).await;
        }
    }
}

/// Without them, what another process commits goes into files that this one has not got.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_beside_it_that_were_removed_are_noticed() {
    for ending in ["-shm", "-wal"] {
        let server = Server::start();
        let user = server.log_in().await;
        let (_, secret) = remembered(&[&server], &user, "token", 1).await.remove(0);
        fs::remove_file(format!("{}{ending}", path_of(&server.database_url).display())).unwrap();
        soon(&[&server], &secret, &[503]).await;
        let (status, body) = readiness(&server).await;
        assert!(status == StatusCode::SERVICE_UNAVAILABLE && body.contains(REPLACED), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_another_name_is_told() {
    let server = Server::start();
    let file = path_of(&server.database_url);
    assert!(!server.command(&["doctor"]).contains("hard link"));
    fs::hard_link(file, file.with_extension("second")).unwrap();
    assert!(server.command(&["doctor"]).contains("warning         the file of the database has another name"));
    assert!(server.start_again().log().contains("hard link"));
}
