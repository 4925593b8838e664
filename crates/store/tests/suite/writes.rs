//! Writes that fail, and writes that wait: nothing that has gone wrong stays in a pool, and nobody waits for strangers.

use std::process::Command;
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use latchkey_domain::TokenState;
use latchkey_store::{Store, StoreError, Tx, WritePriority, instance, organizations, repositories, tokens};
use sqlx::{Connection, SqliteConnection};
use tokio::task::JoinHandle;

use crate::{
    changes::newest,
    database::{Database, on_both_engines},
    given::{Given, NOW, Spec, revoked},
    model::everything,
};

on_both_engines!(
    an_urgent_write_passes_a_queue_of_others,
    reads_go_on_beside_all_writes,
    a_queue_has_an_end,
    what_has_failed_is_not_committed,
    a_write_that_nobody_waits_for_leaves_nothing_behind,
);

async fn begin(store: &Store, priority: WritePriority) -> Tx {
    store.begin(priority).await.unwrap()
}

/// Begins writes that note when it is their turn, and end at once; returns when all of them wait.
async fn queue(
    store: &Store,
    priority: WritePriority,
    count: usize,
    order: &Arc<Mutex<Vec<WritePriority>>>,
) -> Vec<JoinHandle<()>> {
    let started = Arc::new(tokio::sync::Semaphore::new(0));
    let tasks = (0..count).map(|_| {
        let (store, order, started) = (store.clone(), order.clone(), started.clone());
        tokio::spawn(async move {
            // On a test's one thread, this task waits in the queue before another one runs.
            started.add_permits(1);
            let tx = store.begin(priority).await.unwrap();
            order.lock().unwrap().push(priority);
            drop(tx);
        })
    });
    let tasks = tasks.collect();
    drop(started.acquire_many(u32::try_from(count).unwrap()).await.unwrap());
    tasks
}

async fn an_urgent_write_passes_a_queue_of_others(given: &Given) {
    let (store, order) = (given.store(), Arc::new(Mutex::new(Vec::new())));
    // All that there is room for: one that writes on SQLite and one that waits for it; twelve connections on PostgreSQL.
    let under_way = if given.database.is_sqlite() { 1 } else { 12 };
    let held = join_all((0..under_way).map(|_| begin(store, WritePriority::Normal))).await;
    let mut waiting = queue(store, WritePriority::Background, 200, &order).await;
    waiting.extend(queue(store, WritePriority::Normal, 200, &order).await);
    let urgent = queue(store, WritePriority::Urgent, 3, &order).await;
    if given.database.is_sqlite() {
        drop(held);
        for task in urgent {
            task.await.unwrap();
        }
    } else {
        for task in urgent {
            task.await.unwrap();
        }
        assert_eq!(order.lock().unwrap().as_slice(), [WritePriority::Urgent; 3], "nobody has ended before");
        drop(held);
    }
    for task in waiting {
        task.await.unwrap();
    }
    let order = order.lock().unwrap();
    let last = order.iter().rposition(|priority| *priority == WritePriority::Urgent).unwrap();
    assert!(last <= 3, "behind {last} others");
    // Neither does one that callers ask for wait for all that Latchkey does by itself.
    let half = order.iter().take(210);
    let ordinary = half.filter(|priority| **priority == WritePriority::Normal).count();
    assert!(ordinary >= 95, "only {ordinary} of the first half");
    assert_eq!(order.len(), 403);
}

async fn reads_go_on_beside_all_writes(given: &Given) {
    let order = Arc::default();
    let count = if given.database.is_sqlite() { 1 } else { 12 };
    let held = join_all((0..count).map(|_| begin(given.store(), WritePriority::Normal))).await;
    let waiting = queue(given.store(), WritePriority::Background, 100, &order).await;
    assert!(organizations::by_id(given.store(), given.acme).await.unwrap().is_some());
    drop(held);
    for task in waiting {
        task.await.unwrap();
    }
}

