//! Creating, listing and revoking.

use crate::common::{self, World, asked, fields, listing, scoped};
use latchkey_domain::{Description, Role, TokenName, TokenState};
use latchkey_service::{
    AuthenticationError, AuthorizationError, CreateToken, EditToken, Error, ExpiresIn, ListMembers, ListTokens,
    Principal, StateFilter,
};
use latchkey_store::tokens;

on_both_engines!(
    a_token_is_made_used_and_revoked,
    every_wrong_field_is_named_at_once,
    a_name_is_free_again_after_revocation,
    a_form_sent_twice_makes_one_token,
    roles_decide_who_creates_and_revokes,
    a_token_makes_only_lesser_tokens,
    organizations_do_not_see_each_other,
    a_project_token_sees_its_project_only,
    the_list_finds_what_is_asked_for,
    names_are_seen_and_told_apart,
    a_name_of_before_goes_on,
    what_can_not_be_found_is_not_everything,
    bulk_revocation_is_all_or_nothing,
    a_failed_use_case_leaves_no_audit_event,
);

async fn a_token_is_made_used_and_revoked(world: &World) {
    let admin = world.admin().await;
    let created = world.create(&admin, asked("CI")).await.unwrap();
    assert_eq!((created.detail.state, created.detail.revocable), (TokenState::Active, true));
    assert_eq!(created.detail.token.prefix, created.secret.reveal()[..8]);

    let pipeline = world.pipeline(&created).await;
    assert_eq!(
        world
            .service
            .repositories()
            .list(&world.access(&pipeline).await, "", None, 50)
            .await
            .unwrap()
            .repositories
            .len(),
        3
    );
    // Seen in the list before it is written.
    let id = created.detail.token.id.to_string();
    let seen = world.service.tokens().get(&world.access(&admin).await, &id).await.unwrap();
    assert_eq!(seen.token.last_use.unwrap().address, Some("198.51.100.9".parse().unwrap()));

    let revoked = world.service.tokens().revoke(&world.access(&admin).await, &id).await.unwrap();
    assert_eq!((revoked.state, revoked.revocable), (TokenState::Revoked, false));
    let refused =
        common::authenticate(&world.replica(), created.secret.reveal(), &common::origin("198.51.100.9")).await;
    assert!(matches!(refused, Err(Error::Unauthenticated(AuthenticationError::Revoked))));
    // Again changes nothing, and says nothing new.
    assert_eq!(world.service.tokens().revoke(&world.access(&admin).await, &id).await.unwrap(), revoked);
    assert_eq!((world.events("token.created").await, world.events("token.revoked").await), (1, 1));
}

async fn every_wrong_field_is_named_at_once(world: &World) {
    let admin = world.admin().await;
    let wrong = CreateToken {
        name: "  ".into(),
        description: "x".repeat(501),
        scopes: vec!["scans:delete".into()],
        repositories: vec![world.foreign_repository.to_string()],
        expires: ExpiresIn::Moment("2020-01-01T00:00:00Z".into()),
        project: Some("Nowhere".into()),
        allowed_networks: vec!["10.0.0.0/33".into()],
        ..CreateToken::default()
    };
    let refused = fields(world.create(&admin, wrong).await.unwrap_err());
    assert_eq!(refused, ["name", "description", "scopes", "expires", "allowedNetworks", "project", "repositories"]);
    for (asked, field) in [
        (scoped("a", &[]), "scopes"),
        (scoped("a", &["orgs:create"]), "scopes"),
        (CreateToken { all_repositories: false, ..asked("a") }, "repositories"),
        (CreateToken { repositories: vec!["acme/api".into()], ..asked("a") }, "repositories"),
        (CreateToken { all_repositories: false, repositories: vec!["acme/no".into()], ..asked("a") }, "repositories"),
        (CreateToken { all_repositories: false, repositories: vec![String::new(); 501], ..asked("a") }, "repositories"),
        (CreateToken { expires: ExpiresIn::Days(0), ..asked("a") }, "expires"),
        (CreateToken { expires: ExpiresIn::EndOf("2026-11-21".into()), ..asked("a") }, "expires"),
        (CreateToken { expires: ExpiresIn::Duration("soon".into()), ..asked("a") }, "expires"),
    ] {
        assert_eq!(fields(world.create(&admin, asked).await.unwrap_err()), [field]);
    }
    assert_eq!(world.events("token.created").await, 0);
}

