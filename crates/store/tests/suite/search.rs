//! Search, beyond what the model of lists covers.

use latchkey_domain::{
    Description, Level, RepositoryId, RepositoryName, TokenName, TokenSettings, TokenState, search_terms,
};
use latchkey_store::{
    names, repositories,
    tokens::{self, Filter, Sort, SortKey, Token},
};

use crate::{
    database::on_both_engines,
    given::{Given, NOW, Spec},
    model::{everything, listed},
};

on_both_engines!(
    a_pasted_secret_finds_its_token,
    words_are_found_by_their_beginning_in_any_script,
    text_is_found_where_it_stands,
    a_search_for_nothing_finds_nothing,
    a_cut_secret_finds_its_token_and_a_name_is_found_as_it_is,
    a_search_picks_the_newest_and_says_that_there_are_more,
    a_rare_word_is_found_among_a_common_one,
    the_dead_do_not_hide_the_living,
    a_search_that_has_not_read_all_says_so,
    repositories_are_found_by_words,
    a_search_within_reach_is_not_cut_by_what_is_beyond_it,
    a_project_finds_its_own_tokens_among_those_of_others,
);

const BY_NAME: Sort = Sort { key: SortKey::Name, descending: false };

async fn found(given: &Given, query: &str) -> Vec<Token> {
    let filter = Filter { terms: search_terms(query), ..everything(given) };
    tokens::list(given.store(), &filter, BY_NAME, None, 100, NOW).await.unwrap().tokens
}

async fn a_pasted_secret_finds_its_token(given: &Given) {
    given.token(&given.spec("a")).await;
    let (id, secret) = given.try_token(&given.spec("b")).await.unwrap();
    let ids: Vec<_> = found(given, secret.reveal()).await.into_iter().map(|token| token.id).collect();
    assert_eq!(ids, [id]);
    assert_eq!(found(given, &id.to_string()).await.len(), 1);
}

async fn words_are_found_by_their_beginning_in_any_script(given: &Given) {
    for name in ["Größe prüfen", "部署 生产", "\u{10428}eseret", "e\u{301}clair", "zebra"] {
        given.token(&given.spec(name)).await;
    }
    for (query, names) in [
        ("gr", vec!["Größe prüfen"]),
        ("GRÖSSE", vec!["Größe prüfen"]),
        ("gro\u{308}ße", vec!["Größe prüfen"]),
        ("größe PRÜ", vec!["Größe prüfen"]),
        ("rüfen", vec![]),
        ("部", vec!["部署 生产"]),
        ("\u{10400}", vec!["\u{10428}eseret"]),
        ("署", vec!["部署 生产"]),
        ("zebras", vec![]),
    ] {
        let found: Vec<_> = found(given, query).await.into_iter().map(|token| token.name).collect();
        assert_eq!(found, names, "{query}");
    }
}

async fn text_is_found_where_it_stands(given: &Given) {
    for name in ["ci_deploy", "ci deploy", "deployProd2", "生产部署", "gold ★★★", "ship 🚀🔥", "100% done", "Café"]
    {
        given.token(&given.spec(name)).await;
    }
    for (query, names) in [
        ("ci_deploy", vec!["ci_deploy"]),
        ("ci_dep", vec!["ci_deploy"]),
        ("ci dep", vec!["ci deploy", "ci_deploy"]),
        ("prod", vec!["deployProd2"]),
        ("部署", vec!["生产部署"]),
        ("★★★", vec!["gold ★★★"]),
        ("🚀🔥", vec!["ship 🚀🔥"]),
        ("🔥🚀", vec![]),
        ("%", vec!["100% done"]),
        ("_", vec!["ci_deploy"]),
        ("c%", vec![]),
        ("ca_é", vec![]),
        ("cafe\u{301}", vec!["Café"]),
    ] {
        let found: Vec<_> = found(given, query).await.into_iter().map(|token| token.name).collect();
        assert_eq!(found, names, "{query}");
    }
}

async fn a_search_for_nothing_finds_nothing(given: &Given) {
    given.token(&given.spec("a")).await;
    given.repository(given.acme, "acme/api").await;
    for query in ["\u{200b}", "\u{ad}\u{3164}", "\u{301}", "!", "\0"] {
        let terms = search_terms(query);
        let filter = Filter { terms: terms.clone(), ..everything(given) };
        assert_eq!(tokens::count(given.store(), &filter, NOW).await.unwrap(), 0, "{query:?}");
        assert_eq!(found(given, query).await, []);
        let repositories = repositories::search(given.store(), given.acme, &terms.unwrap(), None, 10).await.unwrap();
        assert_eq!(repositories, []);
    }
    assert_eq!(found(given, " ").await.len(), 1);
}

