//! What names are compared by, and how those of an earlier release get there.

use latchkey_domain::{TokenName, search_terms};
use latchkey_store::{
    Conflict, StoreError, names, projects, repositories,
    tokens::{self, Filter, Sort, SortKey},
};

use crate::{
    database::on_both_engines,
    given::{Given, NOW},
    model::{everything, listed, order, walk},
};

on_both_engines!(
    names_that_look_alike_are_one,
    the_longest_names_are_stored,
    names_of_before_are_renewed,
    renewing_twice_at_once_is_renewing_once,
);

const BY_NAME: Sort = Sort { key: SortKey::Name, descending: false };

async fn names_that_look_alike_are_one(given: &Given) {
    given.token(&given.spec("Café Straße")).await;
    given.project(given.acme, "Café Straße").await;
    for same in ["CAFÉ strasse", "Cafe\u{301} Straße", "Ｃafé\u{a0}Straße"] {
        let taken = given.try_token(&given.spec(same)).await.unwrap_err();
        assert!(matches!(taken, StoreError::Conflict(Conflict::TokenName)), "{same}: {taken}");
        let found = projects::by_name(given.store(), given.acme, same).await.unwrap();
        assert_eq!(found.unwrap().name, "Café Straße");
    }
    let project = projects::Project {
        id: latchkey_domain::ProjectId(given.id()),
        organization_id: given.acme,
        name: "CAFÉ STRASSE".to_owned(),
        created_at: NOW,
    };
    let name = latchkey_domain::ProjectName::new(&project.name).unwrap();
    let taken = given.try_write(async |tx| projects::insert(tx, &project, &name).await).await.unwrap_err();
    assert!(matches!(taken, StoreError::Conflict(Conflict::ProjectName)), "{taken}");
    // The name is free again with the project.
    let first = projects::by_name(given.store(), given.acme, "Café Straße").await.unwrap().unwrap().id;
    given.write(async |tx| projects::delete(tx, first, NOW).await).await;
    given.write(async |tx| projects::insert(tx, &project, &name).await).await;
}

async fn the_longest_names_are_stored(given: &Given) {
    for one in ["👨\u{200d}👩\u{200d}👧\u{200d}👦", "日", "가"] {
        let token = given.token(&given.spec(&one.repeat(100))).await;
        assert_eq!(token.name.chars().filter(|c| one.starts_with(*c)).count(), 100);
        given.project(given.acme, &one.repeat(100)).await;
    }
    // What an index can't compress.
    let varied: String = (0..100_u32).flat_map(|n| char::from_u32(0x2_0000 + n * n * 4)).collect();
    given.project(given.acme, &varied).await;
    given.token(&given.spec(&varied)).await;
    assert_eq!(walk(given, &everything(given), BY_NAME, 1).await.0.len(), 4);
}

/// Makes objects as the release before left them; returns the ids of two tokens that look alike.
async fn of_before(given: &Given) -> [String; 2] {
    for name in ["ci_deploy", "生产部署", "Straße", "Strasso", "strassa"] {
        given.token(&given.spec(name)).await;
    }
    given.repository(given.acme, "acme/WebShop").await;
    let ids = [given.token(&given.spec("Café")).await.id, given.token(&given.spec("x")).await.id];
    let [first, second] = ids.map(|id| id.to_string());
    let id = if given.database.is_sqlite() {
        format!("unhex('{}')", second.replace('-', ""))
    } else {
        format!("'{second}'")
    };
    for sql in [
        format!("UPDATE api_tokens SET name = 'Cafe\u{301}', name_key = 'cafe\u{301}' WHERE id = {id}"),
        "UPDATE api_tokens SET name_key = 'straße' WHERE name = 'Straße'".to_owned(),
        "UPDATE projects SET name_key = NULL".to_owned(),
        "DELETE FROM search_words".to_owned(),
        "UPDATE name_forms SET form = 0, next = 0".to_owned(),
    ] {
        given.database.execute(sql).await;
    }
    [first, second]
}

