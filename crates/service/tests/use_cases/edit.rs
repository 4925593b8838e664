//! Changing and rotating tokens.

use crate::common::{self, World, asked, fields, listing, scoped};
use latchkey_domain::Role;
use latchkey_service::{
    AuthenticationError, AuthorizationError, ChosenRepositories, CreateToken, CreatedToken, EditToken, Error,
    ExpiresIn, PreconditionError, RotateToken, StateFilter, TokenDetail,
};

on_both_engines!(
    an_edit_changes_what_it_names_and_nothing_else,
    a_narrowed_token_can_do_less_at_once_everywhere,
    the_audit_log_tells_widening_from_narrowing,
    a_token_widens_nothing_beyond_itself,
    members_edit_and_rotate_what_they_may_create,
    ended_tokens_stay_as_they_are,
    an_edit_of_what_has_changed_meanwhile_is_refused,
    a_rotated_secret_stops_at_once,
    an_overlap_ends_with_the_first_use_or_in_time,
    nobody_rotates_a_token_that_can_do_more,
    a_retired_secret_rotates_nothing,
    another_organizations_tokens_are_not_there,
);

async fn edit(
    world: &World,
    caller: &latchkey_service::Caller,
    id: &str,
    asked: EditToken,
) -> Result<TokenDetail, Error> {
    world.service.tokens().edit(&world.access(caller).await, id, asked).await
}

async fn made(world: &World, asked: CreateToken) -> (CreatedToken, String) {
    let created = world.create(&world.admin().await, asked).await.unwrap();
    let id = created.detail.token.id.to_string();
    (created, id)
}

fn texts(texts: &[&str]) -> Option<Vec<String>> {
    Some(texts.iter().map(|text| (*text).to_owned()).collect())
}

fn only(names: &[&str]) -> Option<ChosenRepositories> {
    Some(ChosenRepositories { all: false, only: texts(names).unwrap() })
}

async fn refusal(service: &latchkey_service::Service, secret: &latchkey_domain::Secret) -> Option<AuthenticationError> {
    match common::authenticate(service, secret.reveal(), &common::origin("198.51.100.9")).await {
        Ok(_) => None,
        Err(Error::Unauthenticated(refusal)) => Some(refusal),
        Err(error) => panic!("{error:?}"),
    }
}

async fn an_edit_changes_what_it_names_and_nothing_else(world: &World) {
    let admin = world.admin().await;
    let (created, id) = made(world, CreateToken { description: "posts to chat".into(), ..asked("Nightly") }).await;
    let renamed = EditToken { name: Some("Weekly".into()), ..EditToken::default() };
    let after = edit(world, &admin, &id, renamed).await.unwrap();
    let mut expected = created.detail.clone();
    (expected.token.name, expected.token.name_key) = ("Weekly".into(), "weekly".into());
    assert_eq!(after, expected);
    assert_ne!(after.version(), created.detail.version());
    // Found by its new name, and not by its old one.
    for (query, found) in [("weekly", 1), ("nightly", 0), ("chat", 1)] {
        let list = latchkey_service::ListTokens { query: query.into(), ..listing(StateFilter::All) };
        assert_eq!(
            world.service.tokens().list(&world.access(&admin).await, list).await.unwrap().tokens.len(),
            found,
            "{query}"
        );
    }
    let everything = EditToken {
        description: Some("new".into()),
        scopes: texts(&["drifts:read"]),
        repositories: only(&["acme/api"]),
        expires: Some(ExpiresIn::Days(3)),
        allowed_networks: texts(&["198.51.100.0/24"]),
        require_signing: Some(true),
        ..EditToken::default()
    };
    let after = edit(world, &admin, &id, everything).await.unwrap();
    let token = &after.token;
    assert_eq!((token.description.as_str(), token.scopes.to_string().as_str()), ("new", "drifts:read"));
    assert_eq!((token.repository_count, after.repositories[0].1.as_str()), (1, "acme/api"));
    assert_eq!(token.expires_at, Some(world.service.now().plus_days(3)));
    assert!(token.require_signing && !token.allowed_networks.is_everywhere());
    let back = EditToken {
        repositories: Some(ChosenRepositories { all: true, only: Vec::new() }),
        expires: Some(ExpiresIn::Never),
        ..EditToken::default()
    };
    let after = edit(world, &admin, &id, back).await.unwrap();
    assert_eq!((after.token.all_repositories, after.token.expires_at, after.repositories.len()), (true, None, 0));
    // Nothing to change is no change, and no event.
    let events = world.events("token.updated").await;
    assert_eq!(edit(world, &admin, &id, EditToken::default()).await.unwrap(), after);
    assert_eq!(world.events("token.updated").await, events);
    let wrong = EditToken {
        name: Some(" ".into()),
        scopes: texts(&["orgs:create", "nothing:read"]),
        repositories: Some(ChosenRepositories::default()),
        expires: Some(ExpiresIn::Moment("2020-01-01T00:00:00Z".into())),
        allowed_networks: texts(&["example.com"]),
        ..EditToken::default()
    };
    let refused = fields(edit(world, &admin, &id, wrong).await.unwrap_err());
    assert_eq!(refused, ["name", "scopes", "expires", "allowedNetworks", "repositories"]);
    let of_instance = EditToken { scopes: texts(&["orgs:create"]), ..EditToken::default() };
    assert_eq!(fields(edit(world, &admin, &id, of_instance).await.unwrap_err()), ["scopes"]);
    made(world, asked("Taken")).await;
    let taken = EditToken { name: Some("TAKEN".into()), ..EditToken::default() };
    assert!(matches!(edit(world, &admin, &id, taken).await, Err(Error::Conflict(field)) if field.field == "name"));
}