async fn a_cut_secret_finds_its_token_and_a_name_is_found_as_it_is(given: &Given) {
    let (id, secret) = given.try_token(&given.spec("a")).await.unwrap();
    let named = given.token(&given.spec("ci_deployment_of_everything")).await.id;
    let ids = async |query: &str| found(given, query).await.into_iter().map(|token| token.id).collect::<Vec<_>>();
    for length in [4, 6, 8, 9, 20, 38] {
        assert!(ids(&secret.reveal()[..length]).await.contains(&id), "{length}");
    }
    assert_eq!(ids(&format!("{}…", &secret.reveal()[..8])).await, [id]);
    assert_eq!(ids("ci_deployment_of").await, [named]);
    assert_eq!(ids("ci_deployment_for").await, []);
    assert_eq!(ids("ci").await, [named]);
    assert_eq!(ids(&id.to_string().replace('-', "")).await, [id]);
}

async fn a_search_picks_the_newest_and_says_that_there_are_more(given: &Given) {
    let mut ids = Vec::new();
    for number in 0..8 {
        ids.push(given.token(&given.spec(&format!("deploy {number}"))).await.id);
    }
    // Two words that begin alike are one match.
    given.token(&given.spec("depot depots")).await;
    let filter = Filter { terms: Some(vec!["deploy".into()]), ..everything(given) };
    for (candidates, shown, partial) in [(5, &ids[3..], true), (9, &ids[..], false)] {
        let store = given.store().clone().with_limits(100, candidates, 5_000);
        let page = tokens::list(&store, &filter, BY_NAME, None, 100, NOW).await.unwrap();
        assert_eq!(page.tokens.iter().map(|token| token.id).collect::<Vec<_>>(), shown);
        assert_eq!((page.partial, page.next), (partial, None));
    }
    let filter = Filter { terms: Some(vec!["dep".into()]), ..everything(given) };
    assert_eq!(tokens::count(given.store(), &filter, NOW).await.unwrap(), 9);
}

async fn a_rare_word_is_found_among_a_common_one(given: &Given) {
    let rare = given.token(&given.spec("service 77")).await;
    for number in 0..8 {
        given.token(&given.spec(&format!("service 1{number}"))).await;
    }
    let filter = Filter { terms: Some(vec!["service".into(), "77".into()]), ..everything(given) };
    let store = given.store().clone().with_limits(100, 5, 5_000);
    let page = tokens::list(&store, &filter, BY_NAME, None, 100, NOW).await.unwrap();
    assert_eq!(page.tokens.iter().map(|token| token.id).collect::<Vec<_>>(), [rare.id]);
    assert!(!page.partial);
}

async fn the_dead_do_not_hide_the_living(given: &Given) {
    let living = listed(&given.token(&given.spec("deploy")).await);
    for _ in 0..6 {
        let mut spec = given.spec("deploy");
        spec.name = "Deploy to prod".into();
        spec.revoked_at = Some(NOW);
        given.token(&spec).await;
    }
    let store = given.store().clone().with_limits(100, 3, 5_000);
    for (state, shown) in [(TokenState::Active, 1), (TokenState::Revoked, 3)] {
        let filter = Filter { terms: Some(vec!["deploy".into()]), state: Some(state), ..everything(given) };
        let page = tokens::list(&store, &filter, BY_NAME, None, 100, NOW).await.unwrap();
        assert_eq!((page.tokens.len(), page.tokens.contains(&living)), (shown, state == TokenState::Active));
    }
}

async fn a_search_that_has_not_read_all_says_so(given: &Given) {
    let living = given.token(&given.spec("deploy 77")).await.id;
    for number in 0..6 {
        let spec = Spec { revoked_at: Some(NOW), ..given.spec(&format!("deploy 8{number} daily")) };
        given.token(&spec).await;
    }
    let found = async |query: &str, read| {
        let store = given.store().clone().with_limits(read, 5, 5_000);
        let filter = Filter { terms: search_terms(query), state: Some(TokenState::Active), ..everything(given) };
        let page = tokens::list(&store, &filter, BY_NAME, None, 100, NOW).await.unwrap();
        (page.tokens.into_iter().map(|token| token.id).collect::<Vec<_>>(), page.partial)
    };
    // The revoked ones are newer and are read first.
    assert_eq!(found("deploy", 6).await, (vec![], true));
    assert_eq!(found("deploy", 7).await, (vec![living], false));
    assert_eq!(found("daily", 6).await, (vec![], false));
    // One term that can be read whole is enough.
    assert_eq!(found("deploy 77", 3).await, (vec![living], false));
    assert_eq!(found("deploy daily", 3).await, (vec![], true));
}