async fn a_name_is_free_again_after_revocation(world: &World) {
    let admin = world.admin().await;
    let first = world.create(&admin, asked("Deploy")).await.unwrap();
    assert!(
        matches!(world.create(&admin, asked("deploy")).await, Err(Error::Conflict(field)) if field.field == "name")
    );
    world.service.tokens().revoke(&world.access(&admin).await, &first.detail.token.id.to_string()).await.unwrap();
    world.create(&admin, asked("DEPLOY")).await.unwrap();
    // Another owner's names are another matter.
    let of_project = CreateToken { project: Some("Website".into()), ..asked("Deploy") };
    world.create(&admin, of_project).await.unwrap();
}

async fn a_form_sent_twice_makes_one_token(world: &World) {
    let admin = world.admin().await;
    let form = CreateToken { creation_key: Some(world.service.tokens().creation_key()), ..asked("CI") };
    let (a, b) = tokio::join!(world.create(&admin, form.clone()), world.create(&admin, form.clone()));
    let (made, refused) = if a.is_ok() { (a, b) } else { (b, a) };
    let made = made.unwrap().detail.token.id;
    let name_or_key = refused.unwrap_err();
    // Whichever index the database looks at first, the answer is the same.
    assert!(matches!(name_or_key, Error::AlreadyCreated(id) if id == made), "{name_or_key:?}");
    assert_eq!(
        world
            .service
            .tokens()
            .overview(&world.access(&admin).await, listing(StateFilter::All))
            .await
            .unwrap()
            .counts
            .active,
        1
    );
    // Somebody else's form with the same key is another form.
    let other = world.admin().await;
    world.create(&other, CreateToken { name: "Other".into(), ..form }).await.unwrap();
}

async fn roles_decide_who_creates_and_revokes(world: &World) {
    let of_project = |name: &str| CreateToken { project: Some(world.project.to_string()), ..asked(name) };
    for (role, organization, project) in [
        (Role::Viewer, false, false),
        (Role::Contributor, false, true),
        (Role::Member, false, true),
        (Role::Admin, true, true),
        (Role::Owner, true, true),
    ] {
        let caller = world.person(world.acme, role).await;
        let made = world.create(&caller, asked(&format!("o {role:?}"))).await;
        assert_eq!(made.is_ok(), organization, "{role:?}");
        let made = world.create(&caller, of_project(&format!("p {role:?}"))).await;
        assert_eq!(made.is_ok(), project, "{role:?}");
        let instance = CreateToken { instance: true, ..asked(&format!("i {role:?}")) };
        assert!(matches!(world.create(&caller, instance).await, Err(Error::Forbidden(_))), "{role:?}");
        let threshold = world.service.auto_revoke().set(&world.access(&caller).await, 90).await;
        assert_eq!(threshold.is_ok(), organization, "{role:?}");
    }
    let member = world.person(world.acme, Role::Member).await;
    let powerful = CreateToken { project: Some("Website".into()), ..scoped("powerful", &["tokens:manage"]) };
    assert!(matches!(
        world.create(&member, powerful).await,
        Err(Error::Forbidden(AuthorizationError::ScopeNeedsRole(..)))
    ));
    // A member ends what they made, and nothing else.
    let own = world.create(&member, of_project("own")).await.unwrap().detail.token.id.to_string();
    let others = world.create(&world.admin().await, of_project("theirs")).await.unwrap().detail.token.id.to_string();
    assert!(world.service.tokens().revoke(&world.access(&member).await, &others).await.is_err());
    assert!(world.service.tokens().revoke(&world.access(&member).await, &own).await.is_ok());
    let viewer = world.person(world.acme, Role::Viewer).await;
    assert!(world.service.tokens().revoke(&world.access(&viewer).await, &others).await.is_err());
}

