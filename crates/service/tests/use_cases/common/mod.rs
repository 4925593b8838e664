//! A small world with two organizations, on either engine, whose clock stands still until it is told to move.
#![allow(unreachable_pub, reason = "a module of a test has no other side")]

pub mod people;
pub mod use_cases;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use latchkey_domain::{
    AuditEventId, Catalogue, CredentialId, Email, MembershipId, OrganizationId, OrganizationName, ProjectId,
    ProjectName, RepositoryId, RepositoryName, Role, SecretHash, Timestamp, UserId,
};
use latchkey_service::{
    Bearer, Caller, Clock, CreateToken, CreatedToken, Error, ListTokens, Organization, OrganizationAccess, Origin,
    Person, PresentedCredential, Principal, Random, Service, Sort, SortKey, StateFilter, SystemRandom,
};
use latchkey_store::sessions::{self, NewSession};
use latchkey_store::{Store, Tx, audit, memberships, organizations, projects, repositories, users};

/// 2026-11-22T12:34:56Z
pub const START: Timestamp = Timestamp::from_micros(1_795_350_896_000_000);

pub struct World {
    pub service: Service,
    pub store: Store,
    pub url: String,
    pub clock: Arc<TestClock>,
    pub acme: OrganizationId,
    pub globex: OrganizationId,
    pub project: ProjectId,
    pub repositories: Vec<RepositoryId>,
    pub foreign_repository: RepositoryId,
}

pub struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

impl TestClock {
    pub fn advance_millis(&self, millis: i64) {
        self.0.fetch_add(millis * 1_000, Ordering::SeqCst);
    }

    pub fn advance_seconds(&self, seconds: i64) {
        self.advance_millis(seconds * 1_000);
    }

    pub fn advance_days(&self, days: i64) {
        self.advance_seconds(days * 86_400);
    }
}

/// Runs each named test on SQLite and on PostgreSQL.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(&$crate::common::sqlite().await).await; })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(&$crate::common::postgres().await).await; })*
        }
    };
}

/// What a use case answers somebody who may not even know of the organization.
macro_rules! within {
    ($world:expr, $caller:expr, $organization:expr, $handle:ident.$method:ident($($argument:expr),*)) => {
        async {
            let access = $world.service.organizations().access($caller, $organization).await?;
            $world.service.$handle().$method(&access, $($argument),*).await
        }
        .await
    };
}

static DATABASES: AtomicU64 = AtomicU64::new(0);

fn unique() -> String {
    let mut random = [0_u8; 6];
    SystemRandom.fill(&mut random);
    let count = DATABASES.fetch_add(1, Ordering::SeqCst);
    let random = random.map(|byte| format!("{byte:02x}")).concat();
    format!("latchkey_{}_{count}_{random}", std::process::id())
}

pub async fn sqlite() -> World {
    let path = std::env::temp_dir().join(unique()).join("latchkey.db");
    world(&format!("sqlite://{}", path.display())).await
}

pub async fn postgres() -> World {
    let server = std::env::var("LATCHKEY_TEST_POSTGRES_URL")
        .expect("LATCHKEY_TEST_POSTGRES_URL is set: run by `make test`, or `scripts/with-postgres cargo test`");
    let name = unique();
    let pool = sqlx::PgPool::connect(&server).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&pool).await.unwrap();
    pool.close().await;
    let (base, _) = server.rsplit_once('/').unwrap();
    world(&format!("{base}/{name}")).await
}

