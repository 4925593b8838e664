//! Fills an empty database with an organization of any size, in a minute for a million tokens.

mod load;
mod rows;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use latchkey_domain::{
    Catalogue, Email, MembershipId, OrganizationId, OrganizationName, ProjectId, ProjectName, RepositoryId,
    RepositoryName, Role, Timestamp, UserId,
};
use latchkey_service::{Clock, Project, Service, SystemClock, SystemRandom};
use latchkey_store::{Store, memberships, names, organizations, projects, repositories, tokens, users};
use sqlx::migrate::MigrateDatabase;

use self::load::Loader;
use self::rows::{Batch, Cast, EVENTS, TOKEN_REPOSITORIES, TOKENS, WORDS};
use crate::corpus::{self, Planned};
use crate::{Failure, say};

/// Tokens that are written at a time.
const BATCH: u64 = 5_000;

/// Makes the database and fills it.
pub(crate) async fn run(url: &str, size: u64) -> Result<(), Failure> {
    let started = Instant::now();
    if !url.starts_with("sqlite:") {
        sqlx::Postgres::create_database(url).await?;
    }
    let now = SystemClock.now();
    let store = Store::connect(url).await?;
    store.migrate().await?;
    // While there is no name: else each server that is measured would bring all of them into the form that they are in.
    names::reindex(&store, 1).await?;
    let cast = people_and_places(&store, now).await?;
    store.close().await;
    fill(url, size, &cast, now).await?;
    check(url, size, now).await?;
    say(&format!("seeded {size} tokens in {:.1} s", started.elapsed().as_secs_f64()))
}

/// Everything but tokens, written by the store itself.
async fn people_and_places(store: &Store, now: Timestamp) -> Result<Cast, Failure> {
    let started = now.plus_days(-800);
    let service = Service::new(store.clone(), Catalogue::built_in(), Arc::new(SystemClock), Arc::new(SystemRandom));
    service.setup().bootstrap(corpus::ADMIN, corpus::PASSWORD).await?;
    let (_, password) = users::by_email(store, corpus::ADMIN).await?.ok_or("the admin was not made")?;

    let mut tx = store.begin(latchkey_store::WritePriority::Normal).await?;
    let organization = OrganizationId(corpus::id("organization", 0, started));
    organizations::insert(&mut tx, organization, &OrganizationName::new(corpus::ORGANIZATION)?, started).await?;
    for number in 1..=corpus::OTHERS {
        let id = OrganizationId(corpus::id("organization", number, started));
        organizations::insert(&mut tx, id, &OrganizationName::new(&format!("company-{number}"))?, started).await?;
    }
    let reader = UserId(corpus::id("reader", 0, started));
    users::insert(&mut tx, reader, &Email::new(corpus::READER)?, password.as_deref(), false, started).await?;
    let membership = MembershipId(corpus::id("membership of reader", 0, started));
    memberships::insert(&mut tx, membership, organization, reader, Role::Owner, started).await?;
    let mut cast =
        Cast { organization: organization.0, projects: Vec::new(), repositories: Vec::new(), creators: Vec::new() };
    for number in 0..corpus::CREATORS {
        let id = UserId(corpus::id("user", number, started));
        users::insert(&mut tx, id, &Email::new(&corpus::creator_email(number))?, None, false, started).await?;
        let membership = MembershipId(corpus::id("membership", number, started));
        memberships::insert(&mut tx, membership, organization, id, Role::Admin, started).await?;
        cast.creators.push(id.0);
    }
    for number in 0..corpus::PROJECTS {
        let id = ProjectId(corpus::id("project", number, started));
        let name = ProjectName::new(&corpus::project_name(number))?;
        let project =
            Project { id, organization_id: organization, name: name.as_str().to_owned(), created_at: started };
        projects::insert(&mut tx, &project, &name).await?;
        cast.projects.push(id.0);
    }
    for number in 0..corpus::REPOSITORIES {
        let id = RepositoryId(corpus::id("repository", number, started));
        let name = RepositoryName::new(&corpus::repository_name(number))?;
        repositories::insert(&mut tx, id, organization, &name, started).await?;
        cast.repositories.push(id.0);
    }
    tx.commit().await?;
    Ok(cast)
}

