//! Another organization does not exist: every operation of REST and every method of gRPC, as the server itself describes
//! them, is called with what belongs to another organization, with each kind of credential. The answers are compared with
//! the tables in `snapshots/`; an operation that is in no table fails, and so does a row without an operation.
//!
//! Some rules hold whatever the tables say:
//! - an id of another organization is answered like a random one, byte for byte (except what [`PINS`] it);
//! - nothing of the other organization is in an answer, and nothing of it has changed at the end;
//! - only credentials of the whole instance succeed, or an operation in [`EMPTY`], whose answer then holds nothing;
//! - each request is accepted for the caller's own organization, so that no refusal is one of a malformed request.

mod answer;
mod client;
mod grpc;
mod operation;
mod rest;
mod table;
mod world;

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt};

use crate::common::Server;
use answer::Answer;
use operation::{Kind, Operation, Variant};
use table::{Row, Table};
use world::{Credential, INVITED, Organization, Power, World};

on_both_engines!(another_organization_does_not_exist);

/// Operations that succeed about what is not there: filters find nothing, and questions about a token are answered.
const EMPTY: [&str; 9] = [
    "GET /api/audit",
    "GET /api/auth/cli-tokens",
    "GET /api/orgs/{name}/members",
    "POST /api/auth/cli-tokens/revoke",
    "POST /api/verify",
    "POST /api/verify/batch",
    "POST /oauth/introspect",
    "APITokenService/List",
    "OrganizationService/ListMemberships",
];
/// Where whoever asks pins the organization that a decision is about. That one does not exist is said there, since a name
/// that is misspelt in a proxy's configuration would look like a token of another organization.
const PINS: [(&str, &str); 5] = [
    ("GET /orgs/{organization}/forward-auth", "{organization}"),
    ("GET /orgs/{organization}/forward-auth", "{organization}, named otherwise"),
    ("POST /api/verify", "organizations.0"),
    ("POST /api/verify/batch", "organizations.0"),
    ("POST /api/verify/batch", "requests.0.organizations.0"),
];
/// Requests that are under way at the same time.
const AT_ONCE: usize = 6;

