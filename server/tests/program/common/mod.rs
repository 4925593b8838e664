//! The real program on a real port, with a database of its own.
#![allow(unreachable_pub, reason = "a module of a test has no other side")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use latchkey_domain::{
    Catalogue, CredentialId, Email, MembershipId, OrganizationId, OrganizationName, RepositoryId, RepositoryName, Role,
    Secret, SecretKind, UserId,
};
use latchkey_service::{
    Caller, Clock, CreateToken, Origin, Person, Principal, Random, Service, SystemClock, SystemRandom,
};
use latchkey_store::{Store, memberships, organizations, repositories, user_tokens, users};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::Connection;

#[cfg(unix)]
pub mod cluster;

pub const EMAIL: &str = "ada@example.com";
pub const PASSWORD: &str = "correct horse battery";
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_latchkey-server");

/// A running server. Killed when dropped.
pub struct Server {
    process: Child,
    pub url: String,
    pub directory: PathBuf,
    pub database_url: String,
    log: Arc<Mutex<String>>,
    /// Until the end of the log.
    reading: Option<thread::JoinHandle<()>>,
    pub http: Client,
}

fn postgres() -> String {
    std::env::var("LATCHKEY_TEST_POSTGRES_URL")
        .expect("LATCHKEY_TEST_POSTGRES_URL is set: run by `make test`, or `scripts/with-postgres cargo test`")
}

/// Whether file systems can be mounted for another program, too.
pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

static COUNT: AtomicU64 = AtomicU64::new(0);

pub fn unique() -> String {
    let mut random = [0_u8; 6];
    SystemRandom.fill(&mut random);
    let random = random.map(|byte| format!("{byte:02x}")).concat();
    format!("latchkey_{}_{}_{random}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst))
}

/// Runs each named test against a server on SQLite and against one on PostgreSQL.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name($crate::common::Server::start()).await; })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name($crate::common::Server::start_on_postgres().await).await; })*
        }
    };
}

impl Server {
    pub fn start() -> Self {
        let directory = std::env::temp_dir().join(unique());
        let database_url = format!("sqlite://{}", directory.join("latchkey.db").display());
        Self::start_with(directory, database_url, &[], true)
    }

    pub async fn start_on_postgres() -> Self {
        Self::start_on_postgres_at(&postgres(), "").await
    }

