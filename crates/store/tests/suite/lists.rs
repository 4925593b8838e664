//! Lists against the model: every sort, direction and filter, over random tokens with ties and gaps.

use latchkey_domain::{Level, LevelKind, RepositoryId, TokenId, TokenState, prefix_entry};
use latchkey_store::tokens::{self, Actor, Filter, Token};
use uuid::Uuid;

use crate::{
    database::on_both_engines,
    given::{Given, NOW, ada},
    model::{Dice, everything, listed, order, shows, sorts, walk, walk_in},
};

on_both_engines!(
    pages_are_the_sorted_list,
    filters_are_what_they_say,
    filters_are_the_same_when_little_is_read,
    what_is_picked_is_paged_in_both_directions,
    counts_are_the_lengths_of_lists,
    organizations_do_not_see_each_other,
);

const STATES: [Option<TokenState>; 4] =
    [None, Some(TokenState::Active), Some(TokenState::Expired), Some(TokenState::Revoked)];

struct Crowd {
    tokens: Vec<Token>,
    listed: Vec<(TokenId, RepositoryId)>,
    repositories: Vec<RepositoryId>,
    creators: Vec<Actor>,
}

impl Crowd {
    fn shown(&self, filter: &Filter) -> Vec<Token> {
        let repositories = |token: &Token| -> Vec<_> {
            self.listed.iter().filter(|(id, _)| *id == token.id).map(|(_, repository)| *repository).collect()
        };
        self.tokens.iter().filter(|token| shows(filter, token, &repositories(token))).map(listed).collect()
    }
}

async fn crowd(given: &Given) -> Crowd {
    let mut dice = Dice(7);
    let mut repositories = Vec::new();
    for name in ["acme/api", "acme/web", "acme/infra"] {
        repositories.push(given.repository(given.acme, name).await);
    }
    let bob = Actor { kind: "api_token", id: Some(Uuid::from_u128(2)), name: "Bob's".into() };
    let creators = vec![ada(), bob, Actor { kind: "system", id: None, name: "system".into() }];
    let levels = [
        Level::Organization(given.acme),
        Level::Organization(given.acme),
        Level::Project(given.acme, given.project),
        Level::Organization(given.other),
        Level::Instance,
    ];
    let ids = given
        .write(async |tx| {
            let mut ids = Vec::new();
            for number in 0..160 {
                let word = dice.one(&["Deploy", "deploy", "Éclair", "nightly build", "zz top"]);
                let revoked_at = dice.one(&[None, None, Some(NOW.plus_days(-1))]);
                // Only revoked tokens may share a name.
                let name = if revoked_at.is_some() { word.to_owned() } else { format!("{word} {}", 160 - number) };
                let mut spec = given.spec(&name);
                spec.description = dice.one(&["", "for prod", "for production, by team-42"]).into();
                spec.level = dice.one(&levels);
                spec.scopes = dice.one(&[vec!["repos:read"], vec!["repos:read", "scans:read"], vec!["scans:trigger"]]);
                if spec.level.organization() == Some(given.acme) {
                    spec.repositories = dice.one(&[vec![], vec![repositories[0]], repositories[1..].to_vec()]);
                }
                spec.creator = dice.one(&creators);
                spec.created_at = NOW.plus_days(-dice.one(&[90, 60, 1]));
                spec.expires_at =
                    dice.one(&[None, Some(-2), Some(0), Some(3), Some(30)]).map(|days| NOW.plus_days(days));
                spec.used_at = dice.one(&[None, Some(-80), Some(-10), Some(0)]).map(|days| NOW.plus_days(days));
                spec.revoked_at = revoked_at;
                ids.push(given.insert(tx, &spec).await?.0);
            }
            Ok(ids)
        })
        .await;
    let tokens = tokens::by_ids(given.store(), &ids).await.unwrap();
    assert_eq!(tokens.len(), 160);
    let listed = tokens::repositories_of(given.store(), &ids).await.unwrap();
    let listed = listed.into_iter().map(|(token, repository, _)| (token, repository)).collect();
    Crowd { tokens, listed, repositories, creators }
}

