//! What a look-up reads is bounded, and it says so.

use latchkey_domain::{TokenId, TokenState};
use latchkey_store::tokens::{self, COUNT_MAX, Filter, Page, Position, Sort, SortKey};
use uuid::Uuid;

use crate::{
    database::on_both_engines,
    given::{Given, NOW},
    model::{everything, listed},
};

on_both_engines!(
    a_page_stops_where_it_has_read_enough,
    a_walk_that_ends_at_the_limit_is_not_partial,
    counts_stop_at_their_maximum,
    counts_read_no_more_than_allowed,
    expired_tokens_are_noted_in_batches,
    a_position_from_outside_is_taken_as_it_is,
);

const NEWEST: Sort = Sort { key: SortKey::Created, descending: true };
const BY_NAME: Sort = Sort { key: SortKey::Name, descending: false };

async fn many(given: &Given, count: usize) -> Vec<TokenId> {
    given
        .write(async |tx| {
            let mut ids = Vec::new();
            for number in 0..count {
                ids.push(given.insert(tx, &given.spec(&format!("token {number:05}"))).await?.0);
            }
            Ok(ids)
        })
        .await
}

fn rare(given: &Given) -> Filter {
    Filter { scope: Some("rare:scope".into()), state: Some(TokenState::Active), ..everything(given) }
}

async fn a_page_stops_where_it_has_read_enough(given: &Given) {
    let mut spec = given.spec("first");
    spec.scopes.push("rare:scope");
    let first = given.token(&spec).await;
    let ids = many(given, 24).await;
    let store = given.store().clone().with_limits(10, 5, 5_000);

    let page =
        async |after: Option<&Position>| tokens::list(&store, &rare(given), NEWEST, after, 5, NOW).await.unwrap();
    let one = page(None).await;
    assert_eq!((one.tokens.len(), one.partial, one.next.as_ref().unwrap().id), (0, true, ids[14]));
    let two = page(one.next.as_ref()).await;
    assert_eq!((two.tokens.len(), two.partial, two.next.as_ref().unwrap().id), (0, true, ids[4]));
    let three = page(two.next.as_ref()).await;
    assert_eq!(three, Page { tokens: vec![listed(&first)], next: None, partial: false, total: None });
}

async fn a_walk_that_ends_at_the_limit_is_not_partial(given: &Given) {
    many(given, 10).await;
    for (read, partial) in [(9, true), (10, false)] {
        let store = given.store().clone().with_limits(read, 5, 5_000);
        let page = tokens::list(&store, &rare(given), BY_NAME, None, 5, NOW).await.unwrap();
        assert_eq!((page.tokens.len(), page.partial, page.next.is_some()), (0, partial, partial), "{read}");
    }
}

async fn counts_stop_at_their_maximum(given: &Given) {
    many(given, COUNT_MAX as usize).await;
    let active = Filter { state: Some(TokenState::Active), ..everything(given) };
    let filters = [
        everything(given),
        active.clone(),
        Filter { scope: Some("repos:read".into()), ..active.clone() },
        Filter { idle_before: Some(NOW), ..active.clone() },
    ];
    for filter in &filters {
        assert_eq!(tokens::count(given.store(), filter, NOW).await.unwrap(), COUNT_MAX, "{filter:?}");
    }
    given.token(&given.spec("one more")).await;
    given.token(&given.spec("and another one")).await;
    for filter in &filters {
        assert_eq!(tokens::count(given.store(), filter, NOW).await.unwrap(), COUNT_MAX + 1, "{filter:?}");
    }
}

async fn counts_read_no_more_than_allowed(given: &Given) {
    let mut spec = given.spec("first");
    spec.scopes.push("rare:scope");
    given.token(&spec).await;
    many(given, 12).await;
    for (read, expected) in [(12, 0), (13, 1)] {
        let store = given.store().clone().with_limits(read, 5, 5_000);
        assert_eq!(tokens::count(&store, &rare(given), NOW).await.unwrap(), expected, "{read}");
    }
}

async fn expired_tokens_are_noted_in_batches(given: &Given) {
    let mut expected = Vec::new();
    for number in 0..11 {
        let mut spec = given.spec(&format!("token {number:02}"));
        spec.expires_at = Some(NOW.plus_seconds(number / 3));
        expected.push(given.token(&spec).await.id);
    }
    let store = given.store().clone().with_limits(100, 100, 2);
    for (seconds, expired) in [(-1, 0), (0, 3), (1, 6), (3, 11), (0, 11)] {
        let now = NOW.plus_seconds(seconds);
        let ids = async |state| -> Vec<TokenId> {
            let filter = Filter { state: Some(state), ..everything(given) };
            let page = tokens::list(&store, &filter, BY_NAME, None, 100, now).await.unwrap();
            assert_eq!(tokens::count(&store, &filter, now).await.unwrap() as usize, page.tokens.len());
            page.tokens.into_iter().map(|token| token.id).collect()
        };
        assert_eq!(ids(TokenState::Expired).await, expected[..expired], "{seconds}");
        assert_eq!(ids(TokenState::Active).await, expected[expired..], "{seconds}");
    }
}

async fn a_position_from_outside_is_taken_as_it_is(given: &Given) {
    let ids = many(given, 3).await;
    for key in ["", "x", "\0", "99999999999999999999999999"] {
        let position = Position { key: key.into(), id: TokenId(Uuid::nil()) };
        for key in [SortKey::Name, SortKey::Created, SortKey::Expires, SortKey::LastUsed] {
            for descending in [false, true] {
                let sort = Sort { key, descending };
                let page = tokens::list(given.store(), &everything(given), sort, Some(&position), 10, NOW).await;
                assert!(page.unwrap().tokens.len() <= ids.len());
            }
        }
    }
}