async fn a_queue_has_an_end(given: &Given) {
    let (store, order) = (given.store(), Arc::default());
    let under_way = if given.database.is_sqlite() { 1 } else { 4 };
    let held = join_all((0..under_way).map(|_| begin(store, WritePriority::Background))).await;
    let waiting = queue(store, WritePriority::Background, 256, &order).await;
    assert!(matches!(store.begin(WritePriority::Background).await.map(drop), Err(StoreError::Busy)));
    drop(held);
    for task in waiting {
        task.await.unwrap();
    }
    drop(begin(store, WritePriority::Background).await);
}

async fn count(given: &Given) -> usize {
    organizations::all(given.store(), "", 100).await.unwrap().len()
}

/// SQLite goes on after most errors, and PostgreSQL says that it has committed what it has rolled back.
async fn what_has_failed_is_not_committed(given: &Given) {
    let (before, id) = (count(given).await, latchkey_domain::OrganizationId(given.id()));
    let name = |name: &str| latchkey_domain::OrganizationName::new(name).unwrap();
    let mut tx = begin(given.store(), WritePriority::Normal).await;
    organizations::insert(&mut tx, id, &name("initech"), NOW).await.unwrap();
    let taken = latchkey_domain::OrganizationId(given.id());
    let failed = organizations::insert(&mut tx, taken, &name("acme"), NOW).await;
    assert!(matches!(failed, Err(StoreError::Conflict(_))));
    assert!(organizations::insert(&mut tx, taken, &name("hooli"), NOW).await.is_err(), "it is over");
    assert!(tx.commit().await.is_err());
    assert_eq!(count(given).await, before);
    // Neither is one whose last statement nobody has waited for.
    loop {
        let mut tx = begin(given.store(), WritePriority::Normal).await;
        let hooli = name("hooli");
        if futures::poll!(Box::pin(organizations::insert(&mut tx, taken, &hooli, NOW))).is_pending() {
            assert!(tx.commit().await.is_err());
            break;
        }
    }
    assert_eq!(count(given).await, before);
}

