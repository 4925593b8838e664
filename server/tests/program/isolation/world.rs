//! Two organizations and the instance above them, with every kind of credential.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::join_all;
use latchkey_domain::{Secret, SecretKind};
use latchkey_service::{Random, SystemRandom};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::operation::{Kind, Operation, Variant};
use crate::common::{PASSWORD, Server, answer, text};

/// Of an organization's or a project's token; the others are for the whole instance.
const SCOPES: [&str; 12] = [
    "repos:read",
    "repos:write",
    "scans:read",
    "scans:trigger",
    "drifts:read",
    "drifts:write",
    "runners:read",
    "runners:manage",
    "tokens:read",
    "tokens:manage",
    "tokens:introspect",
    "org:read",
];
const INSTANCE_SCOPES: [&str; 3] = ["orgs:create", "members:invite", "cas-backends:manage"];

/// Who has an invitation and nothing else.
pub(crate) const INVITED: &str = "invited person";

/// Ascending, as the ladder is climbed.
const ROLES: [&str; 5] = ["viewer", "contributor", "member", "admin", "owner"];

/// How far a credential reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    /// It is none, or no longer.
    None,
    Organization,
    Instance,
}

#[derive(Clone)]
pub(crate) struct Credential {
    pub(crate) name: &'static str,
    pub(crate) power: Power,
    pub(crate) bearer: Option<String>,
    pub(crate) cookie: Option<String>,
}

impl Credential {
    fn new(name: &'static str, power: Power, bearer: &str) -> Self {
        Self { name, power, bearer: Some(bearer.to_owned()), cookie: None }
    }
}

struct Person {
    name: &'static str,
    email: String,
    token: String,
    /// The cookie of a browser.
    cookie: String,
}

pub(crate) struct World {
    pub(crate) server: Server,
    /// Keeps no cookies.
    pub(crate) http: Client,
    pub(crate) instance_admin: Credential,
    pub(crate) instance_token: Credential,
    /// All that are tried on what belongs to globex, except those two.
    pub(crate) credentials: Vec<Credential>,
    acme: BTreeMap<Kind, String>,
    pub(crate) globex: Foreign,
    /// By role, from the least.
    people: Vec<Person>,
    /// Who belongs to no organization.
    stranger: Person,
    /// Who joins fresh organizations, to be changed and removed.
    joining: Person,
    count: AtomicU32,
}

/// What another organization has.
pub(crate) struct Foreign {
    pub(crate) name: String,
    objects: BTreeMap<Kind, String>,
    /// In no answer.
    told: BTreeSet<String>,
}

impl Foreign {
    /// All that nobody else may be told.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &String> {
        self.told.iter()
    }
}

/// An organization of its own, for a request that may succeed.
pub(crate) struct Organization {
    pub(crate) name: String,
    id: String,
    objects: BTreeMap<Kind, String>,
}

const OBJECTS: [Kind; 13] = [
    Kind::OrganizationName,
    Kind::OrganizationId,
    Kind::DeletedOrganization,
    Kind::TokenId,
    Kind::Token,
    Kind::ProjectId,
    Kind::ProjectName,
    Kind::Repository,
    Kind::RepositoryName,
    Kind::Membership,
    Kind::Invitation,
    Kind::User,
    Kind::Credential,
];