async fn pages_are_the_sorted_list(given: &Given) {
    let crowd = crowd(given).await;
    for state in STATES {
        let filter = Filter { state, ..everything(given) };
        let mut expected = crowd.shown(&filter);
        assert!(expected.len() > 10, "{state:?}");
        for sort in sorts() {
            expected.sort_by(order(sort));
            for limit in [1, 7, 100_000] {
                assert_eq!(
                    walk(given, &filter, sort, limit).await,
                    (expected.clone(), 0),
                    "{state:?} {sort:?} {limit}"
                );
            }
        }
    }
}

fn filters(given: &Given, crowd: &Crowd) -> Vec<Filter> {
    let base = || everything(given);
    let mut filters = vec![
        Filter { level: Some(LevelKind::Project), ..base() },
        Filter { level: Some(LevelKind::Instance), ..base() },
        Filter { project: Some(given.project), ..base() },
        Filter { scope: Some("scans:read".into()), ..base() },
        // Not a part of another scope, not a pattern, and not a text that PostgreSQL refuses.
        Filter { scope: Some("scans:".into()), ..base() },
        Filter { scope: Some("scans:%".into()), ..base() },
        Filter { scope: Some("scans:\0read".into()), ..base() },
        Filter { repository: Some(crowd.repositories[0]), ..base() },
        Filter { repository: Some(crowd.repositories[2]), ..base() },
        Filter { creator: crowd.creators[1].id, ..base() },
        Filter { terms: Some(vec!["dep".into()]), ..base() },
        Filter { terms: Some(vec!["prod".into(), "nightly".into()]), ..base() },
        Filter { terms: Some(vec!["éc".into()]), ..base() },
        Filter { terms: Some(vec!["z".into(), "team".into(), "for".into()]), ..base() },
        Filter { terms: Some(vec!["nobody".into()]), ..base() },
        Filter { terms: Some(Vec::new()), ..base() },
        Filter { terms: Some(vec![(&*prefix_entry(&crowd.tokens[5].prefix)).into()]), organization: None, ..base() },
        Filter { terms: Some(vec![(&*crowd.tokens[5].id.to_string()).into()]), ..base() },
        // The boundary itself is not before it.
        Filter { expires_before: Some(NOW.plus_days(3)), ..base() },
        Filter { expires_before: Some(NOW.plus_days(4)), ..base() },
        Filter { idle_before: Some(NOW.plus_days(-60)), ..base() },
        Filter { idle_before: Some(NOW.plus_days(-10).plus_seconds(1)), ..base() },
        Filter { organization: None, ..base() },
        Filter { organization: Some(given.other), ..base() },
    ];
    let mut dice = Dice(11);
    for _ in 0..40 {
        let (a, b) = (dice.one(&filters), dice.one(&filters));
        filters.push(Filter {
            organization: a.organization,
            state: dice.one(&STATES),
            level: a.level.or(b.level),
            project: a.project.or(b.project),
            scope: a.scope.or(b.scope),
            repository: a.repository.or(b.repository),
            creator: a.creator.or(b.creator),
            terms: match (a.terms, b.terms) {
                (Some(a), Some(b)) => Some([a, b].concat()),
                (a, b) => a.or(b),
            },
            expires_before: a.expires_before.or(b.expires_before),
            idle_before: a.idle_before.or(b.idle_before),
        });
    }
    filters
}

async fn filters_are_what_they_say(given: &Given) {
    let crowd = crowd(given).await;
    let mut dice = Dice(3);
    let sorts: Vec<_> = sorts().collect();
    let mut shown = 0;
    for filter in filters(given, &crowd) {
        let (sort, limit) = (dice.one(&sorts), dice.one(&[1, 3, 50]));
        let mut expected = crowd.shown(&filter);
        expected.sort_by(order(sort));
        shown += usize::from(!expected.is_empty());
        assert_eq!(walk(given, &filter, sort, limit).await, (expected, 0), "{filter:?} {sort:?}");
    }
    assert!(shown > 20, "many filters show something: {shown}");
}

