//! PostgreSQL servers of a test's own: a primary and its standby, and what stands between them and Latchkey, like a
//! balancer or a name of which somebody changes where it leads.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;

/// A running server, stopped and removed when dropped. It listens on a socket in its folder and nowhere else.
pub struct Postgres {
    folder: PathBuf,
}

/// The newest of the programs that Debian or Homebrew installs, or whatever is on the path.
fn program(name: &str) -> PathBuf {
    let folders = ["/usr/lib/postgresql", "/opt/homebrew/opt"].into_iter().filter_map(|at| std::fs::read_dir(at).ok());
    let mut found: Vec<_> = folders.flatten().map(|version| version.unwrap().path().join("bin").join(name)).collect();
    found.retain(|path| path.exists());
    found.sort();
    found.pop().unwrap_or_else(|| name.into())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

/// The server refuses to run as root.
fn run(name: &str, arguments: &[&str]) {
    let mut command = if is_root() { Command::new("runuser") } else { Command::new(program(name)) };
    if is_root() {
        command.args(["-u", "postgres", "--"]).arg(program(name));
    }
    // What is started inherits them, and would keep a pipe open for ever.
    command.args(arguments).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().unwrap().success(), "{name} {arguments:?}");
}

impl Postgres {
    fn folder() -> Self {
        let folder = std::env::temp_dir().join(super::unique());
        std::fs::create_dir(&folder).unwrap();
        if is_root() {
            assert!(Command::new("chown").arg("postgres").arg(&folder).status().unwrap().success());
        }
        Self { folder }
    }

    pub fn primary() -> Self {
        let server = Self::folder();
        let data = server.data();
        run("initdb", &["--pgdata", &data, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"]);
        server.start("");
        server
    }

    /// A standby of this one. It copies what is committed some time later.
    pub fn standby(&self) -> Self {
        let standby = Self::folder();
        let from = format!("host={} user=postgres", self.folder.display());
        run("pg_basebackup", &["-d", &from, "-D", &standby.data(), "-R", "-c", "fast", "-X", "stream", "--no-sync"]);
        standby.start("");
        standby
    }

    fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    pub fn start(&self, more: &str) {
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c fsync=off -c max_wal_senders=4 {more}",
            self.folder.display()
        );
        let log = self.folder.join("log").display().to_string();
        run("pg_ctl", &["start", "--pgdata", &self.data(), "--wait", "--log", &log, "--options", &options]);
    }

    pub fn stop(&self) {
        run("pg_ctl", &["stop", "--pgdata", &self.data(), "--mode=fast", "--wait"]);
    }

    /// As after a crash: what was not written is lost.
    pub fn restart_after_crash(&self, more: &str) {
        run("pg_ctl", &["stop", "--pgdata", &self.data(), "--mode=immediate", "--wait"]);
        self.start(more);
    }

    pub fn promote(&self) {
        run("pg_ctl", &["promote", "--pgdata", &self.data(), "--wait"]);
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }

    /// Runs statements on the server itself.
    pub async fn execute(&self, sql: &str) {
        let mut connection = self.connect().await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let mut connection = self.connect().await;
        let number = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        number
    }

    async fn connect(&self) -> PgConnection {
        let at = PgConnectOptions::new_without_pgpass().socket(&self.folder).username("postgres").database("postgres");
        PgConnection::connect_with(&at).await.unwrap()
    }

    /// Until a statement on both gives the same number.
    pub async fn catches_up_with(&self, primary: &Self, sql: &str) {
        for _ in 0..3_000 {
            if self.number(sql).await == primary.number(sql).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the standby does not catch up");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.data();
        let mut command = if is_root() { Command::new("runuser") } else { Command::new(program("pg_ctl")) };
        if is_root() {
            command.args(["-u", "postgres", "--"]).arg(program("pg_ctl"));
        }
        command.args(["stop", "--pgdata", &data, "--mode=immediate"]).current_dir("/");
        let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Leads each new connection to where it was told last.
pub struct Forwarder {
    pub url: String,
    target: Arc<Mutex<PathBuf>>,
    detour: Arc<Mutex<Option<PathBuf>>>,
    severed: watch::Sender<()>,
}

impl Forwarder {
    pub async fn to(server: &Postgres) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("postgres://postgres@{}/postgres", listener.local_addr().unwrap());
        let target = Arc::new(Mutex::new(server.socket()));
        let (severed, _) = watch::channel(());
        let detour = Arc::new(Mutex::new(None));
        let (leads_to, next, sever) = (target.clone(), detour.clone(), severed.clone());
        tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let next: Option<PathBuf> = next.lock().unwrap().take();
                let target = next.unwrap_or_else(|| leads_to.lock().unwrap().clone());
                let mut severed = sever.subscribe();
                tokio::spawn(async move {
                    let Ok(mut to) = UnixStream::connect(&target).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut from, &mut to) => {}
                        _ = severed.changed() => {}
                    }
                });
            }
        });
        Self { url, target, detour, severed }
    }

    /// New connections go there; those that there are stay.
    pub fn lead_to(&self, server: &Postgres) {
        *self.target.lock().unwrap() = server.socket();
    }

    /// Only the next connection goes there.
    pub fn lead_once_to(&self, server: &Postgres) {
        *self.detour.lock().unwrap() = Some(server.socket());
    }

    /// Whether that connection has been made.
    pub fn has_led_once(&self) -> bool {
        self.detour.lock().unwrap().is_none()
    }

    /// Ends all connections that there are.
    pub fn sever(&self) {
        self.severed.send_replace(());
    }
}

/// The place of a file of SQLite in its URL.
pub fn path_of(url: &str) -> &Path {
    Path::new(url.trim_start_matches("sqlite://"))
}