async fn another_organization_does_not_exist(server: Server) {
    let world = World::new(server).await;
    let (rest, grpc) = (rest::operations(&world).await, grpc::operations(&world).await);
    assert!(rest.len() > 40 && grpc.len() > 15, "{} and {}", rest.len(), grpc.len());
    let before = state_of_globex(&world, &rest).await;
    let mut faults = Vec::new();
    let mut tables = Vec::new();
    for operations in [&rest, &grpc] {
        let mut table = Table::default();
        for operation in operations {
            if operation.open {
                table.push_open(&operation.name, &open(&world, operation, &mut faults).await);
            }
            for variant in operation.variants() {
                let row = foreign(&world, operation, &variant, &mut faults).await;
                table.push(&operation.name, &variant.label(operation), row);
            }
        }
        tables.push(table);
    }
    let after = state_of_globex(&world, &rest).await;
    for (path, body) in &before {
        if after.get(path) != Some(body) {
            faults.push(format!("globex is no longer what it was: {path}\n    {body}\n    {}", after[path]));
        }
    }
    for (operations, table) in [&rest, &grpc].into_iter().zip(&mut tables) {
        for operation in operations {
            for variant in operation.variants() {
                whole_instance(&world, operation, &variant, table).await;
                own(&world, operation, &variant, table, &mut faults).await;
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    insta::assert_snapshot!("rest", tables[0].to_string());
    insta::assert_snapshot!("grpc", tables[1].to_string());
}

/// How an operation answers that looks at no credential.
async fn open(world: &World, operation: &Operation, faults: &mut Vec<String>) -> String {
    if operation.streams {
        return "a stream".to_owned();
    }
    let answer = client::send(world, &operation.request(&Variant::default(), &[], None), world.no_credential()).await;
    if !answer.success {
        faults.push(format!("{} is not open: {}", operation.name, answer.text));
    }
    answer.label
}

/// All that can be read of globex.
async fn state_of_globex(world: &World, operations: &[Operation]) -> BTreeMap<String, String> {
    let mut state = BTreeMap::new();
    for operation in operations.iter().filter(|operation| operation.reads() && !operation.open) {
        for variant in operation.variants().into_iter().filter(|variant| variant.header) {
            let values = world.foreign_values(operation, &variant);
            let request = operation.request(&variant, &values, Some(&world.globex.name));
            let path = request.path.clone();
            state.insert(path, client::send(world, &request, &world.instance_admin).await.text);
        }
    }
    state
}

/// The answers about globex to all who have no power over it.
async fn foreign(world: &World, operation: &Operation, variant: &Variant, faults: &mut Vec<String>) -> Row {
    let label = format!("{} [{}]", operation.name, variant.label(operation));
    let values = world.foreign_values(operation, variant);
    let random: Vec<_> = values.iter().map(|value| world.random(value)).collect();
    let header = variant.header.then_some(&*world.globex.name);
    let request = operation.request(variant, &values, header);
    let header = header.map(|name| world.random(name));
    let random_request = operation.request(variant, &random, header.as_deref());
    let (request, random_request) = (&request, &random_request);
    let answers = stream::iter(&world.credentials).map(|credential| async move {
        let answer = client::send(world, request, credential).await;
        let expected = match credential.power {
            Power::Organization => Some(client::send(world, random_request, credential).await),
            Power::Instance | Power::None => None,
        };
        (credential, answer, expected)
    });
    let answers: Vec<_> = answers.buffered(AT_ONCE).collect().await;
    let mut row = Row::default();
    for (credential, answer, expected) in answers {
        let text = answer.without(&values, &world.globex.name);
        if let Some(expected) = expected {
            let expected = expected.without(&random, &world.random(&world.globex.name));
            let pinned = PINS.contains(&(&*operation.name, &*variant.label(operation)));
            if text != expected && !pinned {
                faults
                    .push(format!("{label}: {} can tell that it exists:\n    {text}\n    {expected}", credential.name));
            }
        }
        if credential.power != Power::Instance {
            if let Some(found) = world.globex.secrets().find(|secret| text.contains(&**secret)) {
                faults.push(format!("{label}: {} is told {found}: {text}", credential.name));
            }
            let empty = credential.power == Power::Organization && EMPTY.contains(&&*operation.name);
            if answer.success && !empty {
                faults.push(format!("{label}: {} succeeds: {text}", credential.name));
            }
        }
        row.insert(credential, &answer);
    }
    row
}

/// The answers to those who may do anything to any organization; each about an organization of its own.
async fn whole_instance(world: &World, operation: &Operation, variant: &Variant, table: &mut Table) {
    for credential in [&world.instance_admin, &world.instance_token] {
        let mut organization = Organization::create(world).await;
        let mut values = Vec::new();
        for reference in variant.references(operation) {
            values.push(organization.object(world, reference.kind, credential).await);
        }
        let header = variant.header.then_some(&*organization.name);
        let answer = client::send(world, &operation.request(variant, &values, header), credential).await;
        table.insert(&operation.name, &variant.label(operation), credential, &answer);
    }
}

/// The same request about the caller's own organization: by the least credential that is accepted.
async fn own(world: &World, operation: &Operation, variant: &Variant, table: &mut Table, faults: &mut Vec<String>) {
    let mut organization = Organization::create(world).await;
    let ladder = organization.ladder(world).await;
    if EMPTY.contains(&&*operation.name) {
        organization.fill_project(world).await;
    }
    let about_invitation = variant.references(operation).any(|reference| reference.kind == Kind::Invitation);
    let mut refused = Vec::new();
    for credential in ladder.iter().filter(|credential| about_invitation || credential.name != INVITED) {
        let mut values = Vec::new();
        for reference in variant.references(operation) {
            values.push(organization.object(world, reference.kind, credential).await);
        }
        // Who is only invited can't name it.
        let header = (credential.name != INVITED).then_some(&*organization.name);
        let request = operation.request(variant, &values, header);
        let answer = client::send(world, &request, credential).await;
        if answer.success {
            let text = answer.without(&[], &world.globex.name);
            if credential.power == Power::Organization
                && let Some(found) = world.globex.secrets().find(|secret| text.contains(&**secret))
            {
                faults.push(format!("{}: {} of another organization is told {found}", operation.name, credential.name));
            }
            check_content(world, operation, variant, credential, &answer, faults).await;
            table.accepted(&operation.name, &variant.label(operation), credential, &answer);
            return;
        }
        refused.push(format!("{}: {}", credential.name, answer.text));
    }
    let label = variant.label(operation);
    faults.push(format!("{} [{label}] is never accepted:\n    {}", operation.name, refused.join("\n    ")));
}

/// What succeeds for anything says something else about what is there.
async fn check_content(
    world: &World,
    operation: &Operation,
    variant: &Variant,
    credential: &Credential,
    answer: &Answer,
    faults: &mut Vec<String>,
) {
    let label = variant.label(operation);
    // Without a reference there is nothing that it could find or not.
    if !EMPTY.contains(&&*operation.name) || variant.references(operation).next().is_none() {
        return;
    }
    let random: Vec<_> = world.foreign_values(operation, variant).iter().map(|value| world.random(value)).collect();
    let nothing = client::send(world, &operation.request(variant, &random, None), credential).await;
    if nothing.body == answer.body {
        faults.push(format!("{} [{label}] says of its own what it says of nothing: {}", operation.name, answer.text));
    }
}