async fn a_token_makes_only_lesser_tokens(world: &World) {
    let admin = world.admin().await;
    let own = CreateToken {
        all_repositories: false,
        repositories: vec!["acme/api".into(), "acme/web".into()],
        expires: ExpiresIn::Days(30),
        allowed_networks: vec!["198.51.100.0/24".into()],
        ..scoped("maker", &["tokens:manage", "tokens:read", "scans:read"])
    };
    let maker = world.pipeline(&world.create(&admin, own).await.unwrap()).await;
    let lesser = |name: &str| CreateToken {
        all_repositories: false,
        repositories: vec!["acme/api".into()],
        expires: ExpiresIn::Days(29),
        allowed_networks: vec!["198.51.100.9".into()],
        ..scoped(name, &["scans:read"])
    };
    world.create(&maker, lesser("fine")).await.unwrap();
    for (what, more) in [
        ("scope", CreateToken { scopes: vec!["scans:trigger".into()], ..lesser("a") }),
        ("repositories", CreateToken { repositories: vec!["acme/docs".into()], ..lesser("a") }),
        ("all repositories", CreateToken { all_repositories: true, repositories: vec![], ..lesser("a") }),
        ("longer", CreateToken { expires: ExpiresIn::Days(31), ..lesser("a") }),
        ("for ever", CreateToken { expires: ExpiresIn::Never, ..lesser("a") }),
        ("networks", CreateToken { allowed_networks: vec!["198.51.0.0/16".into()], ..lesser("a") }),
        ("everywhere", CreateToken { allowed_networks: vec![], ..lesser("a") }),
        ("level", CreateToken { instance: true, ..lesser("a") }),
    ] {
        let refused = world.create(&maker, more).await;
        assert!(matches!(refused, Err(Error::Forbidden(AuthorizationError::Exceeds(_)))), "{what}: {refused:?}");
    }
    let reader = world.pipeline(&world.create(&admin, scoped("reader", &["tokens:read"])).await.unwrap()).await;
    let refused = world.create(&reader, scoped("a", &["tokens:read"])).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Forbidden(AuthorizationError::MissingScope(scope)) if scope.as_str() == "tokens:manage")
    );
    assert!(matches!(
        world.service.auto_revoke().set(&world.access(&maker).await, 90).await,
        Err(Error::Forbidden(AuthorizationError::PeopleOnly))
    ));
}