async fn a_narrowed_token_can_do_less_at_once_everywhere(world: &World) {
    let admin = world.admin().await;
    let (created, id) = made(world, scoped("CI", &["repos:read", "tokens:read"])).await;
    let replica = world.replica();
    let caller = async |service: &latchkey_service::Service| {
        let origin = common::origin("198.51.100.9");
        let principal = common::authenticate(service, created.secret.reveal(), &origin).await.unwrap();
        latchkey_service::Caller { principal, origin }
    };
    for service in [&world.service, &replica] {
        assert!(
            service.tokens().list(&world.access(&caller(service).await).await, listing(StateFilter::All)).await.is_ok()
        );
    }
    let narrowed =
        EditToken { scopes: texts(&["repos:read"]), repositories: only(&["acme/api"]), ..EditToken::default() };
    edit(world, &admin, &id, narrowed).await.unwrap();
    for service in [&world.service, &replica] {
        let caller = caller(service).await;
        let refused = service.tokens().list(&world.access(&caller).await, listing(StateFilter::All)).await;
        assert!(matches!(refused, Err(Error::Forbidden(AuthorizationError::MissingScope(_)))), "{refused:?}");
        assert_eq!(
            service.repositories().list(&world.access(&caller).await, "", None, 50).await.unwrap().repositories.len(),
            1
        );
    }
    let elsewhere = EditToken { allowed_networks: texts(&["192.0.2.0/24"]), ..EditToken::default() };
    edit(world, &admin, &id, elsewhere).await.unwrap();
    assert_eq!(refusal(&replica, &created.secret).await, Some(AuthenticationError::Network));
    let signed = EditToken { allowed_networks: Some(vec![]), require_signing: Some(true), ..EditToken::default() };
    edit(world, &admin, &id, signed).await.unwrap();
    assert_eq!(refusal(&replica, &created.secret).await, Some(AuthenticationError::Unsigned));
}