async fn fill(url: &str, size: u64, cast: &Cast, now: Timestamp) -> Result<(), Failure> {
    let mut loader = Loader::open(url).await?;
    let indexes = loader.drop_indexes().await?;
    let started = Instant::now();
    for from in (0..size).step_by(usize::try_from(BATCH)?) {
        let mut batch = Batch::default();
        for number in from..size.min(from + BATCH) {
            batch.add(&Planned::new(number, size, now), cast);
        }
        loader.begin().await?;
        loader.load(&TOKENS, batch.tokens).await?;
        loader.load(&TOKEN_REPOSITORIES, batch.repositories).await?;
        loader.load(&WORDS, batch.words).await?;
        loader.load(&EVENTS, batch.events).await?;
        loader.commit().await?;
    }
    let loaded = started.elapsed().as_secs_f64();
    loader.finish(&indexes).await?;
    loader.close().await?;
    say(&format!("rows took {loaded:.1} s, indexes {:.1} s", started.elapsed().as_secs_f64() - loaded))
}

/// Reads some tokens back through the store: what it can't find or reads otherwise was written wrongly.
async fn check(url: &str, size: u64, now: Timestamp) -> Result<(), Failure> {
    let store = Store::connect(url).await?;
    for number in [0, size / 3, size / 2, size - 1] {
        let planned = Planned::new(number, size, now);
        let token = tokens::by_hash(&store, &planned.secret.hash()).await?.ok_or("a token's secret is unknown")?;
        let same = token.id.0 == planned.id
            && token.name == planned.name
            && token.scopes.to_string() == planned.scopes
            && usize::try_from(token.repository_count)? == planned.repositories.len()
            && token.expires_at == planned.expires_at
            && token.revocation.as_ref().map(|revocation| revocation.at) == planned.revoked_at
            && token.last_use.as_ref().map(|used| used.at) == planned.used.as_ref().map(|(at, ..)| *at);
        if !same {
            return Err(format!("token {number} is not as it was planned: {token:?}").into());
        }
    }
    store.close().await;
    Ok(())
}

/// The tokens that verification takes turns with: active ones, spread evenly over all of the table.
pub(crate) fn rotation(size: u64) -> impl Iterator<Item = u64> {
    /// More than any cache of ours holds; each is used more often than every 12 hours, as tokens in use are.
    const MOST: u64 = 10_000;
    let active = |number: &u64| corpus::state(*number) == latchkey_domain::TokenState::Active;
    let step = (size * 79 / 100 / MOST).max(1);
    (0..size).filter(active).step_by(usize::try_from(step).unwrap_or(1)).take(10_000)
}

/// Notes a recent use of the tokens of the rotation, as if they had been in use all the time, however old the file is.
pub(crate) async fn freshen(url: &str, size: u64) -> Result<(), Failure> {
    let store = Store::connect(url).await?;
    let now = SystemClock.now();
    let secrets: Vec<_> = rotation(size).map(corpus::secret).collect();
    for secrets in secrets.chunks(500) {
        let mut uses = Vec::new();
        for secret in secrets {
            let token = tokens::by_hash(&store, &secret.hash()).await?.ok_or("a token's secret is unknown")?;
            let used = tokens::Use { at: now, address: "192.0.2.1".parse().ok(), user_agent: "bench".to_owned() };
            uses.push((token.id, used));
        }
        let mut tx = store.begin(latchkey_store::WritePriority::Normal).await?;
        tokens::record_uses(&mut tx, &uses).await?;
        tx.commit().await?;
    }
    store.close().await;
    Ok(())
}