    /// On that PostgreSQL, and with more words for `CREATE DATABASE`.
    pub async fn start_on_postgres_at(server: &str, options: &str) -> Self {
        let name = unique();
        let pool = sqlx::PgPool::connect(server).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} {options}"))).execute(&pool).await.unwrap();
        pool.close().await;
        let (base, _) = server.rsplit_once('/').unwrap();
        Self::start_with(std::env::temp_dir().join(unique()), format!("{base}/{name}"), &[], true)
    }

    pub fn start_with(directory: PathBuf, database_url: String, env: &[(&str, &str)], bootstrap: bool) -> Self {
        Self::start_by(&[], directory, database_url, env, bootstrap)
    }

    /// On SQLite, and a file system of so many bytes in the place of the server's directory. What is there is seen from
    /// outside in [`Server::files`].
    pub fn start_on_little_disk(bytes: u32) -> Self {
        let directory = std::env::temp_dir().join(unique());
        let database_url = format!("sqlite://{}", directory.join("latchkey.db").display());
        let mount = format!("mount -t tmpfs -o size={bytes} none \"$0\" && trap '' XFSZ && cd \"$0\" && exec \"$@\"");
        // Gone with the process, and for nobody else to see.
        let apart = if is_root() { "-m" } else { "-rm" };
        let launcher = ["unshare", apart, "sh", "-c", &mount, directory.to_str().unwrap()];
        Self::start_by(&launcher, directory.clone(), database_url, &[], true)
    }

    /// The server's directory as the server sees it.
    pub fn files(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.process.id()));
        root.join(self.directory.strip_prefix("/").unwrap())
    }

    fn start_by(
        launcher: &[&str],
        directory: PathBuf,
        database_url: String,
        env: &[(&str, &str)],
        bootstrap: bool,
    ) -> Self {
        std::fs::create_dir_all(&directory).unwrap();
        let words: Vec<_> = launcher.iter().copied().chain([PROGRAM, "serve"]).collect();
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .current_dir(&directory)
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("LATCHKEY_ADDR", "127.0.0.1:0")
            .env("LATCHKEY_DATABASE_URL", &database_url)
            .env("LATCHKEY_LOG", "debug,sqlx=info")
            .env("LATCHKEY_LOG_FORMAT", "json")
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if bootstrap {
            command.env("LATCHKEY_BOOTSTRAP_ADMIN_EMAIL", EMAIL).env("LATCHKEY_BOOTSTRAP_ADMIN_PASSWORD", PASSWORD);
        }
        command.envs(env.iter().copied());
        let mut process = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (listening, bound) = mpsc::channel();
        let (lines, kept) = (BufReader::new(process.stderr.take().unwrap()).lines(), log.clone());
        let reading = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let entry: Value = serde_json::from_str(&line).unwrap_or_default();
                if let (Some("listening"), Some(bound)) = (entry["message"].as_str(), entry["bound"].as_str()) {
                    let _ = listening.send(bound.to_owned());
                }
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let Ok(bound) = bound.recv_timeout(Duration::from_secs(30)) else {
            let _ = process.kill();
            panic!("the server did not start:\n{}", log.lock().unwrap());
        };
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).cookie_store(true).build().unwrap();
        Self { process, url: format!("http://{bound}"), directory, database_url, log, reading: Some(reading), http }
    }

    /// Another process on the same database.
    pub fn start_again(&self) -> Self {
        Self::start_with(self.directory.clone(), self.database_url.clone(), &[], true)
    }

    /// SIGKILL: nothing is finished, nothing is written.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM, and then the end.
    pub fn stop(&mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success());
        self.reading.take().unwrap().join().unwrap();
    }

    /// For signals.
    pub fn process_id(&self) -> String {
        self.process.id().to_string()
    }

    /// Runs SQL behind the server's back.
    pub async fn execute(&self, sql: &'static str) {
        if self.database_url.starts_with("sqlite") {
            let mut connection = sqlx::SqliteConnection::connect(&self.database_url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        } else {
            let mut connection = sqlx::PgConnection::connect(&self.database_url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        }
    }

    /// Waits for a text in the log, which is written beside the requests.
    pub fn tells(&self, text: &str) -> bool {
        (0..1_000).any(|_| {
            let told = self.log().contains(text);
            if !told {
                thread::sleep(Duration::from_millis(10));
            }
            told
        })
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Runs another command of the program on the same database, and returns what it printed.
    pub fn command(&self, arguments: &[&str]) -> String {
        let output = Command::new(PROGRAM)
            .args(arguments)
            .env_clear()
            .env("LATCHKEY_DATABASE_URL", &self.database_url)
            .current_dir(&self.directory)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn request(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(token)
    }

    pub async fn get(&self, path: &str, token: &str) -> (StatusCode, Value) {
        answer(self.request(Method::GET, path, token).send().await.unwrap()).await
    }

    pub async fn delete(&self, path: &str, token: &str) -> (StatusCode, Value) {
        answer(self.request(Method::DELETE, path, token).send().await.unwrap()).await
    }

    /// Any method, with a body or `null` for none.
    pub async fn send(&self, method: Method, path: &str, token: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.request(method, path, token);
        let request = if body.is_null() { request } else { request.json(body) };
        answer(request.send().await.unwrap()).await
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> (StatusCode, Value) {
        answer(self.request(Method::POST, path, token).json(&body).send().await.unwrap()).await
    }

    /// A user token of the bootstrap admin.
    pub async fn log_in(&self) -> String {
        let body = json!({ "email": EMAIL, "password": PASSWORD });
        let response = self.http.post(format!("{}/api/auth/login", self.url)).json(&body).send().await.unwrap();
        let (status, body) = answer(response).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["token"].as_str().unwrap().to_owned()
    }

    /// The id of a new member of the organization `default`, whose password is [`PASSWORD`] and who has a session.
    pub async fn join(&self, admin: &str, email: &str, role: &str) -> String {
        let (_, invited) =
            self.post("/api/orgs/default/invitations", admin, json!({ "email": email, "role": role })).await;
        let link = text(&invited["link"]).split("link=").nth(1).unwrap().to_owned();
        // Not in the browser whose cookies are kept.
        let browser = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let form = browser.post(format!("{}/join", self.url)).header("sec-fetch-site", "same-origin");
        let joined = form.form(&[("link", &*link), ("password", PASSWORD)]).send().await.unwrap();
        assert_eq!(joined.status(), StatusCode::SEE_OTHER);
        self.user_id(admin, email).await
    }

    /// The id of the user with this email.
    pub async fn user_id(&self, admin: &str, email: &str) -> String {
        let (_, page) = self.get("/api/users?limit=100", admin).await;
        let found = page["items"].as_array().unwrap().iter().find(|user| user["email"] == email);
        text(&found.unwrap_or_else(|| panic!("{page}"))["id"])
    }

    /// A token that reads scans and repositories everywhere; its id and secret.
    pub async fn create_token(&self, user: &str, name: &str) -> (String, String) {
        let body = json!({ "name": name, "scopes": ["scans:read", "repos:read"], "allRepositories": true });
        let (status, body) = self.post("/api/auth/cli-tokens", user, body).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        (text(&body["id"]), text(&body["token"]))
    }

    /// Signs the browser in whose cookies `self.http` keeps.
    pub async fn sign_in(&self) -> Response {
        let form = [("email", EMAIL), ("password", PASSWORD)];
        let request = self.http.post(format!("{}/login", self.url)).header("sec-fetch-site", "same-origin");
        request.form(&form).send().await.unwrap()
    }

    pub async fn page(&self, path: &str) -> (StatusCode, String) {
        let response = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// Another organization with a repository and a token, made behind the server's back.
    pub async fn foreign_organization(&self) -> Foreign {
        let store = Store::connect(&self.database_url).await.unwrap();
        let now = SystemClock.now();
        let organization = OrganizationId(SystemRandom.id(now));
        let (user, repository) = (UserId(SystemRandom.id(now)), RepositoryId(SystemRandom.id(now)));
        let email = Email::new("owner@globex.example").unwrap();
        let mut tx = store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
        organizations::insert(&mut tx, organization, &OrganizationName::new("globex").unwrap(), now).await.unwrap();
        users::insert(&mut tx, user, &email, None, false, now).await.unwrap();
        let membership = MembershipId(SystemRandom.id(now));
        memberships::insert(&mut tx, membership, organization, user, Role::Owner, now).await.unwrap();
        let name = RepositoryName::new("globex/api").unwrap();
        repositories::insert(&mut tx, repository, organization, &name, now).await.unwrap();
        let user_token = Secret::generate(SecretKind::UserToken, |bytes| SystemRandom.fill(bytes));
        let (credential, hash) = (CredentialId(SystemRandom.id(now)), user_token.hash());
        user_tokens::insert(&mut tx, credential, &hash, user, None, "", now, now.plus_days(1)).await.unwrap();
        tx.commit().await.unwrap();
        let service = Service::new(store.clone(), Catalogue::built_in(), Arc::new(SystemClock), Arc::new(SystemRandom));
        let person = Person { id: user, email: email.as_str().to_owned(), instance_admin: false, credential };
        let caller = Caller { principal: Principal::UserToken(person), origin: Origin::default() };
        let scopes = ["tokens:read", "tokens:manage", "repos:read", "repos:write", "org:read"];
        let asked = CreateToken {
            name: "Globex CI".to_owned(),
            scopes: scopes.map(str::to_owned).to_vec(),
            all_repositories: true,
            ..CreateToken::default()
        };
        let access = service.organizations().access(&caller, "globex").await.unwrap();
        let created = service.tokens().create(&access, asked).await.unwrap();
        store.close().await;
        Foreign {
            token_id: created.detail.token.id.to_string(),
            secret: created.secret.reveal().to_owned(),
            repository_id: repository.to_string(),
            user_token: user_token.reveal().to_owned(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What another organization has.
pub struct Foreign {
    pub token_id: String,
    pub secret: String,
    pub repository_id: String,
    /// Of its owner, `owner@globex.example`.
    pub user_token: String,
}

pub async fn answer(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

/// Whether any file below a folder holds the bytes.
pub fn found_in_files(folder: &Path, wanted: &str) -> bool {
    std::fs::read_dir(folder).unwrap().map(Result::unwrap).any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return found_in_files(&path, wanted);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(wanted.len()).any(|window| window == wanted.as_bytes())
    })
}