/// With few candidates, filters by time become walks; with few rows read, walks become partial pages. The list that
/// the pages make up stays the same.
async fn filters_are_the_same_when_little_is_read(given: &Given) {
    let crowd = crowd(given).await;
    let store = given.store().clone().with_limits(9, 8, 5_000);
    let mut dice = Dice(5);
    let sorts: Vec<_> = sorts().collect();
    let mut partial = 0;
    for filter in filters(given, &crowd).into_iter().filter(|filter| filter.terms.is_none()) {
        let (sort, limit) = (dice.one(&sorts), dice.one(&[1, 3, 50]));
        let mut expected = crowd.shown(&filter);
        expected.sort_by(order(sort));
        let (shown, partials) = walk_in(&store, &filter, sort, limit).await;
        assert_eq!(shown, expected, "{filter:?} {sort:?}");
        partial += partials;
    }
    assert!(partial > 50, "little was read at a time: {partial}");
}

async fn what_is_picked_is_paged_in_both_directions(given: &Given) {
    let crowd = crowd(given).await;
    let base = || everything(given);
    let filters = [
        Filter { terms: Some(vec!["dep".into()]), ..base() },
        Filter { terms: Some(vec!["dep".into()]), project: Some(given.project), ..base() },
        Filter { terms: Some(vec!["dep".into()]), scope: Some("scans:read".into()), ..base() },
        Filter { terms: Some(vec!["deploy".into(), "for".into()]), ..base() },
        Filter { expires_before: Some(NOW.plus_days(4)), ..base() },
        Filter { idle_before: Some(NOW.plus_days(-5)), ..base() },
        Filter { idle_before: Some(NOW.plus_days(-5)), project: Some(given.project), ..base() },
    ];
    for (filter, state) in filters.iter().flat_map(|filter| STATES.map(|state| (filter, state))) {
        let filter = Filter { state, ..filter.clone() };
        let expected = crowd.shown(&filter);
        for sort in sorts() {
            let mut expected = expected.clone();
            expected.sort_by(order(sort));
            for limit in [1, 7] {
                assert_eq!(walk(given, &filter, sort, limit).await, (expected.clone(), 0), "{filter:?} {sort:?}");
            }
            let page = tokens::list(given.store(), &filter, sort, None, 1, NOW).await.unwrap();
            let total = page.total.map(|total| total as usize);
            assert!(total.is_none_or(|total| total == expected.len()), "{filter:?} {sort:?}: {total:?}");
            assert!(total.is_some() || filter.terms.is_none());
        }
    }
}

async fn counts_are_the_lengths_of_lists(given: &Given) {
    let crowd = crowd(given).await;
    for state in STATES {
        for filter in filters(given, &crowd) {
            let filter = Filter { state, ..filter };
            let expected = u32::try_from(crowd.shown(&filter).len()).unwrap();
            assert_eq!(tokens::count(given.store(), &filter, NOW).await.unwrap(), expected, "{filter:?}");
        }
    }
}

async fn organizations_do_not_see_each_other(given: &Given) {
    let repository = given.repository(given.other, "other/api").await;
    let mut spec = given.spec("Deploy");
    spec.level = Level::Organization(given.other);
    spec.repositories = vec![repository];
    given.token(&spec).await;
    let filters = [
        everything(given),
        Filter { organization: None, ..everything(given) },
        Filter { terms: Some(vec!["deploy".into()]), ..everything(given) },
        Filter { repository: Some(repository), ..everything(given) },
        Filter { idle_before: Some(NOW), state: Some(TokenState::Active), ..everything(given) },
    ];
    for filter in filters {
        for sort in sorts() {
            assert_eq!(walk(given, &filter, sort, 10).await.0, [], "{filter:?}");
        }
        assert_eq!(tokens::count(given.store(), &filter, NOW).await.unwrap(), 0);
        let theirs = Filter { organization: Some(given.other), ..filter };
        assert_eq!(tokens::count(given.store(), &theirs, NOW).await.unwrap(), 1, "{theirs:?}");
    }
    assert_eq!(tokens::inactive(given.store(), given.acme, None, NOW, 10, NOW).await.unwrap(), []);
}