async fn world(url: &str) -> World {
    let store = Store::connect(url).await.unwrap();
    store.migrate().await.unwrap();
    let clock = Arc::new(TestClock(AtomicI64::new(START.micros())));
    let service = Service::new(store.clone(), Catalogue::built_in(), clock.clone(), Arc::new(SystemRandom));
    let id = || SystemRandom.id(START);

    let mut tx = store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
    let (acme, globex) = (OrganizationId(id()), OrganizationId(id()));
    for (organization, name) in [(acme, "acme"), (globex, "globex")] {
        organizations::insert(&mut tx, organization, &OrganizationName::new(name).unwrap(), START).await.unwrap();
    }
    let project = ProjectId(id());
    let row = projects::Project { id: project, organization_id: acme, name: "Website".into(), created_at: START };
    projects::insert(&mut tx, &row, &ProjectName::new("Website").unwrap()).await.unwrap();
    let mut ids = Vec::new();
    for (organization, name) in [(acme, "acme/api"), (acme, "acme/web"), (acme, "acme/docs"), (globex, "globex/api")] {
        let repository = RepositoryId(id());
        let name = RepositoryName::new(name).unwrap();
        repositories::insert(&mut tx, repository, organization, &name, START).await.unwrap();
        ids.push(repository);
    }
    tx.commit().await.unwrap();
    let foreign_repository = ids.pop().unwrap();
    World { service, store, url: url.to_owned(), clock, acme, globex, project, repositories: ids, foreign_repository }
}

/// Makes or replaces a database that nobody has open.
async fn copy_database(from: &str, to: &str) {
    if let (Some(from), Some(to)) = (from.strip_prefix("sqlite://"), to.strip_prefix("sqlite://")) {
        // Whoever closed the database last has written the WAL back.
        assert!(!std::path::Path::new(&format!("{from}-wal")).exists());
        std::fs::copy(from, to).unwrap();
        return;
    }
    let (server, name) = to.rsplit_once('/').unwrap();
    let (_, template) = from.rsplit_once('/').unwrap();
    let pool = sqlx::PgPool::connect(&format!("{server}/postgres")).await.unwrap();
    // What reads the changes has a connection of its own as long as its service is there.
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{template}'");
    let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    for sql in [end, drop, format!("CREATE DATABASE {name} TEMPLATE {template}")] {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
    }
    pool.close().await;
}

impl World {
    /// A second replica on the same database, with the same clock and its own memory.
    pub fn replica(&self) -> Service {
        self.service_on(self.store.clone())
    }

    /// The same with connections of its own.
    pub fn service_on(&self, store: Store) -> Service {
        Service::new(store, Catalogue::built_in(), self.clock.clone(), Arc::new(SystemRandom))
    }

    /// The database as it is now, in a file or database of its own. Nothing else is open on it meanwhile.
    pub async fn save(&mut self) -> String {
        self.store.close().await;
        let copy = format!("{}_saved{}", self.url, DATABASES.fetch_add(1, Ordering::SeqCst));
        copy_database(&self.url, &copy).await;
        self.reopen().await;
        copy
    }

    /// Puts a saved database in the place of this one, as an operator does: while no server runs.
    pub async fn restore(&mut self, saved: &str) {
        self.store.close().await;
        copy_database(saved, &self.url).await;
        self.reopen().await;
    }

    async fn reopen(&mut self) {
        self.store = Store::connect(&self.url).await.unwrap();
        self.service = self.replica();
    }

    /// A signed-in person with a role in an organization.
    pub async fn person(&self, organization: OrganizationId, role: Role) -> Caller {
        let id = UserId(SystemRandom.id(START));
        let email = Email::new(&format!("{id}@example.com")).unwrap();
        let mut tx = self.store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
        users::insert(&mut tx, id, &email, None, false, START).await.unwrap();
        let membership = MembershipId(SystemRandom.id(START));
        memberships::insert(&mut tx, membership, organization, id, role, START).await.unwrap();
        let credential = session(&mut tx, id).await;
        tx.commit().await.unwrap();
        let person = Person { id, email: email.as_str().to_owned(), instance_admin: false, credential };
        Caller { principal: Principal::Session(person), origin: origin("203.0.113.7") }
    }

    pub async fn admin(&self) -> Caller {
        self.person(self.acme, Role::Admin).await
    }

