//! Repositories; their search is in `search`.

use latchkey_domain::{RepositoryId, RepositoryName};
use latchkey_store::{
    Conflict,
    repositories::{self, Repository},
    tokens,
};

use crate::{
    database::on_both_engines,
    given::{Given, NOW, conflict},
};

on_both_engines!(
    repositories_belong_to_their_organization,
    repositories_are_listed_by_name,
    a_deleted_repository_leaves_the_tokens,
);

fn names(repositories: Vec<Repository>) -> Vec<String> {
    repositories.into_iter().map(|repository| repository.name).collect()
}

async fn repositories_belong_to_their_organization(given: &Given) {
    let store = given.store();
    let id = given.repository(given.acme, "acme/api").await;
    let expected = Repository { id, organization_id: given.acme, name: "acme/api".into(), created_at: NOW };
    assert_eq!(repositories::by_id(store, given.acme, id).await.unwrap(), Some(expected));
    assert_eq!(repositories::by_id(store, given.other, id).await.unwrap(), None);
    let theirs = given.repository(given.other, "acme/api").await;

    let name = RepositoryName::new("acme/api").unwrap();
    let again =
        given.try_write(async |tx| repositories::insert(tx, RepositoryId(given.id()), given.acme, &name, NOW).await);
    assert_eq!(conflict(again.await), Conflict::RepositoryName);

    let some = repositories::by_ids(store, given.acme, &[theirs, id, RepositoryId(given.id())]).await.unwrap();
    assert_eq!(some.into_iter().map(|repository| repository.id).collect::<Vec<_>>(), [id]);
    assert_eq!(repositories::by_ids(store, given.acme, &[]).await.unwrap(), []);
}

async fn repositories_are_listed_by_name(given: &Given) {
    let store = given.store();
    let mut ids = Vec::new();
    for name in ["acme/c", "acme/B", "acme/a-1", "acme/a_1", "acme/a"] {
        ids.push(given.repository(given.acme, name).await);
    }
    given.repository(given.other, "acme/d").await;
    let all = repositories::list(store, given.acme, None, "", 10).await.unwrap();
    assert_eq!(names(all), ["acme/B", "acme/a", "acme/a-1", "acme/a_1", "acme/c"]);
    let page = repositories::list(store, given.acme, None, "acme/a", 2).await.unwrap();
    assert_eq!(names(page), ["acme/a-1", "acme/a_1"]);

    let within = Some(&ids[..3]);
    let all = repositories::list(store, given.acme, within, "", 10).await.unwrap();
    assert_eq!(names(all), ["acme/B", "acme/a-1", "acme/c"]);
    let page = repositories::list(store, given.acme, within, "acme/B", 1).await.unwrap();
    assert_eq!(names(page), ["acme/a-1"]);
    assert_eq!(repositories::list(store, given.acme, Some(&[]), "", 10).await.unwrap(), []);
    assert_eq!(repositories::list(store, given.other, within, "", 10).await.unwrap(), []);
}

async fn a_deleted_repository_leaves_the_tokens(given: &Given) {
    let api = given.repository(given.acme, "acme/api").await;
    let web = given.repository(given.acme, "acme/web").await;
    let mut spec = given.spec("both");
    spec.repositories = vec![api, web];
    let both = given.token(&spec).await;
    let mut spec = given.spec("one");
    spec.repositories = vec![api];
    let one = given.token(&spec).await;

    let delete = |organization, id| given.write(async move |tx| repositories::delete(tx, organization, id).await);
    assert_eq!(delete(given.other, api).await, None);
    assert_eq!(delete(given.acme, api).await.as_deref(), Some("acme/api"));
    assert_eq!(delete(given.acme, api).await, None);

    assert_eq!(tokens::repositories(given.store(), both.id).await.unwrap(), [(web, "acme/web".to_owned())]);
    let one = tokens::by_id(given.store(), one.id).await.unwrap().unwrap();
    assert_eq!((one.repository_count, one.all_repositories), (0, false), "it must not reach all");
    let found = repositories::search(given.store(), given.acme, &["acme".into()], None, 10).await.unwrap();
    assert_eq!(names(found), ["acme/web"]);
    for (within, expected) in [(vec![], vec![]), (vec![web], vec!["acme/web"])] {
        let found = repositories::search(given.store(), given.acme, &["acme".into()], Some(&within), 10).await.unwrap();
        assert_eq!(names(found), expected);
    }
    // Name and words are free again.
    given.repository(given.acme, "acme/api").await;
}