impl World {
    pub(crate) async fn new(mut server: Server) -> Self {
        // Again without limits, since all comes from one address; and pinned, since there will be several organizations.
        server.stop();
        let env = [
            ("LATCHKEY_API_RATE_LIMIT", "0"),
            ("LATCHKEY_ORGANIZATION_RATE_LIMIT", "0"),
            ("LATCHKEY_FORWARD_AUTH_ORGANIZATIONS", "any"),
            ("LATCHKEY_LOG", "info"),
        ];
        let server = Server::start_with(server.directory.clone(), server.database_url.clone(), &env, true);
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let admin = server.log_in().await;
        let instance_admin = Credential::new("instance admin", Power::Instance, &admin);
        let mut scopes = SCOPES.to_vec();
        scopes.extend(INSTANCE_SCOPES);
        let body = json!({ "name": "Instance", "level": "instance", "scopes": scopes, "allRepositories": true });
        let (_, made) = server.post("/api/auth/cli-tokens", &admin, body).await;
        let instance_token = Credential::new("instance token", Power::Instance, &text(&made["token"]));
        let nobody = || Person { name: "", email: String::new(), token: String::new(), cookie: String::new() };
        let globex = Foreign { name: "globex".to_owned(), objects: BTreeMap::new(), told: BTreeSet::new() };
        let mut world = Self {
            server,
            http,
            instance_admin,
            instance_token,
            credentials: Vec::new(),
            acme: BTreeMap::new(),
            globex,
            people: Vec::new(),
            stranger: nobody(),
            joining: nobody(),
            count: AtomicU32::new(0),
        };
        world.joining = world.person("joining", "joining@example.com").await;
        world.stranger = world.person("person of no organization", "stranger@example.com").await;
        let mut acme = Organization::named(&world, "acme").await;
        for (role, name) in
            ROLES.into_iter().zip(["acme viewer", "acme contributor", "acme member", "acme admin", "acme owner"])
        {
            let person = world.person(name, &format!("{role}@acme.example")).await;
            acme.join(&world, &person, role).await;
            world.people.push(person);
        }
        world.credentials = credentials(&world, &mut acme).await;
        for kind in OBJECTS {
            let value = acme.object(&world, kind, &world.instance_admin).await;
            world.acme.insert(kind, value);
        }
        // Whose own account and membership it is, the request says by whom it is sent.
        world.acme.insert(Kind::User, "me".to_owned());
        let mut globex = Organization::named(&world, "globex").await;
        for kind in OBJECTS {
            let value = globex.object(&world, kind, &world.instance_admin).await;
            world.globex.objects.insert(kind, value);
        }
        world.globex.objects.insert(Kind::OwnMembership, world.globex.objects[&Kind::Membership].clone());
        // As they are after `Answer::without`.
        let told = world.globex.objects.values().map(|value| value.replace("globex", "[sent]"));
        world.globex.told = told.filter(|value| value != "[sent]").collect();
        world.globex.told.extend(["of-[sent]".to_owned(), "@[sent].example".to_owned()]);
        world
    }