async fn organizations_do_not_see_each_other(world: &World) {
    let admin = world.admin().await;
    let stranger = world.person(world.globex, Role::Owner).await;
    let created = world.create(&admin, asked("CI")).await.unwrap();
    let id = created.detail.token.id.to_string();
    let service = &world.service;
    let repository = world.repositories[0].to_string();
    let not_found = |what: &str, result: Result<(), Error>| {
        assert!(matches!(result, Err(Error::NotFound(_))), "{what}: {result:?}");
    };
    for organization in ["acme", "globex"] {
        not_found("token", within!(world, &stranger, organization, tokens.get(&id)).map(drop));
        not_found("revoke", within!(world, &stranger, organization, tokens.revoke(&id)).map(drop));
        not_found("repository", within!(world, &stranger, organization, repositories.get(&repository)).map(drop));
        not_found("delete", within!(world, &stranger, organization, repositories.delete(&repository)));
    }
    not_found("list", within!(world, &stranger, "acme", tokens.list(listing(StateFilter::All))).map(drop));
    not_found("overview", within!(world, &stranger, "acme", tokens.overview(listing(StateFilter::All))).map(drop));
    not_found("create", within!(world, &stranger, "acme", tokens.create(asked("x"))).map(drop));
    not_found("preview", within!(world, &stranger, "acme", auto_revoke.preview(1)).map(drop));
    not_found("setting", within!(world, &stranger, "acme", auto_revoke.get()).map(drop));
    not_found("set", within!(world, &stranger, "acme", auto_revoke.set(1)));
    not_found("repositories", within!(world, &stranger, "acme", repositories.list("", None, 10)).map(drop));
    not_found("projects", within!(world, &stranger, "acme", projects.options()).map(drop));
    assert_eq!(
        service
            .tokens()
            .revoke_many(&world.access_to(&stranger, "globex").await, std::slice::from_ref(&id))
            .await
            .unwrap()
            .revoked,
        []
    );
    assert_eq!(
        service
            .tokens()
            .get_many(&world.access_to(&stranger, "globex").await, std::slice::from_ref(&id))
            .await
            .unwrap(),
        []
    );
    assert_eq!(
        service
            .tokens()
            .list(&world.access_to(&stranger, "globex").await, listing(StateFilter::All))
            .await
            .unwrap()
            .tokens,
        []
    );
    // Nor by a token, whatever its scopes.
    let created = world.create(&admin, scoped("all", &["tokens:read", "repos:read"])).await.unwrap();
    let pipeline = world.pipeline(&created).await;
    not_found("by token", within!(world, &pipeline, "globex", tokens.list(listing(StateFilter::All))).map(drop));
    assert!(matches!(
        service.organizations().resolve(&pipeline, Some("globex")).await,
        Err(Error::Forbidden(AuthorizationError::OtherOrganization))
    ));
    assert_eq!(service.tokens().get(&world.access(&admin).await, &id).await.unwrap().state, TokenState::Active);
}

async fn a_project_token_sees_its_project_only(world: &World) {
    let admin = world.admin().await;
    let of_project = CreateToken { project: Some("Website".into()), ..scoped("mine", &["tokens:read"]) };
    let caller = world.pipeline(&world.create(&admin, of_project).await.unwrap()).await;
    let other = world.create(&admin, asked("organization's")).await.unwrap().detail.token.id.to_string();
    let seen = world.service.tokens().list(&world.access(&caller).await, listing(StateFilter::All)).await.unwrap();
    assert_eq!(seen.tokens.iter().map(|seen| seen.token.name.as_str()).collect::<Vec<_>>(), ["mine"]);
    assert!(matches!(world.service.tokens().get(&world.access(&caller).await, &other).await, Err(Error::NotFound(_))));
}

async fn the_list_finds_what_is_asked_for(world: &World) {
    let admin = world.admin().await;
    let api = CreateToken {
        all_repositories: false,
        repositories: vec!["acme/api".into()],
        expires: ExpiresIn::Days(3),
        ..scoped("Deploy api", &["scans:trigger"])
    };
    world.create(&admin, api).await.unwrap();
    world.create(&admin, CreateToken { description: "posts to chat".into(), ..asked("Nightly") }).await.unwrap();
    world.create(&admin, CreateToken { project: Some("Website".into()), ..asked("Site") }).await.unwrap();
    let names = async |list| {
        let found = world.service.tokens().overview(&world.access(&admin).await, list).await.unwrap();
        assert_eq!(found.total as usize, found.page.tokens.len());
        found.page.tokens.into_iter().map(|detail| detail.token.name).collect::<Vec<_>>()
    };
    let all = listing(StateFilter::Active);
    let with = |query: &str| ListTokens { query: query.into(), ..all.clone() };
    assert_eq!(names(all.clone()).await, ["Deploy api", "Nightly", "Site"]);
    assert_eq!(names(with("depl")).await, ["Deploy api"]);
    assert_eq!(names(with("CHAT")).await, ["Nightly"]);
    assert_eq!(names(with("nothing")).await, Vec::<String>::new());
    let mut list = all.clone();
    list.scope = Some("scans:trigger".into());
    assert_eq!(names(list).await, ["Deploy api"]);
    let mut list = all.clone();
    list.level = Some("organization".into());
    assert_eq!(names(list).await, ["Deploy api", "Nightly"]);
    let mut list = all.clone();
    list.level = Some("Website".into());
    assert_eq!(names(list).await, ["Site"]);
    let mut list = all.clone();
    list.repository = Some("acme/web".into());
    assert_eq!(names(list).await, ["Nightly", "Site"]);
    let mut list = all.clone();
    list.creator = Some("nobody".into());
    assert_eq!(names(list).await, Vec::<String>::new());
    assert_eq!(names(listing(StateFilter::ExpiringSoon)).await, ["Deploy api"]);
    assert_eq!(names(listing(StateFilter::Unused)).await, Vec::<String>::new());
    world.clock.advance_days(31);
    assert_eq!(names(listing(StateFilter::Expired)).await, ["Deploy api"]);
    assert_eq!(names(listing(StateFilter::Unused)).await, ["Nightly", "Site"]);
    let counts =
        world.service.tokens().overview(&world.access(&admin).await, listing(StateFilter::All)).await.unwrap().counts;
    assert_eq!((counts.active, counts.expiring_soon, counts.unused), (2, 0, 2));
}