async fn the_audit_log_tells_widening_from_narrowing(world: &World) {
    let admin = world.admin().await;
    let (_, id) = made(world, scoped("CI", &["repos:read", "scans:read"])).await;
    for (change, action) in [
        (EditToken { scopes: texts(&["repos:read"]), ..EditToken::default() }, "token.narrowed"),
        (EditToken { scopes: texts(&["repos:read", "repos:write"]), ..EditToken::default() }, "token.widened"),
        (EditToken { repositories: only(&["acme/api", "acme/web"]), ..EditToken::default() }, "token.narrowed"),
        (EditToken { repositories: only(&["acme/api", "acme/docs"]), ..EditToken::default() }, "token.widened"),
        (EditToken { expires: Some(ExpiresIn::Days(10)), ..EditToken::default() }, "token.narrowed"),
        (EditToken { expires: Some(ExpiresIn::Days(11)), ..EditToken::default() }, "token.widened"),
        (EditToken { require_signing: Some(true), ..EditToken::default() }, "token.narrowed"),
        (EditToken { require_signing: Some(false), ..EditToken::default() }, "token.widened"),
        (EditToken { allowed_networks: texts(&["10.0.0.0/8"]), ..EditToken::default() }, "token.narrowed"),
        (EditToken { allowed_networks: texts(&["10.0.0.0/7"]), ..EditToken::default() }, "token.widened"),
        (EditToken { description: Some("x".into()), ..EditToken::default() }, "token.updated"),
        // Both at once counts as what matters more.
        (EditToken { scopes: texts(&["scans:trigger"]), ..EditToken::default() }, "token.widened"),
    ] {
        let before = world.events(action).await;
        edit(world, &admin, &id, change.clone()).await.unwrap();
        assert_eq!(world.events(action).await, before + 1, "{change:?}");
    }
}

async fn a_token_widens_nothing_beyond_itself(world: &World) {
    let own = CreateToken {
        all_repositories: false,
        repositories: vec!["acme/api".into(), "acme/web".into()],
        expires: ExpiresIn::Days(30),
        allowed_networks: vec!["198.51.100.0/24".into()],
        ..scoped("maker", &["tokens:manage", "tokens:read", "scans:read", "repos:read"])
    };
    let (own, own_id) = made(world, own).await;
    let maker = world.pipeline(&own).await;
    let lesser = CreateToken {
        all_repositories: false,
        repositories: vec!["acme/api".into()],
        expires: ExpiresIn::Days(10),
        allowed_networks: vec!["198.51.100.9".into()],
        require_signing: true,
        ..scoped("lesser", &["scans:read"])
    };
    let (_, lesser) = made(world, lesser).await;
    let change = EditToken::default;
    for (what, more) in [
        ("scope", EditToken { scopes: texts(&["scans:read", "scans:trigger"]), ..change() }),
        ("repository", EditToken { repositories: only(&["acme/docs"]), ..change() }),
        ("all", EditToken { repositories: Some(ChosenRepositories { all: true, only: vec![] }), ..change() }),
        ("longer", EditToken { expires: Some(ExpiresIn::Days(31)), ..change() }),
        ("for ever", EditToken { expires: Some(ExpiresIn::Never), ..change() }),
        ("networks", EditToken { allowed_networks: texts(&["198.51.0.0/16"]), ..change() }),
        ("everywhere", EditToken { allowed_networks: Some(vec![]), ..change() }),
    ] {
        for id in [&lesser, &own_id] {
            let refused = edit(world, &maker, id, more.clone()).await;
            assert!(matches!(refused, Err(Error::Forbidden(AuthorizationError::Exceeds(_)))), "{what}: {refused:?}");
        }
    }
    assert_eq!(world.events("token.widened").await, 0);
    let within = EditToken {
        scopes: texts(&["scans:read", "repos:read"]),
        repositories: only(&["acme/api", "acme/web"]),
        expires: Some(ExpiresIn::Days(29)),
        ..change()
    };
    edit(world, &maker, &lesser, within).await.unwrap();
    // What it could not create it may narrow, but not widen: not even by what it has itself, because together with what
    // the token has already it would be more.
    let (_, powerful) = made(
        world,
        CreateToken {
            all_repositories: false,
            repositories: vec!["acme/docs".into()],
            ..scoped("powerful", &["scans:trigger", "scans:read"])
        },
    )
    .await;
    let wider = EditToken { repositories: only(&["acme/docs", "acme/api"]), ..change() };
    assert!(matches!(
        edit(world, &maker, &powerful, wider).await,
        Err(Error::Forbidden(AuthorizationError::Exceeds(_)))
    ));
    edit(world, &maker, &powerful, EditToken { scopes: texts(&["scans:read"]), ..change() }).await.unwrap();
    let reader = world.pipeline(&made(world, scoped("reader", &["tokens:read"])).await.0).await;
    let refused = edit(world, &reader, &lesser, change()).await;
    assert!(matches!(refused, Err(Error::Forbidden(AuthorizationError::MissingScope(_)))));
}