    pub(crate) async fn call(
        &self,
        bearer: &str,
        organization: Option<&str>,
        method: Method,
        path: &str,
        body: Value,
    ) -> Value {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.server.url)).bearer_auth(bearer);
        if let Some(name) = organization {
            request = request.header("latchkey-organization", name);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let (status, got) = answer(request.send().await.unwrap()).await;
        assert!(status.is_success(), "{method} {path}: {status} {got}");
        got
    }

    async fn by_admin(&self, organization: Option<&str>, method: Method, path: &str, body: Value) -> Value {
        self.call(self.instance_admin.bearer.as_deref().unwrap(), organization, method, path, body).await
    }

    pub(crate) fn no_credential(&self) -> &Credential {
        self.credentials.iter().find(|one| one.bearer.is_none() && one.cookie.is_none()).unwrap()
    }

    fn number(&self) -> u32 {
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    /// Somebody who has an account, a user token and a session, and belongs to no organization.
    async fn person(&self, name: &'static str, email: &str) -> Person {
        let path = "/api/orgs/default/invitations";
        let made = self.by_admin(None, Method::POST, path, json!({ "email": email, "role": "viewer" })).await;
        let link = text(&made["link"]).split("link=").nth(1).unwrap().to_owned();
        let form = self.http.post(format!("{}/join", self.server.url)).header("sec-fetch-site", "same-origin");
        let joined = form.form(&[("link", &*link), ("password", PASSWORD)]).send().await.unwrap();
        assert_eq!(joined.status(), StatusCode::SEE_OTHER);
        let cookies = joined.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
        let cookie: Vec<_> = cookies.filter_map(|cookie| cookie.split(';').next()).collect();
        let cookie = cookie.join("; ");
        let body = json!({ "email": email, "password": PASSWORD });
        let response = self.http.post(format!("{}/api/auth/login", self.server.url)).json(&body).send().await.unwrap();
        let (status, got) = answer(response).await;
        assert_eq!(status, StatusCode::OK, "{got}");
        let token = text(&got["token"]);
        let path = format!("/api/orgs/default/members?email={email}");
        let found = self.by_admin(None, Method::GET, &path, Value::Null).await;
        let path = format!("/api/orgs/default/members/{}", text(&found["items"][0]["id"]));
        self.by_admin(None, Method::DELETE, &path, Value::Null).await;
        Person { name, email: email.to_owned(), token, cookie }
    }

    /// What stands in the places of a variant's references: foreign, or acme's own.
    pub(crate) fn foreign_values(&self, operation: &Operation, variant: &Variant) -> Vec<String> {
        let references = variant.references(operation).enumerate();
        let values = references.map(|(place, reference)| {
            let from = if variant.is_foreign(place) { &self.globex.objects } else { &self.acme };
            from[&reference.kind].clone()
        });
        values.collect()
    }

    /// Of the same form and length, and nothing's. What is acme's own stays.
    pub(crate) fn random(&self, value: &str) -> String {
        if self.acme.values().any(|own| own == value) {
            return value.to_owned();
        }
        if let Ok(id) = uuid::Uuid::parse_str(value) {
            let mut bytes = *id.as_bytes();
            bytes[8..].iter_mut().for_each(|byte| *byte ^= 0x15);
            return uuid::Uuid::from_bytes(bytes).to_string();
        }
        if value.starts_with("ci_") {
            let unknown = Secret::generate(SecretKind::ApiToken, |bytes| SystemRandom.fill(bytes));
            return unknown.reveal().to_owned();
        }
        value.chars().rev().collect()
    }
}

/// All but those that may do everything.
async fn credentials(world: &World, acme: &mut Organization) -> Vec<Credential> {
    let mut all = Vec::new();
    for person in world.people.iter().chain([&world.stranger]) {
        all.push(Credential::new(person.name, Power::Organization, &person.token));
    }
    let project = acme.object(world, Kind::ProjectId, &world.instance_admin).await;
    let repository = acme.object(world, Kind::Repository, &world.instance_admin).await;
    let token = async |name: &str, more: Value| {
        let mut body = json!({ "name": name, "scopes": SCOPES, "allRepositories": true });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.by_admin(Some("acme"), Method::POST, "/api/auth/cli-tokens", body).await
    };
    let secret = |made: &Value| text(&made["token"]);
    for (name, more) in [
        ("acme token", json!({})),
        ("acme token of few scopes", json!({ "scopes": ["scans:read"] })),
        ("acme token of a project", json!({ "project": project })),
        ("acme token of one repository", json!({ "allRepositories": false, "repositories": [repository] })),
    ] {
        all.push(Credential::new(name, Power::Organization, &secret(&token(name, more).await)));
    }
    let few = json!({ "name": "Few", "level": "instance", "scopes": ["scans:read"], "allRepositories": true });
    let few = world.by_admin(None, Method::POST, "/api/auth/cli-tokens", few).await;
    all.push(Credential::new("instance token of few scopes", Power::Instance, &secret(&few)));

    all.push(Credential { name: "no credential", power: Power::None, bearer: None, cookie: None });
    all.push(Credential::new("malformed token", Power::None, "ci_nonsense"));
    let unknown = Secret::generate(SecretKind::ApiToken, |bytes| SystemRandom.fill(bytes));
    all.push(Credential::new("unknown token", Power::None, unknown.reveal()));
    let expired = token("Expired", json!({ "expiresIn": "1h" })).await;
    world.server.execute("UPDATE api_tokens SET expires_at = created_at + 1 WHERE name = 'Expired'").await;
    all.push(Credential::new("expired token", Power::None, &secret(&expired)));
    let revoked = token("Revoked", json!({})).await;
    let path = format!("/api/auth/cli-tokens/{}", text(&revoked["id"]));
    world.by_admin(Some("acme"), Method::DELETE, &path, Value::Null).await;
    all.push(Credential::new("revoked token", Power::None, &secret(&revoked)));
    let rotated = token("Rotated", json!({})).await;
    let path = format!("/api/auth/cli-tokens/{}/rotate", text(&rotated["id"]));
    world.by_admin(Some("acme"), Method::POST, &path, json!({})).await;
    all.push(Credential::new("rotated token", Power::None, &secret(&rotated)));
    let cookie = &world.people.last().unwrap().cookie;
    all.push(Credential { name: "session cookie", power: Power::None, bearer: None, cookie: Some(cookie.clone()) });
    let session = cookie.split(['=', ';']).nth(1).unwrap();
    all.push(Credential::new("session as a token", Power::None, session));
    let invited = json!({ "email": "never@acme.example", "role": "owner" });
    let invited = world.by_admin(None, Method::POST, "/api/orgs/acme/invitations", invited).await;
    let link = text(&invited["link"]).split("link=").nth(1).unwrap().to_owned();
    all.push(Credential::new("invitation as a token", Power::None, &link));
    all
}

