use latchkey_domain::{
    AllowedNetworks, Description, Level, OrganizationId, ProjectId, RepositoryAccess, RepositoryId, RevocationReason,
    ScopeSet, TokenId, TokenName, TokenSettings,
};
use latchkey_store::tokens::{Actor, NewToken, Revocation, Use};
use sqlx::{Column, Row as _, SqlitePool, TypeInfo, ValueRef, sqlite::SqliteRow};

use super::*;

/// Everything that a table holds, in one order.
async fn contents(url: &str, table: &str) -> Vec<Vec<String>> {
    let pool = SqlitePool::connect(url).await.unwrap();
    let sql = format!("SELECT * FROM {table}");
    let rows: Vec<SqliteRow> = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&pool).await.unwrap();
    pool.close().await;
    let mut rows: Vec<Vec<String>> = rows.iter().map(shown).collect();
    rows.sort();
    rows
}

fn shown(row: &SqliteRow) -> Vec<String> {
    let value = |at: usize| {
        let raw = row.try_get_raw(at).unwrap();
        let shown = match raw.type_info().name() {
            "INTEGER" | "BOOLEAN" => row.get::<i64, _>(at).to_string(),
            "TEXT" => row.get(at),
            "BLOB" => format!("{:02x?}", row.get::<Vec<u8>, _>(at)),
            other => other.to_owned(),
        };
        format!("{}={shown}", row.columns()[at].name())
    };
    (0..row.columns().len()).map(value).collect()
}

async fn empty(name: &str, now: Timestamp) -> (String, Store, Cast) {
    let path = std::env::temp_dir().join(format!("latchkey-bench-{name}-{}.db", std::process::id()));
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
    let url = format!("sqlite://{}", path.display());
    let store = Store::connect(&url).await.unwrap();
    store.migrate().await.unwrap();
    let cast = people_and_places(&store, now).await.unwrap();
    (url, store, cast)
}

async fn insert(store: &Store, token: &Planned, cast: &Cast) {
    let organization = OrganizationId(cast.organization);
    let level = match token.project {
        None => Level::Organization(organization),
        Some(number) => Level::Project(organization, ProjectId(cast.projects[number as usize])),
    };
    let repositories = match token.repositories.as_slice() {
        [] => RepositoryAccess::All,
        some => RepositoryAccess::Only(some.iter().map(|at| RepositoryId(cast.repositories[*at as usize])).collect()),
    };
    let creator = Actor {
        kind: "user",
        id: Some(cast.creators[token.creator as usize]),
        name: corpus::creator_email(token.creator),
    };
    let new = NewToken {
        id: TokenId(token.id),
        level,
        settings: &TokenSettings {
            name: TokenName::new(&token.name).unwrap(),
            description: Description::new(&token.description).unwrap(),
            scopes: ScopeSet::stored(&token.scopes),
            repositories: repositories.clone(),
            expires_at: token.expires_at,
            allowed_networks: AllowedNetworks::default(),
            require_signing: false,
        },
        hash: &token.secret.hash(),
        prefix: &token.secret.prefix(),
        created_at: token.created_at,
        created_by: &creator,
        creation_key: None,
    };
    let mut tx = store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
    tokens::insert(&mut tx, &new).await.unwrap();
    if let Some((at, address, agent)) = &token.used {
        let used = Use { at: *at, address: address.parse().ok(), user_agent: (*agent).to_owned() };
        tokens::record_uses(&mut tx, &[(new.id, used)]).await.unwrap();
    }
    if let Some(at) = token.revoked_at {
        let revocation = Revocation { at, by: creator.clone(), reason: RevocationReason::Manual };
        tokens::revoke(&mut tx, new.id, &revocation).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// Were it otherwise, the benchmark would measure a database that the program never makes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_those_that_the_store_writes() {
    const SIZE: u64 = 60;
    let now = SystemClock.now();
    let (seeded, store, cast) = empty("seeded", now).await;
    store.close().await;
    fill(&seeded, SIZE, &cast, now).await.unwrap();
    check(&seeded, SIZE, now).await.unwrap();

    let (written, store, _) = empty("written", now).await;
    for number in 0..SIZE {
        insert(&store, &Planned::new(number, SIZE, now), &cast).await;
    }
    // Notes what has expired.
    let filter = tokens::Filter {
        organization: Some(OrganizationId(cast.organization)),
        state: Some(latchkey_domain::TokenState::Expired),
        level: None,
        project: None,
        scope: None,
        repository: None,
        creator: None,
        terms: None,
        expires_before: None,
        idle_before: None,
    };
    assert_eq!(tokens::count(&store, &filter, now).await.unwrap(), 5);
    while latchkey_store::ended_words::index_ended(&store, 7).await.unwrap() > 0 {}
    store.close().await;

    for table in ["api_tokens", "api_token_repositories", "search_words"] {
        let (seeded, written) = (contents(&seeded, table).await, contents(&written, table).await);
        assert!(seeded.len() >= 20, "{table}");
        assert_eq!(seeded, written, "{table}");
    }
    let indexes = "(SELECT name, sql FROM sqlite_schema WHERE type = 'index')";
    assert_eq!(contents(&seeded, indexes).await, contents(&written, indexes).await);
}

#[test]
fn the_mix_is_as_told() {
    let now = SystemClock.now();
    let planned: Vec<_> = (0..2_000).map(|number| Planned::new(number, 2_000, now)).collect();
    let share = |is: fn(&Planned) -> bool| planned.iter().filter(|token| is(token)).count() / 20;
    assert!((77..=83).contains(&share(|token| token.state == latchkey_domain::TokenState::Active)));
    assert!((8..=12).contains(&share(|token| token.state == latchkey_domain::TokenState::Expired)));
    assert!((22..=28).contains(&share(|token| !token.repositories.is_empty())));
    assert!(rotation(1_000_000).count() == 10_000 && rotation(1_000).count() > 750);
    for token in &planned {
        let at = [token.expires_at, token.revoked_at].into_iter().flatten().min().unwrap_or(now);
        assert_eq!(token.state, latchkey_domain::TokenState::at(now, token.expires_at, token.revoked_at));
        assert!(at > token.created_at);
        assert!(token.used.as_ref().is_none_or(|(used, ..)| *used >= token.created_at && *used <= now));
    }
}