async fn names_are_seen_and_told_apart(world: &World) {
    let owner = world.person(world.acme, Role::Owner).await;
    for unseen in ["dep\u{ad}loy", "\u{3164}", "\u{2800}", "a\u{e0061}", "a\u{200d}b"] {
        assert_eq!(fields(world.create(&owner, asked(unseen)).await.unwrap_err()), ["name"], "{unseen:?}");
        let described = CreateToken { description: unseen.into(), ..asked("CI") };
        assert_eq!(fields(world.create(&owner, described).await.unwrap_err()), ["description"], "{unseen:?}");
        let project = world.service.projects().create(&world.access(&owner).await, unseen).await;
        assert_eq!(fields(project.unwrap_err()), ["name"], "{unseen:?}");
    }
    for name in ["Cafe\u{301}", "👩\u{200d}💻", "می\u{200c}خواهم"] {
        let token = world.create(&owner, asked(name)).await.unwrap().detail.token;
        let project = world.service.projects().create(&world.access(&owner).await, name).await.unwrap();
        assert_eq!(project.name, token.name);
        // A project is meant by any form of its name.
        let same = name.replace("Cafe\u{301}", "CAFÉ");
        assert_eq!(world.service.projects().get(&world.access(&owner).await, &same).await.unwrap(), project);
    }
    for same in ["Café", "CAFE\u{301}", "Ｃａｆé"] {
        assert!(matches!(world.create(&owner, asked(same)).await, Err(Error::Conflict(_))), "{same}");
        assert!(
            matches!(world.service.projects().create(&world.access(&owner).await, same).await, Err(Error::Conflict(_))),
            "{same}"
        );
    }
}

async fn a_name_of_before_goes_on(world: &World) {
    let admin = world.admin().await;
    let created = world.create(&admin, asked("CI")).await.unwrap().detail;
    let before = created.token.settings([]);
    let edited = latchkey_domain::TokenSettings {
        name: TokenName::stored("dep\u{ad}loy"),
        description: Description::stored("\u{2800}"),
        require_signing: false,
        expires_at: None,
        ..before.clone()
    };
    let mut tx = world.store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
    tokens::update(&mut tx, &created.token, &before, &edited).await.unwrap();
    tx.commit().await.unwrap();
    let id = created.token.id.to_string();
    let signing = EditToken { require_signing: Some(true), ..EditToken::default() };
    let after = world.service.tokens().edit(&world.access(&admin).await, &id, signing).await.unwrap();
    assert_eq!((&*after.token.name, &*after.token.description), ("dep\u{ad}loy", "\u{2800}"));
    // What looks like it is it.
    assert!(matches!(world.create(&admin, asked("Deploy")).await, Err(Error::Conflict(_))));
}