impl Organization {
    pub(crate) async fn create(world: &World) -> Self {
        let name = format!("own-{}", world.number());
        Self::named(world, &name).await
    }

    async fn named(world: &World, name: &str) -> Self {
        let made = world.by_admin(None, Method::POST, "/api/orgs", json!({ "name": name })).await;
        Self { name: name.to_owned(), id: text(&made["id"]), objects: BTreeMap::new() }
    }

    /// Those who may do more and more in it.
    pub(crate) async fn ladder(&self, world: &World) -> Vec<Credential> {
        join_all(world.people.iter().zip(ROLES).map(|(person, role)| self.join(world, person, role))).await;
        let mut ladder = vec![Credential::new(INVITED, Power::Organization, &world.stranger.token)];
        for (person, role) in world.people.iter().zip(ROLES) {
            ladder.push(Credential::new(role, Power::Organization, &person.token));
        }
        let body = json!({ "name": "Ladder", "scopes": SCOPES, "allRepositories": true });
        let made = world.by_admin(Some(&self.name), Method::POST, "/api/auth/cli-tokens", body).await;
        ladder.push(Credential::new("token", Power::Organization, &text(&made["token"])));
        ladder.push(world.instance_admin.clone());
        ladder
    }

    async fn join(&self, world: &World, person: &Person, role: &str) {
        let path = format!("/api/orgs/{}/invitations", self.name);
        let invited = world.by_admin(None, Method::POST, &path, json!({ "email": person.email, "role": role })).await;
        let path = format!("/api/invitations/{}/accept", text(&invited["id"]));
        world.call(&person.token, None, Method::POST, &path, json!({})).await;
    }

    async fn membership(&self, world: &World, email: &str) -> String {
        let path = format!("/api/orgs/{}/members?email={email}", self.name);
        let found = world.by_admin(None, Method::GET, &path, Value::Null).await;
        text(&found["items"][0]["id"])
    }

    /// Something of this organization, made when it is first asked for.
    pub(crate) async fn object(&mut self, world: &World, kind: Kind, caller: &Credential) -> String {
        if kind == Kind::OwnMembership {
            let person = world.people.iter().find(|person| caller.bearer.as_deref() == Some(&person.token));
            return match person {
                Some(person) => self.membership(world, &person.email).await,
                None => Box::pin(self.object(world, Kind::Membership, caller)).await,
            };
        }
        if let Some(value) = self.objects.get(&kind) {
            return value.clone();
        }
        self.make(world, kind).await;
        self.objects[&kind].clone()
    }

