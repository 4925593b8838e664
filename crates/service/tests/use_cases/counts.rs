//! The numbers above a list are those of the list, whatever happened before.

use crate::common;
use std::collections::BTreeSet;

use crate::common::{World, asked, listing};
use latchkey_domain::{
    Level, LevelKind, Role, Secret, SecretKind, Timestamp, TokenId, TokenName, TokenSettings, TokenState,
};
use latchkey_service::{
    COUNT_MAX, Caller, Clock, Counts, CreateToken, EditToken, ExpiresIn, ListTokens, OrganizationAccess, Random,
    RotateToken, Service, Sort, SortKey, StateFilter, SweepKind, SystemRandom, TokenDetail,
};
use latchkey_store::tokens::{self, NewToken};
use latchkey_store::{Store, WritePriority};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

/// Steps of a sequence, after each of which all is checked.
const STEPS: usize = 20;
/// What has expired within the last second may still be listed as active.
const LAG_SECONDS: i64 = 1;
/// For so long, "1,000+" may stay on the page.
const CAPPED_SECONDS: i64 = 5;

const STATES: [StateFilter; 6] = [
    StateFilter::Active,
    StateFilter::Expired,
    StateFilter::Revoked,
    StateFilter::All,
    StateFilter::ExpiringSoon,
    StateFilter::Unused,
];

/// How the pages are read, in turns.
const SORTS: [Sort; 4] = [
    Sort { key: SortKey::Created, descending: true },
    Sort { key: SortKey::Name, descending: false },
    Sort { key: SortKey::Expires, descending: true },
    Sort { key: SortKey::LastUsed, descending: false },
];
const LIMITS: [u32; 3] = [3, 1, 50];
/// In the description of each token of a project.
const MARK: &str = "zebra";

/// Numbers stand for tokens: of so many as there are, one.
#[derive(Clone, Debug)]
enum Step {
    Create { expires: Option<&'static str>, in_project: bool },
    Use(usize),
    Wait(i64),
    Revoke(usize),
    RevokeSome(Vec<usize>),
    Sweep(i64),
    Rotate(usize),
    Edit(usize, Option<&'static str>),
    DeleteProject,
    Save,
    Restore,
}

fn expiry() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![
        2 => Just(None),
        3 => prop::sample::select(vec!["1s", "2s", "3s"]).prop_map(Some),
        3 => prop::sample::select(vec!["1h", "7d", "8d", "40d"]).prop_map(Some),
    ]
}

/// In milliseconds, around what a list is allowed to lag by, and around what the numbers are about.
const WAITS: [i64; 9] = [400, 600, 999, 1_000, 1_400, 86_400_000, 604_800_000, 604_800_001, 2_592_000_001];

fn step() -> impl Strategy<Value = Step> {
    let one = || any::<prop::sample::Index>().prop_map(|index| index.index(1_000));
    prop_oneof![
        8 => (expiry(), any::<bool>()).prop_map(|(expires, in_project)| Step::Create { expires, in_project }),
        4 => one().prop_map(Step::Use),
        8 => prop::sample::select(WAITS.to_vec()).prop_map(Step::Wait),
        2 => one().prop_map(Step::Revoke),
        1 => prop::collection::vec(one(), 1..4).prop_map(Step::RevokeSome),
        2 => prop::sample::select(vec![1_i64, 7, 30]).prop_map(Step::Sweep),
        1 => one().prop_map(Step::Rotate),
        2 => (one(), expiry()).prop_map(|(one, expires)| Step::Edit(one, expires)),
        1 => Just(Step::DeleteProject),
        1 => Just(Step::Save),
        2 => Just(Step::Restore),
    ]
}

/// A token that was made, with the secret that it has now.
#[derive(Clone)]
struct Made {
    id: String,
    secret: String,
}

struct Story {
    world: World,
    /// Another replica, with connections and a memory of its own.
    replica: (Store, Service),
    /// Who changes things.
    admin: Caller,
    /// Who reads.
    readers: Vec<Caller>,
    made: Vec<Made>,
    created: usize,
    saved: Option<(String, Vec<Made>)>,
}

impl Story {
    async fn begin(world: World) -> Self {
        let foreign = world.person(world.globex, Role::Admin).await;
        let globex = world.access_to(&foreign, "globex").await;
        world.service.tokens().create(&globex, asked("of others")).await.unwrap();
        let mut readers = Vec::new();
        for role in [Role::Viewer, Role::Contributor, Role::Owner] {
            readers.push(world.person(world.acme, role).await);
        }
        let admin = world.admin().await;
        let replica = open_replica(&world).await;
        Self { world, replica, admin, readers, made: Vec::new(), created: 0, saved: None }
    }