async fn what_can_not_be_found_is_not_everything(world: &World) {
    let admin = world.admin().await;
    world.create(&admin, scoped("ci_deploy", &["repos:read", "scans:read"])).await.unwrap();
    let count = async |list: ListTokens| {
        world.service.tokens().list(&world.access(&admin).await, list).await.unwrap().tokens.len()
    };
    let all = || listing(StateFilter::All);
    for (query, found) in [("ci_dep", 1), (" ", 1), ("%", 0), ("\u{200b}", 0), ("★★★", 0), ("\u{1}", 0)] {
        assert_eq!(count(ListTokens { query: query.into(), ..all() }).await, found, "{query:?}");
    }
    for query in ["%", "\u{200b}", "★★★"] {
        let found = world.service.repositories().list(&world.access(&admin).await, query, None, 50).await.unwrap();
        assert_eq!(found.repositories, [], "{query:?}");
    }
    for wrong in ["nobody", "%", "\u{200b}", "repos:read scans:read"] {
        let some = || Some(wrong.to_owned());
        for list in [
            ListTokens { scope: some(), ..all() },
            ListTokens { level: some(), ..all() },
            ListTokens { repository: some(), ..all() },
            ListTokens { creator: some(), ..all() },
        ] {
            assert_eq!(count(list.clone()).await, 0, "{list:?}");
        }
        let members = ListMembers { name: some(), ..ListMembers::default() };
        assert_eq!(
            world.service.members().list(&world.access(&admin).await, &members, None, 50).await.unwrap().items,
            []
        );
    }
}

async fn bulk_revocation_is_all_or_nothing(world: &World) {
    let admin = world.admin().await;
    let member = world.person(world.acme, Role::Member).await;
    let of_project = CreateToken { project: Some("Website".into()), ..asked("own") };
    let own = world.create(&member, of_project).await.unwrap().detail.token.id.to_string();
    let theirs = world.create(&admin, asked("theirs")).await.unwrap().detail.token.id.to_string();
    let both = [own.clone(), theirs.clone()];
    assert!(matches!(
        world.service.tokens().revoke_many(&world.access(&member).await, &both).await,
        Err(Error::Forbidden(_))
    ));
    assert_eq!(
        world
            .service
            .tokens()
            .overview(&world.access(&admin).await, listing(StateFilter::All))
            .await
            .unwrap()
            .counts
            .active,
        2
    );
    let done = world.service.tokens().revoke_many(&world.access(&admin).await, &both).await.unwrap();
    assert_eq!((done.revoked.len(), done.skipped), (2, 0));
    let again =
        world.service.tokens().revoke_many(&world.access(&admin).await, &[own, "nonsense".into()]).await.unwrap();
    assert_eq!((again.revoked.len(), again.skipped), (0, 2));
    assert_eq!(world.events("token.revoked").await, 2);
    assert_eq!(
        fields(world.service.tokens().revoke_many(&world.access(&admin).await, &[]).await.unwrap_err()),
        ["ids"]
    );
    assert_eq!(
        fields(world.service.tokens().revoke_many(&world.access(&admin).await, &vec![theirs; 101]).await.unwrap_err()),
        ["ids"]
    );
}

async fn a_failed_use_case_leaves_no_audit_event(world: &World) {
    let admin = world.admin().await;
    world.create(&admin, asked("CI")).await.unwrap();
    world.create(&admin, asked("CI")).await.unwrap_err();
    world.service.repositories().create(&world.access(&admin).await, "acme/api").await.unwrap_err();
    world.service.auto_revoke().set(&world.access(&admin).await, 366).await.unwrap_err();
    assert_eq!(world.events("token.created").await, 1);
    assert_eq!(world.events("repository.created").await, 0);
    assert_eq!(world.events("organization.auto_revoke_set").await, 0);
    assert!(matches!(admin.principal, Principal::Session(_)));
}
