//! Several processes on one database, and what they stand on going away or letting nothing be written.

mod connections;
mod failover;
mod files;
mod held;
mod histories;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::common::{Server, answer, is_root};
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::Connection;

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

async fn ready(server: &Server) -> (StatusCode, String) {
    let response = server.http.get(format!("{}/readyz", server.url)).send().await.unwrap();
    let (status, body) = answer(response).await;
    (status, body["status"].as_str().unwrap().to_owned())
}

/// Asks until it is so.
async fn until_ready_is(server: &Server, expected: (StatusCode, &str)) {
    let mut told = ready(server).await;
    for _ in 0..600 {
        if (told.0, &*told.1) == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        told = ready(server).await;
    }
    panic!("{told:?} and not {expected:?}");
}

async fn create(server: &Server, user: &str, name: String) -> (StatusCode, Value) {
    let body = json!({ "name": name, "scopes": ["scans:read"], "allRepositories": true });
    server.post("/api/auth/cli-tokens", user, body).await
}

/// Takes the room away and gives it back again, `fill` and `free`: what can be done without it goes on, what can't is
/// refused and told, and all is well afterwards.
async fn nothing_can_be_written_for_a_while(server: &Server, fill: impl AsyncFn(), free: impl AsyncFn()) {
    const UNWRITABLE: (StatusCode, &str) = (StatusCode::SERVICE_UNAVAILABLE, "the database can't be written");
    const READY: (StatusCode, &str) = (StatusCode::OK, "ready");
    let user = server.log_in().await;
    assert_eq!(server.sign_in().await.status(), StatusCode::SEE_OTHER);
    let (id, secret) = server.create_token(&user, "kept").await;
    let check = async || server.request(Method::GET, "/forward-auth/api/scans", &secret).send().await.unwrap().status();
    for round in 0..3 {
        let (leaked_id, leaked) = server.create_token(&user, &format!("leaked {round}")).await;
        until_ready_is(server, READY).await;
        fill().await;
        until_ready_is(server, UNWRITABLE).await;
        // Where there is a little room left, a few writes may still find it.
        let (mut refused, mut made) = (0, Vec::new());
        while refused < 20 {
            let (status, body) = create(server, &user, format!("{round} {refused} {}", made.len())).await;
            match status {
                StatusCode::CREATED => made.push(body["token"].as_str().unwrap().to_owned()),
                _ => {
                    assert_eq!(
                        (status, &body["type"]),
                        (StatusCode::SERVICE_UNAVAILABLE, &json!("urn:latchkey:problem:unavailable"))
                    );
                    refused += 1;
                }
            }
            assert!(made.len() < 2_000, "it is not full");
        }
        for secret in made.iter().chain([&secret, &leaked]) {
            let (status, _) = server.get("/api/auth/whoami", secret).await;
            let log = server.log();
            let fault = log.lines().rfind(|line| line.contains("internal error")).unwrap_or_default();
            assert_eq!(status, StatusCode::OK, "what was answered is there: {fault}");
        }
        assert_eq!(check().await, StatusCode::OK);
        assert_eq!(server.get("/api/auth/cli-tokens", &user).await.0, StatusCode::OK);
        assert_eq!(server.page("/orgs/default/settings/tokens").await.0, StatusCode::OK);
        until_ready_is(server, UNWRITABLE).await;
        free().await;
        until_ready_is(server, READY).await;
        let path = format!("/api/auth/cli-tokens/{leaked_id}");
        assert_eq!(server.delete(&path, &user).await.0, StatusCode::NO_CONTENT);
        assert_eq!(server.get("/api/auth/whoami", &leaked).await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(create(server, &user, format!("after {round}")).await.0, StatusCode::CREATED);
    }
    assert_eq!(server.delete(&format!("/api/auth/cli-tokens/{id}"), &user).await.0, StatusCode::NO_CONTENT);
    assert_eq!(check().await, StatusCode::UNAUTHORIZED);
}

/// A file that takes what is left.
fn fill(folder: &Path) {
    let mut filler = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("filler")).unwrap();
    for size in [65_536, 4_096, 1] {
        while filler.write_all(&vec![b'x'; size]).is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_wedges_nothing_on_sqlite() {
    let server = Server::start_on_little_disk(8 << 20);
    let files = server.files();
    let free = async || std::fs::remove_file(files.join("filler")).unwrap();
    nothing_can_be_written_for_a_while(&server, async || fill(&files), free).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_can_not_be_written_are_told_and_wedge_nothing_on_sqlite() {
    let server = Server::start_on_little_disk(64 << 20);
    let limit = async |bytes: &str| {
        let limit = format!("--fsize={bytes}:unlimited");
        assert!(Command::new("prlimit").args(["--pid", &server.process_id(), &limit]).status().unwrap().success());
    };
    nothing_can_be_written_for_a_while(&server, async || limit("0").await, async || limit("unlimited").await).await;
}

/// Runs SQL on the database of a server, in read-write transactions whatever is set.
async fn execute(server: &Server, sql: &str) {
    let mut connection = sqlx::PgConnection::connect(&server.database_url).await.unwrap();
    for statement in ["SET default_transaction_read_only = off", sql] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_database_is_told_and_wedges_nothing_on_postgres() {
    let server = Server::start_on_postgres().await;
    let (_, name) = server.database_url.rsplit_once('/').unwrap();
    let set = async |value: &str| {
        execute(&server, &format!("ALTER DATABASE {name} SET default_transaction_read_only = {value}")).await;
        if value == "on" {
            // All but one that looks for changes.
            let hang_up = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = '{name}' AND pid <> pg_backend_pid() AND query NOT LIKE '%FROM changes%'"
            );
            execute(&server, &hang_up).await;
        }
    };
    nothing_can_be_written_for_a_while(&server, async || set("on").await, async || set("off").await).await;
}

/// A place for a database of PostgreSQL that is a small disk; gone when dropped.
struct LittleDisk(PathBuf);

impl LittleDisk {
    fn mount(bytes: u32) -> Self {
        let path = std::env::temp_dir().join(format!("latchkey_disk_{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let options = format!("size={bytes},mode=777");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(&path).status().unwrap();
        assert!(mounted.success(), "a tmpfs can be mounted");
        // The server insists on a folder of its own.
        let data = path.join("data");
        std::fs::create_dir(&data).unwrap();
        assert!(Command::new("chown").arg("postgres").arg(&data).status().unwrap().success());
        Self(path)
    }
}

impl Drop for LittleDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// With a real disk for whoever may mount one: root, as in continuous integration; an error of the same code otherwise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_wedges_nothing_on_postgres() {
    if !is_root() {
        const NO_ROOM: &str = "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS \
            $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$";
        const FILL: &str = "CREATE CONSTRAINT TRIGGER no_room AFTER INSERT OR UPDATE ON write_probe \
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION no_room(); \
            CREATE TRIGGER no_room BEFORE INSERT ON api_tokens FOR EACH ROW EXECUTE FUNCTION no_room()";
        const FREE: &str = "DROP TRIGGER no_room ON write_probe; DROP TRIGGER no_room ON api_tokens";
        let note = b"not root, so no disk can be mounted: what PostgreSQL says of a full one is made up\n";
        std::io::stderr().write_all(note).unwrap();
        let server = Server::start_on_postgres().await;
        execute(&server, NO_ROOM).await;
        let (fill, free) = (async || execute(&server, FILL).await, async || execute(&server, FREE).await);
        return nothing_can_be_written_for_a_while(&server, fill, free).await;
    }
    let disk = LittleDisk::mount(24 << 20);
    // A server of its own: one that loses a disk is of no use to other tests.
    let (mut postgres, url) = own_postgres();
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    let create = format!("CREATE TABLESPACE little LOCATION '{}'", disk.0.join("data").display());
    sqlx::query(sqlx::AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
    let server = Server::start_on_postgres_at(&url, "TABLESPACE little").await;
    let free = async || std::fs::remove_file(disk.0.join("filler")).unwrap();
    nothing_can_be_written_for_a_while(&server, async || fill(&disk.0), free).await;
    drop(postgres.stdin.take());
    postgres.wait().unwrap();
}

/// A PostgreSQL that runs until its standard input ends, and its address.
fn own_postgres() -> (Child, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/with-postgres");
    let mut process = Command::new(script)
        .args(["sh", "-c", "echo $LATCHKEY_TEST_POSTGRES_URL && cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
    (process, url.trim().to_owned())
}