async fn check(given: &Given) {
    for (query, names) in
        [("ci_dep", vec!["ci_deploy"]), ("部署", vec!["生产部署"]), ("CAFÉ", vec!["Cafe\u{301}", "Café"])]
    {
        let filter = Filter { terms: search_terms(query), ..everything(given) };
        let found = tokens::list(given.store(), &filter, BY_NAME, None, 10, NOW).await.unwrap().tokens;
        assert_eq!(found.into_iter().map(|token| token.name).collect::<Vec<_>>(), names, "{query}");
    }
    let shop = search_terms("shop").unwrap();
    assert_eq!(repositories::search(given.store(), given.acme, &shop, None, 10).await.unwrap().len(), 1);
    assert_eq!(projects::by_name(given.store(), given.acme, "WEB").await.unwrap().unwrap().id, given.project);
}

async fn names_of_before_are_renewed(given: &Given) {
    let ids = of_before(given).await;
    // Meanwhile, lists go on from where they are.
    let names = |tokens: Vec<tokens::Token>| tokens.into_iter().map(|token| token.name).collect::<Vec<_>>();
    let all = tokens::list(given.store(), &everything(given), BY_NAME, None, 100, NOW).await.unwrap().tokens;
    assert_eq!(walk(given, &everything(given), BY_NAME, 1).await.0, all);
    assert_eq!(projects::by_name(given.store(), given.acme, "web").await.unwrap().unwrap().id, given.project);

    let (mut duplicates, mut read) = (Vec::new(), 0);
    loop {
        let batch = names::reindex(given.store(), 2).await.unwrap();
        if batch.read == 0 {
            break;
        }
        assert!(batch.read <= 2);
        read += batch.read;
        duplicates.extend(batch.duplicates);
    }
    assert_eq!(read, 7 + 1 + 1);
    assert_eq!(duplicates.iter().map(ToString::to_string).collect::<Vec<_>>(), [ids[1].clone()]);
    check(given).await;
    let mut all = tokens::list(given.store(), &everything(given), BY_NAME, None, 100, NOW).await.unwrap().tokens;
    assert_eq!(names(all.clone())[2..], ["ci_deploy", "strassa", "Straße", "Strasso", "生产部署"]);
    assert_eq!(walk(given, &everything(given), BY_NAME, 1).await.0, all);
    // The one that goes on under its old key is renamed as any other.
    let second = all.iter().find(|token| token.id.to_string() == ids[1]).unwrap().clone();
    assert_ne!(second.name_key, TokenName::stored(&second.name).key());
    let before = second.settings([]);
    let edited = latchkey_domain::TokenSettings {
        name: TokenName::new("Tea").unwrap(),
        description: latchkey_domain::Description::new("").unwrap(),
        require_signing: false,
        expires_at: None,
        ..before.clone()
    };
    // Whatever else of it changes, too, while the name stays.
    let narrowed = latchkey_domain::TokenSettings {
        name: TokenName::stored(&second.name),
        require_signing: true,
        ..edited.clone()
    };
    given.write(async |tx| tokens::update(tx, &second, &before, &narrowed).await).await;
    given.write(async |tx| tokens::update(tx, &second, &before, &edited).await).await;
    all = tokens::list(given.store(), &everything(given), BY_NAME, None, 100, NOW).await.unwrap().tokens;
    assert!(all.is_sorted_by(|a, b| order(BY_NAME)(a, b).is_lt()));
    assert_eq!(all, all.iter().map(listed).collect::<Vec<_>>());
}

async fn renewing_twice_at_once_is_renewing_once(given: &Given) {
    of_before(given).await;
    let replica = async || {
        let (mut read, mut duplicates) = (0, 0);
        loop {
            let batch = names::reindex(given.store(), 1).await.unwrap();
            (read, duplicates) = (read + batch.read, duplicates + batch.duplicates.len());
            if batch.read == 0 {
                return (read, duplicates);
            }
        }
    };
    let (one, two) = futures::join!(replica(), replica());
    check(given).await;
    assert_eq!((one.0 + two.0, one.1 + two.1), (9, 1));
}
