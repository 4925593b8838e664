//! Opening, migrating, locking and closing.

use std::{sync::Arc, task::Poll};

use futures::future::try_join_all;
use latchkey_domain::{OrganizationName, SecretHash};
use latchkey_store::{Store, StoreError, organizations, tokens};
use tokio::sync::{Barrier, watch};

use crate::{
    database::{Database, Folder, on_both_engines},
    given::{Given, NOW},
};

on_both_engines!(
    one_replica_sweeps_at_a_time,
    a_closed_store_is_not_available,
    migrating_again_changes_nothing,
    reads_that_belong_together_leave_nothing_behind,
    readers_that_are_taken_keep_no_verification_waiting,
);

async fn one_replica_sweeps_at_a_time(given: &Given) {
    // One process on SQLite, several on PostgreSQL.
    let replica = if given.database.is_sqlite() {
        given.store().clone()
    } else {
        Store::connect(&given.database.url).await.unwrap()
    };
    let held = given.store().try_lock_sweep().await.unwrap();
    assert!(held.is_some());
    assert!(replica.try_lock_sweep().await.unwrap().is_none());
    assert!(given.store().try_lock_sweep().await.unwrap().is_none());
    drop(held);
    // PostgreSQL notices a closed connection a moment later.
    let mut taken = None;
    for _ in 0..1_000 {
        taken = replica.try_lock_sweep().await.unwrap();
        if taken.is_some() {
            break;
        }
    }
    assert!(taken.is_some());
    drop(taken);
    if !given.database.is_sqlite() {
        replica.close().await;
    }
}

async fn a_closed_store_is_not_available(given: &Given) {
    given.store().ping().await.unwrap();
    given.store().close().await;
    assert!(matches!(given.store().ping().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(
        given.store().begin(latchkey_store::WritePriority::Normal).await.map(drop),
        Err(StoreError::Unavailable(_))
    ));
}

async fn migrating_again_changes_nothing(given: &Given) {
    given.store().migrate().await.unwrap();
    assert!(organizations::by_id(given.store(), given.acme).await.unwrap().is_some());
}

/// However they end: those after them find a place among the readers, and a connection.
async fn reads_that_belong_together_leave_nothing_behind(given: &Given) {
    let read = || {
        let (store, id) = (given.store().clone(), given.acme);
        async move {
            let found = organizations::by_id(&store, id).await.unwrap();
            // Within another one, it is a part of that.
            let inner = store.clone();
            let again = store.reading(async move { organizations::by_id(&inner, id).await.unwrap() }).await.unwrap();
            assert_eq!(found, again);
            found.is_some()
        }
    };
    let many = given.store().readers() * 4;
    for _ in 0..many {
        let failing = {
            let store = given.store().clone();
            async move {
                store.reading(async { assert_eq!(1, 2, "this panic is a part of the test") }).await.unwrap();
            }
        };
        assert!(tokio::spawn(failing).await.unwrap_err().is_panic());
        // Asked once, and then forgotten.
        assert!(!matches!(futures::poll!(Box::pin(given.store().reading(read()))), Poll::Ready(Err(_))));
    }
    let found = try_join_all((0..many).map(|_| given.store().reading(read()))).await.unwrap();
    assert_eq!(found, vec![true; many]);
    assert!(read().await);
}

/// Whatever pages and exports wait for.
async fn readers_that_are_taken_keep_no_verification_waiting(given: &Given) {
    let store = given.store();
    let begun = Arc::new(Barrier::new(store.readers() + 1));
    let (end, ended) = watch::channel(false);
    let taken: Vec<_> = (0..store.readers())
        .map(|_| {
            let (store, begun, mut ended) = (store.clone(), begun.clone(), ended.clone());
            tokio::spawn(async move {
                let waiting = async move {
                    begun.wait().await;
                    ended.wait_for(|ended| *ended).await.map(drop).unwrap();
                };
                store.reading(waiting).await.unwrap();
            })
        })
        .collect();
    begun.wait().await;
    assert!(tokens::by_secret(store, &SecretHash::of(b"nobody's")).await.unwrap().is_none());
    end.send(true).unwrap();
    try_join_all(taken).await.unwrap();
}

async fn replicas_migrate_at_once(database: Database) {
    let mut replicas = Vec::new();
    for _ in 0..4 {
        replicas.push(Store::connect(&database.url).await.unwrap());
    }
    try_join_all(replicas.iter().map(Store::migrate)).await.unwrap();
    assert!(organizations::all(&replicas[0], "", 10).await.unwrap().is_empty());
    for replica in replicas {
        replica.close().await;
    }
    database.remove().await;
}

#[tokio::test]
async fn replicas_migrate_at_once_on_sqlite() {
    replicas_migrate_at_once(Database::sqlite().await).await;
}

#[tokio::test]
async fn replicas_migrate_at_once_on_postgres() {
    replicas_migrate_at_once(Database::postgres().await).await;
}

#[tokio::test]
async fn a_url_of_another_database_is_refused_without_repeating_it() {
    for url in ["mysql://root:hunter2@localhost/x", "latchkey.db", "", "sqlite::memory:", "sqlite://?mode=memory"] {
        let error = Store::connect(url).await.unwrap_err();
        assert!(matches!(error, StoreError::Database(sqlx::Error::Configuration(_))), "{url}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_file_in_an_unreachable_place_is_not_available() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let url = format!("sqlite://{}", folder.path().join("file/latchkey.db").display());
    assert!(matches!(Store::connect(&url).await, Err(StoreError::Unavailable(_))));
}

/// Another process holds the file for longer than a request may wait.
#[tokio::test]
async fn a_busy_file_is_not_available() {
    let database = Database::sqlite().await.migrated().await;
    let other = Store::connect(&database.url).await.unwrap();
    let held = other.begin(latchkey_store::WritePriority::Normal).await.unwrap();
    assert!(matches!(
        database.store.begin(latchkey_store::WritePriority::Normal).await.map(drop),
        Err(StoreError::Unavailable(_))
    ));
    drop(held);
    other.close().await;
    database.remove().await;
}

#[tokio::test]
async fn what_was_committed_survives_a_crash() {
    let database = Database::sqlite().await.migrated().await;
    let id = latchkey_domain::OrganizationId(uuid::Uuid::from_u128(1));
    let mut tx = database.store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
    organizations::insert(&mut tx, id, &OrganizationName::new("acme").unwrap(), NOW).await.unwrap();
    tx.commit().await.unwrap();
    // What is on disk at this moment is what a killed process leaves behind.
    let crashed = Folder::new();
    for file in ["latchkey.db", "latchkey.db-wal"] {
        let from = std::path::Path::new(database.url.trim_start_matches("sqlite://")).with_file_name(file);
        std::fs::copy(from, crashed.path().join(file)).unwrap();
    }
    let store = Store::connect(&format!("sqlite://{}", crashed.path().join("latchkey.db").display())).await.unwrap();
    assert!(organizations::by_id(&store, id).await.unwrap().is_some());
    store.close().await;
    database.remove().await;
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_for_nobody_else_to_read() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let file = folder.path().join("new/folder/latchkey.db");
    let store = Store::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    store.migrate().await.unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&file.with_file_name("latchkey.db-wal")), 0o600);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    store.close().await;
}