    fn some(&self, number: usize) -> Option<Made> {
        (!self.made.is_empty()).then(|| self.made[number % self.made.len()].clone())
    }

    async fn is_active(&self, access: &OrganizationAccess, made: &Made) -> bool {
        self.world.service.tokens().get(access, &made.id).await.unwrap().state == TokenState::Active
    }

    async fn take(&mut self, step: Step) {
        let service = self.world.service.clone();
        let access = self.world.access(&self.admin).await;
        match step {
            Step::Create { expires, in_project } => {
                if in_project {
                    // It is there already, or it was deleted before.
                    drop(service.projects().create(&access, "Website").await);
                }
                self.created += 1;
                let asked = CreateToken {
                    expires: duration(expires),
                    project: in_project.then(|| "Website".to_owned()),
                    description: if in_project { MARK.to_owned() } else { String::new() },
                    ..asked(&format!("token {}", self.created))
                };
                let created = service.tokens().create(&access, asked).await.unwrap();
                let (id, secret) = (created.detail.token.id.to_string(), created.secret.reveal().to_owned());
                self.made.push(Made { id, secret });
            }
            Step::Use(number) => {
                let Some(made) = self.some(number) else { return };
                let origin = common::origin("198.51.100.9");
                let accepted = common::authenticate(&service, &made.secret, &origin).await.is_ok();
                assert_eq!(accepted, self.is_active(&access, &made).await);
            }
            Step::Wait(millis) => {
                // As it is written every few seconds.
                service.maintenance().flush_uses().await.unwrap();
                self.world.clock.advance_millis(millis);
            }
            Step::Revoke(number) => {
                let Some(made) = self.some(number) else { return };
                service.tokens().revoke(&access, &made.id).await.unwrap();
            }
            Step::RevokeSome(numbers) => {
                let ids: Vec<_> = numbers.into_iter().filter_map(|number| Some(self.some(number)?.id)).collect();
                if !ids.is_empty() {
                    service.tokens().revoke_many(&access, &ids).await.unwrap();
                }
            }
            Step::Sweep(days) => {
                service.auto_revoke().set(&access, days).await.unwrap();
                service.auto_revoke().sweep(SweepKind::Manual).await.unwrap();
            }
            Step::Rotate(number) => {
                let Some(made) = self.some(number) else { return };
                let active = self.is_active(&access, &made).await;
                let rotated = service.tokens().rotate(&access, &made.id, RotateToken::default()).await;
                assert_eq!(rotated.is_ok(), active);
                if let Ok(rotated) = rotated {
                    let place = number % self.made.len();
                    rotated.secret.reveal().clone_into(&mut self.made[place].secret);
                }
            }
            Step::Edit(number, expires) => {
                let Some(made) = self.some(number) else { return };
                let active = self.is_active(&access, &made).await;
                let edit = EditToken { expires: Some(duration(expires)), ..EditToken::default() };
                assert_eq!(service.tokens().edit(&access, &made.id, edit).await.is_ok(), active);
            }
            // Refused while it has tokens.
            Step::DeleteProject => drop(service.projects().delete(&access, "Website").await),
            Step::Save => {
                service.maintenance().flush_uses().await.unwrap();
                self.replica.0.close().await;
                self.saved = Some((self.world.save().await, self.made.clone()));
                self.replica = open_replica(&self.world).await;
            }
            Step::Restore => {
                let Some((saved, made)) = self.saved.clone() else { return };
                self.replica.0.close().await;
                self.world.restore(&saved).await;
                self.made = made;
                self.replica = open_replica(&self.world).await;
            }
        }
    }