async fn repositories_are_found_by_words(given: &Given) {
    for name in ["acme/web-shop", "acme/api", "acme/Shop.Backend", "globex/shop"] {
        given.repository(given.acme, name).await;
    }
    given.repository(given.other, "acme/shop").await;
    let found = async |query: &str, limit| -> Vec<String> {
        let found =
            repositories::search(given.store(), given.acme, &search_terms(query).unwrap(), None, limit).await.unwrap();
        found.into_iter().map(|repository| repository.name).collect()
    };
    assert_eq!(found("shop", 10).await, ["acme/Shop.Backend", "acme/web-shop", "globex/shop"]);
    assert_eq!(found("acme/sho", 10).await, ["acme/Shop.Backend"]);
    assert_eq!(found("acme sho", 10).await, ["acme/Shop.Backend", "acme/web-shop"]);
    assert_eq!(found("sho", 1).await, ["acme/Shop.Backend"]);
    assert_eq!(found("acme/sho b", 10).await, ["acme/Shop.Backend"]);
    assert_eq!(found("hop", 10).await, [""; 0]);
}

async fn a_search_within_reach_is_not_cut_by_what_is_beyond_it(given: &Given) {
    let store = given.store();
    let within = [given.repository(given.acme, "acme/shop-z").await, given.repository(given.acme, "acme/api").await];
    // Later ones come first among those of one word, and these also by name.
    given
        .write(async |tx| {
            for number in 0..10_000 {
                let (id, name) = (RepositoryId(given.id()), RepositoryName::new(&format!("acme/shop-{number:05}")));
                repositories::insert(tx, id, given.acme, &name.unwrap(), NOW).await?;
            }
            Ok(())
        })
        .await;
    for query in ["shop", "acme shop", "acme/shop", "z", "shop-z"] {
        let terms = search_terms(query).unwrap();
        let found = repositories::search(store, given.acme, &terms, Some(&within), 1).await.unwrap();
        assert_eq!(found.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["acme/shop-z"], "{query}");
    }
    let terms = search_terms("acme").unwrap();
    let found = repositories::search(store, given.acme, &terms, Some(&within), 10).await.unwrap();
    assert_eq!(found.into_iter().map(|found| found.name).collect::<Vec<_>>(), ["acme/api", "acme/shop-z"]);
    assert_eq!(repositories::search(store, given.acme, &terms, Some(&[]), 10).await.unwrap(), []);
}

async fn a_project_finds_its_own_tokens_among_those_of_others(given: &Given) {
    let of_project = |name: &str| Spec { level: Level::Project(given.acme, given.project), ..given.spec(name) };
    let (id, secret) = given.try_token(&of_project("deploy web")).await.unwrap();
    let revoked = Spec { revoked_at: Some(NOW), ..of_project("deploy before") };
    let revoked = given.token(&revoked).await.id;
    let elsewhere = given.project(given.acme, "elsewhere").await;
    for number in 0..12 {
        let level =
            if number % 2 == 0 { Level::Project(given.acme, elsewhere) } else { Level::Organization(given.acme) };
        given.token(&Spec { level, ..given.spec(&format!("deploy {number}")) }).await;
    }
    // What another token is called decides for nobody else what a term asks for.
    let prefix = &secret.reveal()[..6];
    given.token(&given.spec(prefix)).await;

    let store = given.store().clone().with_limits(100, 3, 5);
    let found = async |query: &str, state: Option<TokenState>| {
        let filter = Filter { terms: search_terms(query), project: Some(given.project), state, ..everything(given) };
        let page = tokens::list(&store, &filter, BY_NAME, None, 100, NOW).await.unwrap();
        let ids: Vec<_> = page.tokens.iter().map(|token| token.id).collect();
        assert_eq!(tokens::count(&store, &filter, NOW).await.unwrap() as usize, ids.len(), "{query}");
        assert_eq!((page.partial, page.next, page.total), (false, None, u32::try_from(ids.len()).ok()), "{query}");
        ids
    };
    assert_eq!(found("deploy", None).await, [revoked, id]);
    assert_eq!(found("deploy", Some(TokenState::Active)).await, [id]);
    assert_eq!(found("deploy web", None).await, [id]);
    assert_eq!(found(prefix, None).await, [id]);
    assert_eq!(found("deploy 3", None).await, []);

    // It is found by its new words only, after each of the ways in which they change.
    let token = tokens::by_id(&store, id).await.unwrap().unwrap();
    let before = token.settings([]);
    let edited = TokenSettings {
        name: TokenName::new("release").unwrap(),
        description: Description::new("").unwrap(),
        expires_at: None,
        require_signing: false,
        ..before.clone()
    };
    given.write(async |tx| tokens::update(tx, &token, &before, &edited).await).await;
    assert_eq!((found("web", None).await, found("release", None).await), (vec![], vec![id]));
    given.database.execute("DELETE FROM search_words".to_owned()).await;
    given.database.execute("UPDATE name_forms SET form = 0, next = 0".to_owned()).await;
    while names::reindex(&store, 100).await.unwrap().read > 0 {}
    assert_eq!((found("web", None).await, found("release", None).await), (vec![], vec![id]));
}