async fn members_edit_and_rotate_what_they_may_create(world: &World) {
    let member = world.person(world.acme, Role::Member).await;
    let of_project = |name: &str| CreateToken { project: Some("Website".into()), ..asked(name) };
    let own = world.create(&member, of_project("own")).await.unwrap().detail.token.id.to_string();
    let (_, theirs) = made(world, of_project("theirs")).await;
    let rename = |name: &str| EditToken { name: Some(name.into()), ..EditToken::default() };
    edit(world, &member, &own, rename("mine")).await.unwrap();
    world.service.tokens().rotate(&world.access(&member).await, &own, RotateToken::default()).await.unwrap();
    assert!(matches!(edit(world, &member, &theirs, rename("x")).await, Err(Error::Forbidden(_))));
    let rotated = world.service.tokens().rotate(&world.access(&member).await, &theirs, RotateToken::default()).await;
    assert!(matches!(rotated, Err(Error::Forbidden(AuthorizationError::MissingRole("admin")))));
    let powerful = EditToken { scopes: texts(&["tokens:manage"]), ..EditToken::default() };
    let refused = edit(world, &member, &own, powerful.clone()).await;
    assert!(matches!(refused, Err(Error::Forbidden(AuthorizationError::ScopeNeedsRole(..)))), "{refused:?}");
    // An admin may, and from then on the member can't get at its secret any more.
    edit(world, &world.admin().await, &own, powerful).await.unwrap();
    let refused = world.service.tokens().rotate(&world.access(&member).await, &own, RotateToken::default()).await;
    assert!(matches!(refused, Err(Error::Forbidden(AuthorizationError::ScopeNeedsRole(..)))), "{refused:?}");
    let viewer = world.person(world.acme, Role::Viewer).await;
    assert!(matches!(edit(world, &viewer, &own, rename("x")).await, Err(Error::Forbidden(_))));
}

async fn ended_tokens_stay_as_they_are(world: &World) {
    let admin = world.admin().await;
    let (_, revoked) = made(world, asked("revoked")).await;
    world.service.tokens().revoke(&world.access(&admin).await, &revoked).await.unwrap();
    let (_, expired) = made(world, CreateToken { expires: ExpiresIn::Days(1), ..asked("expired") }).await;
    world.clock.advance_days(1);
    let longer = EditToken { expires: Some(ExpiresIn::Never), ..EditToken::default() };
    for id in [&revoked, &expired] {
        assert!(matches!(
            edit(world, &admin, id, longer.clone()).await,
            Err(Error::Precondition(PreconditionError::Ended))
        ));
        let rotated = world.service.tokens().rotate(&world.access(&admin).await, id, RotateToken::default()).await;
        assert!(matches!(rotated, Err(Error::Precondition(PreconditionError::Ended))));
    }
}

async fn an_edit_of_what_has_changed_meanwhile_is_refused(world: &World) {
    let admin = world.admin().await;
    let (created, id) = made(world, asked("CI")).await;
    let seen = created.detail.version();
    // A use is no change.
    world.pipeline(&created).await;
    assert_eq!(world.service.tokens().get(&world.access(&admin).await, &id).await.unwrap().version(), seen);
    let change = |name: &str, version: &str| EditToken {
        name: Some(name.into()),
        expected: texts(&["another", version]),
        ..EditToken::default()
    };
    // Two who have seen the same: one of them wins.
    let (a, b) =
        tokio::join!(edit(world, &admin, &id, change("a", &seen)), edit(world, &admin, &id, change("b", &seen)));
    let (won, lost) = if a.is_ok() { (a, b) } else { (b, a) };
    assert!(matches!(lost, Err(Error::Precondition(PreconditionError::Changed))), "{lost:?}");
    let version = won.unwrap().version();
    let expected = texts(&[&seen]);
    let stale = RotateToken { expected: expected.clone(), ..RotateToken::default() };
    assert!(matches!(
        world.service.tokens().rotate(&world.access(&admin).await, &id, stale).await,
        Err(Error::Precondition(PreconditionError::Changed))
    ));
    let revoked = world.service.tokens().revoke_if_match(&world.access(&admin).await, &id, expected.as_deref()).await;
    assert!(matches!(revoked, Err(Error::Precondition(PreconditionError::Changed))));
    let fresh = RotateToken { expected: texts(&[&version]), ..RotateToken::default() };
    let rotated = world.service.tokens().rotate(&world.access(&admin).await, &id, fresh).await.unwrap();
    assert_ne!(rotated.detail.version(), version);
    let expected = [rotated.detail.version()];
    world.service.tokens().revoke_if_match(&world.access(&admin).await, &id, Some(&expected)).await.unwrap();
}