    /// What a caller may do in acme, of which they are.
    pub async fn access(&self, caller: &Caller) -> OrganizationAccess {
        self.access_to(caller, "acme").await
    }

    /// The same in another organization; in none, that to the tokens of the instance.
    pub async fn access_to(&self, caller: &Caller, organization: &str) -> OrganizationAccess {
        let named = Some(organization).filter(|name| !name.is_empty());
        self.service.organizations().access_or_instance(caller, named).await.unwrap()
    }

    /// The organization of a name, if the caller may see it.
    pub async fn organization(&self, caller: &Caller, name: &str) -> Result<Organization, Error> {
        let access = self.service.organizations().access(caller, name).await?;
        self.service.organizations().get(&access).cloned()
    }

    pub async fn create(&self, caller: &Caller, asked: CreateToken) -> Result<CreatedToken, Error> {
        let access = self.service.organizations().access(caller, "acme").await?;
        self.service.tokens().create(&access, asked).await
    }

    /// What a pipeline that presents the secret is to the use cases.
    pub async fn pipeline(&self, created: &CreatedToken) -> Caller {
        let origin = origin("198.51.100.9");
        let principal = authenticate(&self.service, created.secret.reveal(), &origin).await.unwrap();
        Caller { principal, origin }
    }

    /// The newest audit event of each organization and of the instance: another one when anything was written.
    pub async fn newest_events(&self) -> Vec<Option<AuditEventId>> {
        let mut newest = Vec::new();
        for organization in [Some(self.acme), Some(self.globex), None] {
            let (action, actor, target, outcome, from, to) = (None, None, None, None, None, None);
            let filter = audit::Filter { organization, action, actor, target, outcome, from, to };
            let page = audit::list(&self.store, &filter, None, 1).await.unwrap();
            newest.push(page.events.first().map(|event| event.id));
        }
        newest
    }

    pub async fn events(&self, action: &str) -> u64 {
        audit::count(&self.store, Some(self.acme), action).await.unwrap()
    }
}

/// A session of a user, which will never be idle.
pub async fn session(tx: &mut Tx, user: UserId) -> CredentialId {
    let id = CredentialId(SystemRandom.id(START));
    let hash = SecretHash::of(id.0.as_bytes());
    let at = START.plus_days(3_650);
    let new = NewSession {
        id,
        hash: &hash,
        user: Some(user),
        created_at: at,
        last_seen_at: at,
        address: None,
        user_agent: "tests/1.0",
        data: None,
    };
    assert!(sessions::insert(tx, &new).await.unwrap());
    id
}

/// Checks an unsigned bearer.
pub async fn authenticate(service: &Service, bearer: &str, origin: &Origin) -> Result<Principal, Error> {
    let presented = PresentedCredential { bearer: &Bearer::parse(bearer), origin, signature: None };
    service.authentication().authenticate(&presented).await
}

pub fn origin(address: &str) -> Origin {
    Origin::new(Some(address.parse().unwrap()), "tests/1.0", "request-1")
}

/// What a careful admin asks for.
pub fn asked(name: &str) -> CreateToken {
    CreateToken {
        name: name.to_owned(),
        scopes: vec!["scans:read".into(), "repos:read".into()],
        all_repositories: true,
        ..CreateToken::default()
    }
}

pub fn scoped(name: &str, scopes: &[&str]) -> CreateToken {
    CreateToken { scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(), ..asked(name) }
}

pub fn listing(state: StateFilter) -> ListTokens {
    ListTokens {
        state,
        query: String::new(),
        scope: None,
        kind: None,
        level: None,
        repository: None,
        creator: None,
        sort: Sort { key: SortKey::Name, descending: false },
        cursor: None,
        limit: 50,
    }
}

/// The names of the fields that were refused.
pub fn fields(error: Error) -> Vec<&'static str> {
    match error {
        Error::Invalid(errors) => errors.into_iter().map(|error| error.field).collect(),
        error => panic!("expected invalid fields, got {error:?}"),
    }
}