/// A client goes away at whatever moment.
async fn a_write_that_nobody_waits_for_leaves_nothing_behind(given: &Given) {
    let before = count(given).await;
    let committed = Mutex::new(0);
    for polls in 0..200 {
        let write = async {
            let mut tx = given.store().begin(WritePriority::Urgent).await?;
            let name = latchkey_domain::OrganizationName::new(&format!("name-{polls}")).unwrap();
            organizations::insert(&mut tx, latchkey_domain::OrganizationId(given.id()), &name, NOW).await?;
            tx.commit().await?;
            *committed.lock().unwrap() += 1;
            Ok::<_, StoreError>(())
        };
        let mut write = Box::pin(write);
        // Polled only so often; the database goes on in between.
        for _ in 0..polls {
            if futures::poll!(&mut write).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(write);
        // The next one finds a connection that is as good as new.
        let mut tx = begin(given.store(), WritePriority::Urgent).await;
        instance::probe_write(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    }
    // Whoever was told so has written; who went away during COMMIT may have.
    assert!(count(given).await - before >= *committed.lock().unwrap());
}

async fn probe(store: &Store) -> Result<(), StoreError> {
    let mut tx = store.begin(WritePriority::Urgent).await?;
    instance::probe_write(&mut tx).await?;
    tx.commit().await
}

async fn revoke(given: &Given, token: latchkey_domain::TokenId) {
    assert_eq!(expired(given, Some(TokenState::Expired)).await.len(), 1, "what has expired is noted again");
    revoke_one(given, token).await;
}

async fn revoke_one(given: &Given, token: latchkey_domain::TokenId) {
    let number = newest(given.store()).await.number;
    given.write(async |tx| tokens::revoke(tx, token, &revoked(NOW)).await).await.unwrap();
    assert_eq!(newest(given.store()).await.number, number + 1);
}

/// A list on a day on which a token of each test has expired.
async fn expired(given: &Given, state: Option<TokenState>) -> Vec<tokens::Token> {
    let filter = tokens::Filter { state, ..everything(given) };
    let by_name = tokens::Sort { key: tokens::SortKey::Name, descending: false };
    tokens::list(given.store(), &filter, by_name, None, 10, NOW.plus_days(40)).await.unwrap().tokens
}

/// Writes until nothing can be written: what failed is not there, and can be tried again for ever.
async fn write_until_full(given: &Given) {
    let mut failed = 0;
    for at in 0..60 {
        let id = latchkey_domain::RepositoryId(given.id());
        let name = latchkey_domain::RepositoryName::new(&format!("acme/{at}-{}", id.0.simple())).unwrap();
        let done = given.try_write(async |tx| repositories::insert(tx, id, given.acme, &name, NOW).await).await;
        if let Err(error) = done {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
            assert!(repositories::by_id(given.store(), given.acme, id).await.unwrap().is_none());
            failed += 1;
        }
    }
    assert!(failed > 30, "only {failed} writes have failed");
    assert!(expired(given, None).await.len() >= 2, "lists are read, although what has expired can't be noted");
    assert!(matches!(probe(given.store()).await, Err(StoreError::Unavailable(_))));
}

/// A statement that fails, a COMMIT that fails, and a session that stays read-only.
#[tokio::test]
async fn postgres_that_can_not_be_written_wedges_nothing() {
    const NO_ROOM: &str = "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS \
        $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$";
    let given = Given::on(Database::postgres().await).await;
    let token = given.token(&given.spec("CI")).await.id;
    given.token(&Spec { expires_at: Some(NOW.plus_days(30)), ..given.spec("short") }).await;
    let execute = async |sql: &str| given.database.execute(sql.to_owned()).await;
    execute(NO_ROOM).await;
    let (_, database) = given.database.url.rsplit_once('/').unwrap();
    let database = database.split('?').next().unwrap();
    let ways = [
        (
            "CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON {} EXECUTE FUNCTION no_room()".to_owned(),
            "DROP TRIGGER no_room ON {}".to_owned(),
        ),
        (
            "CREATE CONSTRAINT TRIGGER no_room AFTER INSERT OR UPDATE ON {} DEFERRABLE INITIALLY DEFERRED \
                FOR EACH ROW EXECUTE FUNCTION no_room()"
                .to_owned(),
            "DROP TRIGGER no_room ON {}".to_owned(),
        ),
        (
            format!(
                "BEGIN READ WRITE; ALTER DATABASE {database} SET default_transaction_read_only = on; COMMIT; \
                 SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                    WHERE datname = '{database}' AND pid <> pg_backend_pid()"
            ),
            format!("BEGIN READ WRITE; ALTER DATABASE {database} RESET default_transaction_read_only; COMMIT"),
        ),
    ];
    for (fill, free) in ways {
        for table in ["repositories", "write_probe"] {
            execute(&fill.replace("{}", table)).await;
        }
        write_until_full(&given).await;
        for table in ["repositories", "write_probe"] {
            execute(&free.replace("{}", table)).await;
        }
        // Sessions of before stay read-only: each of the pool's four is found out by one write.
        let mut failed = 0;
        while let Err(error) = probe(given.store()).await {
            failed += 1;
            assert!(failed <= 4, "{error}");
        }
    }
    revoke(&given, token).await;
    given.database.remove().await;
}

/// The server hangs up on all that rests; the next writes don't notice, and at most one read does.
#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_costs_no_write() {
    let given = Given::on(Database::postgres().await).await;
    for _ in 0..5 {
        // So that several rest in the pool.
        drop(join_all((0..8).map(|_| begin(given.store(), WritePriority::Normal))).await);
        drop(join_all((0..3).map(|_| begin(given.store(), WritePriority::Urgent))).await);
        let others = "DO $$ BEGIN LOOP \
            PERFORM pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'; \
            EXIT WHEN NOT FOUND; \
            PERFORM pg_stat_clear_snapshot(); \
        END LOOP; END $$";
        given.database.execute(others.to_owned()).await;
        probe(given.store()).await.unwrap();
        let token = given.token(&given.spec("CI")).await.id;
        revoke_one(&given, token).await;
        assert!(organizations::by_id(given.store(), given.acme).await.unwrap().is_some());
    }
    given.database.remove().await;
}

/// Runs a test of this program in a process of its own, whose files can be kept from growing.
fn in_a_process_of_its_own(test: &str) {
    // Or the signal would end it.
    let ignoring = "trap '' XFSZ; exec \"$@\"";
    let output = Command::new("sh")
        .args(["-c", ignoring, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test])
        .output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

/// No file of this process can grow beyond so many bytes.
fn limit_files(bytes: &str) {
    let limit = format!("--fsize={bytes}:unlimited");
    let status = Command::new("prlimit").args(["--pid", &std::process::id().to_string(), &limit]).status();
    assert!(status.unwrap().success(), "prlimit, of util-linux, can limit files");
}

#[test]
fn sqlite_that_can_not_be_written_wedges_nothing() {
    in_a_process_of_its_own("writes::with_little_room_for_files");
}

#[tokio::test]
#[ignore = "limits the whole process: it is run by the one above"]
async fn with_little_room_for_files() {
    let given = Given::on(Database::sqlite().await).await;
    let token = given.token(&given.spec("CI")).await.id;
    given.token(&Spec { expires_at: Some(NOW.plus_days(30)), ..given.spec("short") }).await;
    let wal = format!("{}-wal", given.database.url.trim_start_matches("sqlite://"));
    // Nothing at all, and room that ends within a page, within a write, and after some of them.
    for room in [None, Some(0), Some(5_000), Some(33_000), Some(300_000)] {
        let limit = room.map_or(0, |room| std::fs::metadata(&wal).unwrap().len() + room);
        limit_files(&limit.to_string());
        write_until_full(&given).await;
        limit_files("unlimited");
        probe(given.store()).await.unwrap();
    }
    revoke(&given, token).await;
    let mut connection = SqliteConnection::connect(&given.database.url).await.unwrap();
    let check: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(check, "ok");
    connection.close().await.unwrap();
    given.database.remove().await;
}

/// SQLite rolls back by itself, and whoever then rolls back is told that there is nothing to.
#[tokio::test]
async fn what_sqlite_has_rolled_back_by_itself_wedges_nothing() {
    let given = Given::on(Database::sqlite().await).await;
    let trigger = "CREATE TRIGGER full BEFORE INSERT ON repositories BEGIN SELECT raise(ROLLBACK, 'full'); END";
    given.database.execute(trigger.to_owned()).await;
    let before = count(&given).await;
    for waits in [true, false] {
        let mut tx = begin(given.store(), WritePriority::Urgent).await;
        let name = latchkey_domain::OrganizationName::new("initech").unwrap();
        organizations::insert(&mut tx, latchkey_domain::OrganizationId(given.id()), &name, NOW).await.unwrap();
        let id = latchkey_domain::RepositoryId(given.id());
        let name = latchkey_domain::RepositoryName::new("acme/web").unwrap();
        let mut insert = Box::pin(repositories::insert(&mut tx, id, given.acme, &name, NOW));
        if waits {
            assert!(insert.await.is_err());
        } else {
            // By the time that it is rolled back, it has failed without anybody hearing of it.
            drop(futures::poll!(&mut insert));
            drop(insert);
        }
        drop(tx);
        probe(given.store()).await.unwrap();
    }
    assert_eq!(count(&given).await, before);
    given.database.remove().await;
}