async fn a_rotated_secret_stops_at_once(world: &World) {
    let admin = world.admin().await;
    let (created, id) = made(world, asked("CI")).await;
    let replica = world.replica();
    assert_eq!(refusal(&replica, &created.secret).await, None);
    let rotated =
        world.service.tokens().rotate(&world.access(&admin).await, &id, RotateToken::default()).await.unwrap();
    assert_eq!(rotated.detail.token.id, created.detail.token.id);
    assert_eq!(rotated.detail.token.prefix, rotated.secret.reveal()[..8]);
    for service in [&world.service, &replica] {
        assert_eq!(refusal(service, &created.secret).await, Some(AuthenticationError::Rotated));
        assert_eq!(refusal(service, &rotated.secret).await, None);
    }
    // Also two rotations later it is known for what it is; and the new prefix finds the token.
    let third = world.service.tokens().rotate(&world.access(&admin).await, &id, RotateToken::default()).await.unwrap();
    assert_eq!(refusal(&replica, &created.secret).await, Some(AuthenticationError::Rotated));
    assert_eq!(refusal(&replica, &rotated.secret).await, Some(AuthenticationError::Rotated));
    for (secret, found) in [(&third.secret, 1), (&rotated.secret, 0)] {
        let list = latchkey_service::ListTokens { query: secret.reveal().into(), ..listing(StateFilter::All) };
        assert_eq!(world.service.tokens().list(&world.access(&admin).await, list).await.unwrap().tokens.len(), found);
    }
    world.service.tokens().revoke(&world.access(&admin).await, &id).await.unwrap();
    assert_eq!(refusal(&replica, &created.secret).await, Some(AuthenticationError::Revoked));
    assert_eq!(world.events("token.rotated").await, 2);
}

async fn an_overlap_ends_with_the_first_use_or_in_time(world: &World) {
    let admin = world.admin().await;
    let replica = world.replica();
    let overlap = |text: &str| RotateToken { overlap: Some(text.into()), ..RotateToken::default() };
    let rotate = async |id: &str, asked| world.service.tokens().rotate(&world.access(&admin).await, id, asked).await;
    for wrong in ["8d", "0s", "soon", "-1h", ""] {
        let (_, id) = made(world, asked(&format!("wrong {wrong}"))).await;
        assert_eq!(fields(rotate(&id, overlap(wrong)).await.unwrap_err()), ["overlap"], "{wrong}");
    }

    // The new secret's first use, on another replica.
    let (old, id) = made(world, asked("used")).await;
    let new = rotate(&id, overlap("1h")).await.unwrap();
    assert_eq!(new.detail.token.overlap_until, Some(world.service.now().plus_seconds(3_600)));
    assert_eq!(refusal(&world.service, &old.secret).await, None);
    assert_eq!(refusal(&replica, &old.secret).await, None);
    assert_eq!(refusal(&replica, &new.secret).await, None);
    assert_eq!(refusal(&world.service, &old.secret).await, Some(AuthenticationError::Rotated));
    assert_eq!(refusal(&replica, &old.secret).await, Some(AuthenticationError::Rotated));
    assert_eq!(refusal(&world.service, &new.secret).await, None);
    assert_eq!(world.events("token.overlap_ended").await, 1);

    // The deadline, to the second.
    let (old, id) = made(world, asked("late")).await;
    let new = rotate(&id, overlap("7d")).await.unwrap();
    world.clock.advance_seconds(7 * 86_400 - 1);
    assert_eq!(refusal(&replica, &old.secret).await, None);
    world.clock.advance_seconds(1);
    assert_eq!(refusal(&replica, &old.secret).await, Some(AuthenticationError::Rotated));
    assert_eq!(refusal(&replica, &new.secret).await, None);
    assert_eq!(world.events("token.overlap_ended").await, 1);

    // A refused use of the new secret ends nothing; another rotation ends the overlap of the one before.
    let elsewhere = CreateToken { allowed_networks: vec!["198.51.100.0/24".into()], ..asked("twice") };
    let (first, id) = made(world, elsewhere).await;
    let second = rotate(&id, overlap("1h")).await.unwrap();
    let refused = common::authenticate(&world.service, second.secret.reveal(), &common::origin("192.0.2.1")).await;
    assert!(matches!(refused, Err(Error::Unauthenticated(AuthenticationError::Network))));
    assert_eq!(refusal(&world.service, &first.secret).await, None);
    let third = rotate(&id, overlap("1h")).await.unwrap();
    assert_eq!(refusal(&world.service, &first.secret).await, Some(AuthenticationError::Rotated));
    assert_eq!(refusal(&world.service, &second.secret).await, None);
    assert_eq!(refusal(&world.service, &third.secret).await, None);
    assert_eq!(refusal(&world.service, &second.secret).await, Some(AuthenticationError::Rotated));
}