    /// Adds a token to its project, for lists to find.
    pub(crate) async fn fill_project(&mut self, world: &World) {
        let project = self.object(world, Kind::ProjectId, &world.instance_admin).await;
        let body =
            json!({ "name": "Of a project", "scopes": ["scans:read"], "allRepositories": true, "project": project });
        world.by_admin(Some(&self.name), Method::POST, "/api/auth/cli-tokens", body).await;
    }

    async fn make(&mut self, world: &World, kind: Kind) {
        let organization = self.name.clone();
        let own = Some(&*organization);
        let name = format!("of-{}-{}", self.name, world.number());
        match kind {
            Kind::OrganizationName => self.keep(kind, self.name.clone()),
            Kind::OrganizationId => self.keep(kind, self.id.clone()),
            Kind::DeletedOrganization => {
                world.by_admin(None, Method::POST, "/api/orgs", json!({ "name": name })).await;
                world.by_admin(None, Method::DELETE, &format!("/api/orgs/{name}"), Value::Null).await;
                self.keep(kind, name);
            }
            Kind::TokenId | Kind::Token => {
                let body = json!({ "name": name, "scopes": ["scans:read", "scans:trigger"], "allRepositories": true });
                let made = world.by_admin(own, Method::POST, "/api/auth/cli-tokens", body).await;
                self.keep(Kind::TokenId, text(&made["id"]));
                self.keep(Kind::Token, text(&made["token"]));
            }
            Kind::ProjectId | Kind::ProjectName => {
                let made = world.by_admin(own, Method::POST, "/api/projects", json!({ "name": name })).await;
                self.keep(Kind::ProjectId, text(&made["id"]));
                self.keep(Kind::ProjectName, name);
            }
            Kind::Repository | Kind::RepositoryName => {
                let name = format!("{}/{name}", self.name);
                let made = world.by_admin(own, Method::POST, "/api/repos", json!({ "name": name })).await;
                self.keep(Kind::Repository, text(&made["id"]));
                self.keep(Kind::RepositoryName, name);
            }
            Kind::Membership if self.name == "globex" => {
                // Not who moves on to others.
                let person = world.person("", "member@globex.example").await;
                self.join(world, &person, "member").await;
                let membership = self.membership(world, &person.email).await;
                self.keep(kind, membership);
                let user = world.server.user_id(world.instance_admin.bearer.as_deref().unwrap(), &person.email).await;
                self.keep(Kind::User, user);
            }
            Kind::Membership => {
                self.join(world, &world.joining, "member").await;
                let membership = self.membership(world, &world.joining.email).await;
                self.keep(kind, membership);
            }
            Kind::OwnMembership => {}
            Kind::Invitation => {
                let email = if self.name.starts_with("own-") { &*world.stranger.email } else { "later@globex.example" };
                let body = json!({ "email": email, "role": "member" });
                let path = format!("/api/orgs/{}/invitations", self.name);
                let made = world.by_admin(None, Method::POST, &path, body).await;
                self.keep(kind, text(&made["id"]));
            }
            Kind::User | Kind::Credential => {
                let email = format!("{name}@{}.example", self.name);
                let person = world.person("", &email).await;
                self.join(world, &person, "member").await;
                let user = world.server.user_id(world.instance_admin.bearer.as_deref().unwrap(), &email).await;
                let path = format!("/api/users/{user}/credentials");
                let found = world.by_admin(None, Method::GET, &path, Value::Null).await;
                self.keep(Kind::Credential, text(&found["items"][0]["id"]));
                self.keep(Kind::User, user);
            }
        }
    }

    fn keep(&mut self, kind: Kind, value: String) {
        self.objects.insert(kind, value);
    }
}