    /// What a reader sees on one replica.
    async fn check(&self, turn: usize) {
        let service = if turn.is_multiple_of(2) { &self.world.service } else { &self.replica.1 };
        let access = service.organizations().access(&self.readers[turn % self.readers.len()], "acme").await.unwrap();
        let list = |state| ListTokens {
            sort: SORTS[turn % SORTS.len()],
            limit: LIMITS[turn % LIMITS.len()],
            ..listing(state)
        };
        let now = self.world.clock.now();

        let all = walk(service, &access, list(StateFilter::All)).await;
        assert_eq!(all.ids(), self.made.iter().map(|made| made.id.clone()).collect());
        let mut lengths = Vec::new();
        for state in STATES {
            let listed = walk(service, &access, list(state)).await;
            assert_eq!(listed.counts, all.counts, "{state:?}");
            let ids = listed.ids();
            for Seen { id, state: truly, lags, idle, soon } in all.tokens.iter().map(|detail| Seen::of(detail, now)) {
                let in_state = |truly| match state {
                    StateFilter::Active => truly == TokenState::Active,
                    StateFilter::Expired => truly == TokenState::Expired,
                    StateFilter::Revoked => truly == TokenState::Revoked,
                    StateFilter::All => true,
                    StateFilter::ExpiringSoon => truly == TokenState::Active && soon,
                    StateFilter::Unused => truly == TokenState::Active && idle,
                };
                let allowed = [in_state(truly), in_state(if lags { TokenState::Active } else { truly })];
                assert!(allowed.contains(&ids.contains(&id)), "{state:?}: {id} is {truly:?}, lags: {lags}");
            }
            lengths.push(listed.tokens.len());
        }
        assert_eq!(lengths[0] + lengths[1] + lengths[2], lengths[3], "each is in one state");
        let Counts { active, expiring_soon, unused } = all.counts;
        let above = [active, expiring_soon, unused].map(|count| count as usize);
        assert_eq!(above, [lengths[0], lengths[4], lengths[5]], "above the list");

        // What narrows the list narrows its total, and nothing above it.
        let of_project = |detail: &&TokenDetail| matches!(detail.token.level, Level::Project(..));
        let of_project: BTreeSet<_> = all.tokens.iter().filter(of_project).map(id).collect();
        let by_level = ListTokens { kind: Some(LevelKind::Project), ..list(StateFilter::All) };
        let by_word = ListTokens { query: MARK.to_owned(), ..list(StateFilter::All) };
        for narrowed in [by_level, by_word] {
            let narrowed = walk(service, &access, narrowed).await;
            assert_eq!((narrowed.ids(), narrowed.counts), (of_project.clone(), all.counts));
        }
    }
}

fn duration(expires: Option<&str>) -> ExpiresIn {
    expires.map_or(ExpiresIn::Never, |duration| ExpiresIn::Duration(duration.to_owned()))
}

async fn open_replica(world: &World) -> (Store, Service) {
    let store = Store::connect(&world.url).await.unwrap();
    (store.clone(), world.service_on(store))
}

fn id(detail: &TokenDetail) -> String {
    detail.token.id.to_string()
}

/// What a row says of itself.
struct Seen {
    id: String,
    state: TokenState,
    /// Has expired so short a time ago that it may be listed as active.
    lags: bool,
    idle: bool,
    soon: bool,
}

impl Seen {
    fn of(detail: &TokenDetail, now: Timestamp) -> Self {
        let token = &detail.token;
        let state = TokenState::at(now, token.expires_at, token.revocation.as_ref().map(|revocation| revocation.at));
        assert_eq!(detail.state, state);
        let since = token.last_use.as_ref().map_or(token.created_at, |last| last.at);
        Self {
            id: id(detail),
            state,
            lags: state == TokenState::Expired && token.expires_at.unwrap() > now.plus_seconds(-LAG_SECONDS),
            idle: since < now.plus_days(-30),
            soon: token.expires_at.is_some_and(|at| at < now.plus_days(7)),
        }
    }
}

/// A whole list, page by page, with what stands above it.
struct Walked {
    tokens: Vec<TokenDetail>,
    counts: Counts,
}

impl Walked {
    /// None of them twice.
    fn ids(&self) -> BTreeSet<String> {
        let ids: BTreeSet<_> = self.tokens.iter().map(id).collect();
        assert_eq!(ids.len(), self.tokens.len());
        ids
    }
}

async fn walk(service: &Service, access: &OrganizationAccess, mut list: ListTokens) -> Walked {
    let (mut tokens, mut above) = (Vec::new(), BTreeSet::new());
    let counts = loop {
        let overview = service.tokens().overview(access, list.clone()).await.unwrap();
        let page = service.tokens().list(access, list.clone()).await.unwrap();
        assert_eq!(page, overview.page);
        assert!(!page.partial);
        // A search counts what is left of it.
        if list.query.is_empty() || list.cursor.is_none() {
            above.insert(overview.total);
        }
        tokens.extend(page.tokens);
        list.cursor = page.next;
        if list.cursor.is_none() {
            break overview.counts;
        }
    };
    assert_eq!(above, BTreeSet::from([u32::try_from(tokens.len()).unwrap()]), "{:?}", list.state);
    Walked { tokens, counts }
}

fn sequences(cases: u32, begin: impl AsyncFn() -> World) {
    let config = ProptestConfig { cases, max_shrink_iters: 30, failure_persistence: None, ..Default::default() };
    TestRunner::new(config)
        .run(&prop::collection::vec(step(), STEPS), |steps| {
            block_in_place(|| {
                Handle::current().block_on(async {
                    let mut story = Story::begin(begin().await).await;
                    for (turn, step) in steps.into_iter().enumerate() {
                        story.take(step).await;
                        story.check(turn).await;
                    }
                });
            });
            Ok(())
        })
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_agree_with_the_list_on_sqlite() {
    sequences(8, common::sqlite);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_agree_with_the_list_on_postgres() {
    sequences(4, common::postgres);
}

on_both_engines!(what_has_expired_lags_for_a_second_at_most, counts_stop_at_the_limit);

async fn what_has_expired_lags_for_a_second_at_most(world: &World) {
    let admin = world.admin().await;
    let access = world.access(&admin).await;
    world.create(&admin, CreateToken { expires: duration(Some("1s")), ..asked("brief") }).await.unwrap();
    let active = async || world.service.tokens().overview(&access, listing(StateFilter::Active)).await.unwrap();
    world.clock.advance_millis(500);
    assert_eq!(active().await.counts.active, 1);
    // Expired for 499 ms, and looked at a moment less than a second ago.
    world.clock.advance_millis(999);
    let shown = active().await;
    assert_eq!((shown.counts.active, shown.total), (shown.total, shown.page.tokens.len() as u32));
    world.clock.advance_millis(1);
    let shown = active().await;
    assert_eq!((shown.counts.active, shown.total, shown.page.tokens.len()), (0, 0, 0));
}

async fn counts_stop_at_the_limit(world: &World) {
    const MORE: u32 = COUNT_MAX + 5;
    let admin = world.admin().await;
    let first = world.create(&admin, asked("first")).await.unwrap().detail.token;
    let mut tx = world.store.begin(WritePriority::Normal).await.unwrap();
    for number in 1..MORE {
        let secret = Secret::generate(SecretKind::ApiToken, |bytes| SystemRandom.fill(bytes));
        let settings = TokenSettings { name: TokenName::new(&format!("bulk {number}")).unwrap(), ..first.settings([]) };
        let new = NewToken {
            id: TokenId(SystemRandom.id(first.created_at)),
            level: first.level,
            settings: &settings,
            hash: &secret.hash(),
            prefix: &secret.prefix(),
            created_at: first.created_at,
            created_by: &first.created_by,
            creation_key: None,
        };
        tokens::insert(&mut tx, &new).await.unwrap();
    }
    tx.commit().await.unwrap();

    let access = world.access(&admin).await;
    let overview = async |state| world.service.tokens().overview(&access, listing(state)).await.unwrap();
    let ids = async || {
        let list = ListTokens { limit: 100, ..listing(StateFilter::Active) };
        walk_ids(&world.service, &access, list).await
    };
    let (beyond, shown) = (COUNT_MAX + 1, overview(StateFilter::Active).await);
    assert_eq!((shown.counts.active, shown.total, overview(StateFilter::All).await.total), (beyond, beyond, beyond));
    assert_eq!((shown.counts.expiring_soon, shown.counts.unused), (0, 0));
    let all = ids().await;
    assert_eq!(all.len(), MORE as usize);

    // Exactly as many as are counted, and one less: it may say "1,000+" a while, and not a moment longer.
    world.service.tokens().revoke_many(&access, &all[..5]).await.unwrap();
    world.clock.advance_millis(CAPPED_SECONDS * 1_000 - 1);
    let shown = overview(StateFilter::Active).await;
    assert!([COUNT_MAX, beyond].contains(&shown.counts.active));
    assert_eq!(overview(StateFilter::Revoked).await.total, 5);
    world.clock.advance_millis(1);
    let shown = overview(StateFilter::Active).await;
    assert_eq!((shown.counts.active, shown.total, ids().await.len()), (COUNT_MAX, COUNT_MAX, COUNT_MAX as usize));
    world.service.tokens().revoke(&access, &all[5]).await.unwrap();
    assert_eq!(overview(StateFilter::Active).await.counts.active, COUNT_MAX - 1);

    // Another of the counts reaches its limit without the first.
    world.clock.advance_days(31);
    let shown = overview(StateFilter::Unused).await;
    assert_eq!((shown.counts.active, shown.counts.unused, shown.total), (COUNT_MAX - 1, COUNT_MAX - 1, COUNT_MAX - 1));
}

async fn walk_ids(service: &Service, access: &OrganizationAccess, mut list: ListTokens) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let page = service.tokens().list(access, list.clone()).await.unwrap();
        found.extend(page.tokens.iter().map(id));
        list.cursor = page.next;
        if list.cursor.is_none() {
            return found;
        }
    }
}
