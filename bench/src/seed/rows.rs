//! What is planned, as rows of the tables. The derived columns are told in `crates/store/migrations/README.md`; a test
//! compares these rows with those that the store writes.

use latchkey_domain::{Timestamp, TokenName, TokenState, prefix_entry, search_words};
use uuid::Uuid;

use crate::corpus::{self, Planned};

/// A value of a column, whichever the engine.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Number(i64),
    Flag(bool),
    Text(String),
    Bytes(Vec<u8>),
    Id(Uuid),
}

pub(crate) type Row = Vec<Value>;

/// A table, and the columns that are filled, in the order of a [`Row`].
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [&'static str],
}

pub(crate) const TOKENS: Table = Table {
    name: "api_tokens",
    columns: &[
        "id",
        "level",
        "organization_id",
        "project_id",
        "list_id",
        "owner_id",
        "phase",
        "name",
        "name_key",
        "description",
        "scopes",
        "all_repositories",
        "prefix",
        "hash",
        "require_signing",
        "allowed_networks",
        "created_at",
        "created_by_kind",
        "created_by_id",
        "created_by_name",
        "creation_key",
        "expires_at",
        "expires_key",
        "revoked_at",
        "revoked_by_kind",
        "revoked_by_id",
        "revoked_by_name",
        "revoked_reason",
        "last_used_at",
        "last_used_address",
        "last_used_user_agent",
        "used_key",
        "idle_key",
        "words_phase",
    ],
};
pub(crate) const TOKEN_REPOSITORIES: Table =
    Table { name: "api_token_repositories", columns: &["token_id", "repository_id"] };
pub(crate) const WORDS: Table = Table { name: "search_words", columns: &["kind", "object_id", "word", "list_id"] };
pub(crate) const EVENTS: Table = Table {
    name: "audit_events",
    columns: &[
        "id",
        "organization_id",
        "list_id",
        "occurred_at",
        "actor_kind",
        "actor_id",
        "actor_name",
        "action",
        "target_kind",
        "target_id",
        "target_name",
        "outcome",
        "address",
        "user_agent",
        "request_id",
        "details",
    ],
};
/// Those that are filled by the million: their indexes are made afterwards.
pub(crate) const LARGE: [&Table; 4] = [&TOKENS, &TOKEN_REPOSITORIES, &WORDS, &EVENTS];

/// The ids that the rows of tokens refer to.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    pub(crate) organization: Uuid,
    pub(crate) projects: Vec<Uuid>,
    pub(crate) repositories: Vec<Uuid>,
    pub(crate) creators: Vec<Uuid>,
}

/// The rows of some tokens.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) tokens: Vec<Row>,
    pub(crate) repositories: Vec<Row>,
    pub(crate) words: Vec<Row>,
    pub(crate) events: Vec<Row>,
}

impl Batch {
    pub(crate) fn add(&mut self, token: &Planned, cast: &Cast) {
        let id = Value::Id(token.id);
        let listed = token.repositories.iter().map(|number| cast.repositories[at(*number)]);
        self.repositories.extend(listed.map(|repository| vec![id.clone(), Value::Id(repository)]));
        let mut words = search_words([token.name.as_str(), token.description.as_str()]);
        words.insert(prefix_entry(token.secret.prefix().as_str()));
        words.insert(token.id.hyphenated().to_string());
        // In the list of the organization, and in that of the project; once more where the token has ended.
        let project = token.project.map(|number| cast.projects[at(number)]);
        let ended = (token.state != TokenState::Active).then(|| phase(token));
        let lists = [(Some(1), Some(cast.organization)), (Some(3), project)];
        let of_ended =
            [(ended.map(|phase| 3 + phase), Some(cast.organization)), (ended.map(|phase| 5 + phase), project)];
        for (kind, list) in lists.into_iter().chain(of_ended) {
            let (Some(kind), Some(list)) = (kind, list) else { continue };
            let of_list = words
                .iter()
                .map(|word| vec![Value::Number(kind), id.clone(), Value::Text(word.clone()), Value::Id(list)]);
            self.words.extend(of_list);
        }
        self.events.push(event(token, cast));
        self.tokens.push(row(token, cast));
    }
}

fn row(token: &Planned, cast: &Cast) -> Row {
    const NEVER: i64 = i64::MAX;
    let organization = Value::Id(cast.organization);
    let project = token.project.map(|number| cast.projects[at(number)]);
    let created = token.created_at.micros();
    let used = token.used.as_ref();
    let used_at = used.map(|(at, ..)| at.micros());
    let revoked = token.revoked_at.is_some();
    let on_revoked = |value: Value| if revoked { value } else { Value::Null };
    let creator = Value::Id(cast.creators[at(token.creator)]);
    let creator_name = Value::Text(corpus::creator_email(token.creator));
    vec![
        Value::Id(token.id),
        Value::Number(if project.is_some() { 2 } else { 1 }),
        organization.clone(),
        project.map_or(Value::Null, Value::Id),
        organization.clone(),
        project.map_or(organization, Value::Id),
        Value::Number(phase(token)),
        text(&token.name),
        text(&TokenName::stored(&token.name).key()),
        text(&token.description),
        text(&token.scopes),
        Value::Flag(token.repositories.is_empty()),
        text(token.secret.prefix().as_str()),
        Value::Bytes(token.secret.hash().as_bytes().to_vec()),
        Value::Flag(false),
        text(""),
        Value::Number(created),
        text("user"),
        creator.clone(),
        creator_name.clone(),
        Value::Null,
        time(token.expires_at),
        Value::Number(token.expires_at.map_or(NEVER, Timestamp::micros)),
        time(token.revoked_at),
        on_revoked(text("user")),
        on_revoked(creator),
        on_revoked(creator_name),
        on_revoked(text("manual")),
        used_at.map_or(Value::Null, Value::Number),
        used.map_or(Value::Null, |(_, address, _)| text(address)),
        used.map_or(Value::Null, |(.., agent)| text(agent)),
        Value::Number(used_at.unwrap_or(0)),
        Value::Number(used_at.unwrap_or(created)),
        Value::Number(phase(token)),
    ]
}

fn phase(token: &Planned) -> i64 {
    match token.state {
        TokenState::Active => 0,
        TokenState::Expired => 1,
        TokenState::Revoked => 2,
    }
}

fn event(token: &Planned, cast: &Cast) -> Row {
    vec![
        // The same moment and number as the token, but another thing.
        Value::Id(corpus::id("event", token.created_at.micros().unsigned_abs(), token.created_at)),
        Value::Id(cast.organization),
        Value::Id(cast.organization),
        Value::Number(token.created_at.micros()),
        text("user"),
        Value::Id(cast.creators[at(token.creator)]),
        Value::Text(corpus::creator_email(token.creator)),
        text("token.created"),
        text("token"),
        Value::Id(token.id),
        text(&token.name),
        text("success"),
        text("192.0.2.1"),
        text("Mozilla/5.0"),
        Value::Text(token.id.hyphenated().to_string()),
        text(r#"{"level":"organization"}"#),
    ]
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn time(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::Number(at.micros()))
}

fn at(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