async fn nobody_rotates_a_token_that_can_do_more(world: &World) {
    let (maker, own_id) = made(world, scoped("maker", &["tokens:manage", "tokens:read", "scans:read"])).await;
    let caller = world.pipeline(&maker).await;
    let (_, powerful) = made(world, scoped("powerful", &["scans:read", "scans:trigger"])).await;
    let (lesser, lesser_id) =
        made(world, CreateToken { all_repositories: true, ..scoped("lesser", &["scans:read"]) }).await;
    let refused = world.service.tokens().rotate(&world.access(&caller).await, &powerful, RotateToken::default()).await;
    assert!(matches!(refused, Err(Error::Forbidden(AuthorizationError::Exceeds(_)))), "{refused:?}");
    world.service.tokens().rotate(&world.access(&caller).await, &lesser_id, RotateToken::default()).await.unwrap();
    assert_eq!(refusal(&world.service, &lesser.secret).await, Some(AuthenticationError::Rotated));
    // Itself it may rotate.
    world.service.tokens().rotate(&world.access(&caller).await, &own_id, RotateToken::default()).await.unwrap();
    let reader = world.pipeline(&made(world, scoped("reader", &["tokens:read"])).await.0).await;
    let refused = world.service.tokens().rotate(&world.access(&reader).await, &lesser_id, RotateToken::default()).await;
    assert!(matches!(refused, Err(Error::Forbidden(AuthorizationError::MissingScope(_)))));
}

async fn a_retired_secret_rotates_nothing(world: &World) {
    let (stolen, id) = made(world, scoped("maker", &["tokens:manage"])).await;
    let overlap = RotateToken { overlap: Some("1h".into()), ..RotateToken::default() };
    world.service.tokens().rotate(&world.access(&world.admin().await).await, &id, overlap.clone()).await.unwrap();
    // Works on, but does not lead to the secret that was made to be rid of it.
    let thief = world.pipeline(&stolen).await;
    let refused = world.service.tokens().rotate(&world.access(&thief).await, &id, overlap).await;
    assert!(matches!(refused, Err(Error::Unauthenticated(AuthenticationError::Rotated))), "{refused:?}");
}

async fn another_organizations_tokens_are_not_there(world: &World) {
    let (_, id) = made(world, asked("CI")).await;
    let stranger = world.person(world.globex, Role::Owner).await;
    for organization in ["acme", "globex"] {
        let edited = within!(world, &stranger, organization, tokens.edit(&id, EditToken::default()));
        assert!(matches!(edited, Err(Error::NotFound(_))));
        let rotated = within!(world, &stranger, organization, tokens.rotate(&id, RotateToken::default()));
        assert!(matches!(rotated, Err(Error::NotFound(_))));
    }
    let foreign = EditToken {
        repositories: Some(ChosenRepositories { all: false, only: vec![world.foreign_repository.to_string()] }),
        ..EditToken::default()
    };
    assert_eq!(fields(edit(world, &world.admin().await, &id, foreign).await.unwrap_err()), ["repositories"]);
}
