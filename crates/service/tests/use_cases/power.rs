//! Power that is taken away counts at once, also for what is under way: every write looks at its caller again. A caller
//! who was checked and then waited is made here by keeping the `Caller`, or the `OrganizationAccess`, of before.

use crate::common;
use std::time::Duration;

use crate::common::people::{instance_token, membership, nobody};
use crate::common::use_cases::{READS, Targets, WRITES, ask, targets, write};
use crate::common::{World, asked, listing, scoped};
use latchkey_domain::{CredentialId, Role};
use latchkey_service::{
    AuthorizationError, Caller, CreateToken, EditToken, Error, ExpiresIn, ListTokens, OrganizationAccess, Principal,
    RotateToken, StateFilter, SweepKind,
};
use latchkey_store::WritePriority;
use sqlx::Connection;

on_both_engines!(
    nothing_is_written_for_a_person_whose_power_is_gone,
    nothing_is_written_with_a_token_whose_power_is_gone,
    a_write_under_way_comes_before_the_end_or_not_at_all,
    writes_and_endings_do_not_wait_for_each_other,
    no_token_does_what_its_maker_may_not,
    a_token_of_a_project_stays_in_it,
    however_many_ask_whether_it_is_ready_one_write_a_second_is_made,
);

/// An owner of acme who is an instance admin, too: may do everything.
async fn everything(world: &World, name: &str) -> Caller {
    let caller = nobody(world, &format!("{name}@example.com"), true).await;
    let owner = world.person(world.acme, Role::Owner).await;
    let email = caller.principal.person().unwrap().email.clone();
    let invited = world.service.invitations().create(&world.access(&owner).await, &email, Role::Owner).await.unwrap();
    world.service.invitations().accept(&caller, &invited.invitation.id.to_string()).await.unwrap();
    caller
}

async fn nothing_is_written_for_a_person_whose_power_is_gone(world: &World) {
    let (service, root) = (&world.service, nobody(world, "root@example.com", true).await);
    let caller = everything(world, "ada").await;
    let on = targets(world, &caller).await;
    let person = caller.principal.person().unwrap().clone();
    let refused = async |access: &OrganizationAccess, names: &[&str], why: &str| {
        let before = world.newest_events().await;
        for name in names {
            let done = write(service, name, access, &on).await;
            assert!(
                matches!(done, Err(Error::Unauthenticated(_) | Error::Forbidden(_) | Error::NotFound(_))),
                "{name} by somebody {why}: {done:?}"
            );
        }
        assert_eq!(world.newest_events().await, before, "{why}");
    };

    // In the organization: a role that is not enough, and none.
    let own_affairs = [
        "organizations.create",
        "memberships.set_current",
        "memberships.leave",
        "invitations.accept",
        "users.set_password",
        "credentials.end",
        "credentials.end_all",
        "users.set_locked",
        "organizations.free_name",
    ];
    let in_organization: Vec<_> = WRITES.iter().copied().filter(|name| !own_affairs.contains(name)).collect();
    let member = world.person(world.acme, Role::Owner).await;
    let own = membership(world, "acme", &member).await;
    let before = world.access(&member).await;
    service.members().set_role(&world.access(&caller).await, &own, Role::Viewer).await.unwrap();
    refused(&before, &in_organization, "demoted").await;
    refused(&world.access(&member).await, &in_organization, "demoted, who asks now").await;
    service.members().remove(&world.access(&caller).await, &own).await.unwrap();
    refused(&before, &in_organization, "removed").await;

    // Signed out, with a session and with a user token; then locked.
    let mut gone = caller.clone();
    if let Principal::Session(person) = &mut gone.principal {
        person.credential = on.own_session.parse().unwrap();
    }
    service.credentials().end(&caller, "me", &on.own_session).await.unwrap();
    refused(&world.access(&gone).await, WRITES, "signed out").await;
    let token = Caller { principal: Principal::UserToken(gone.principal.person().unwrap().clone()), ..gone };
    refused(&world.access(&token).await, WRITES, "whose user token is gone").await;
    service.users().set_locked(&root, &person.id.to_string(), true).await.unwrap();
    refused(&world.access(&caller).await, WRITES, "locked").await;

    // The same is done for who may: or the refusals above would mean nothing.
    let caller = everything(world, "grace").await;
    let mut on = targets_again(on, world, &caller).await;
    for name in WRITES {
        if *name == "tokens.revoke_if_match" || *name == "tokens.revoke_many" || *name == "tokens.rotate" {
            on.token = world.create(&caller, asked(name)).await.unwrap().detail.token.id.to_string();
        }
        if *name == "memberships.leave" || *name == "organizations.delete" {
            continue;
        }
        write(service, name, &world.access(&caller).await, &on)
            .await
            .unwrap_or_else(|error| assert!(*name == "members.remove", "{name}: {error:?}"));
    }
    write(service, "organizations.delete", &world.access(&caller).await, &on).await.unwrap();
}

async fn targets_again(on: Targets, world: &World, caller: &Caller) -> Targets {
    let foreign = world.person(world.globex, Role::Owner).await;
    let email = &caller.principal.person().unwrap().email;
    let received = world
        .service
        .invitations()
        .create(&world.access_to(&foreign, "globex").await, email, Role::Member)
        .await
        .unwrap()
        .invitation
        .id
        .to_string();
    let mut tx = world.store.begin(WritePriority::Normal).await.unwrap();
    let session: CredentialId = common::session(&mut tx, caller.principal.person().unwrap().id).await;
    tx.commit().await.unwrap();
    let own_membership = membership(world, "acme", caller).await;
    Targets { received, own_membership, own_session: session.to_string(), ..on }
}

async fn nothing_is_written_with_a_token_whose_power_is_gone(world: &World) {
    let (service, admin) = (&world.service, world.admin().await);
    let on = targets(world, &everything(world, "ada").await).await;
    let scopes = ["tokens:manage", "repos:write", "repos:read", "scans:read", "tokens:read"];
    let writes = [
        "tokens.create",
        "tokens.edit",
        "tokens.rotate",
        "tokens.revoke",
        "tokens.revoke_many",
        "repositories.create",
        "repositories.create_idempotent",
        "repositories.delete",
    ];
    let less = EditToken { scopes: Some(vec!["scans:read".into()]), ..EditToken::default() };
    let near = EditToken { allowed_networks: Some(vec!["192.0.2.0/24".into()]), ..EditToken::default() };
    let signed = EditToken { require_signing: Some(true), ..EditToken::default() };
    for way in ["revoked", "rotated", "narrowed", "elsewhere", "signing", "expired"] {
        let made = CreateToken { expires: ExpiresIn::Days(1), ..scoped(way, &scopes) };
        let made = world.create(&admin, made).await.unwrap();
        let (id, caller) = (made.detail.token.id.to_string(), world.pipeline(&made).await);
        let access = world.access(&caller).await;
        match way {
            "revoked" => drop(service.tokens().revoke(&world.access(&admin).await, &id).await.unwrap()),
            "rotated" => {
                drop(service.tokens().rotate(&world.access(&admin).await, &id, RotateToken::default()).await.unwrap())
            }
            "narrowed" => drop(service.tokens().edit(&world.access(&admin).await, &id, less.clone()).await.unwrap()),
            "elsewhere" => drop(service.tokens().edit(&world.access(&admin).await, &id, near.clone()).await.unwrap()),
            "signing" => drop(service.tokens().edit(&world.access(&admin).await, &id, signed.clone()).await.unwrap()),
            _ => world.clock.advance_days(1),
        }
        let before = world.newest_events().await;
        for name in writes {
            let done = write(service, name, &access, &on).await;
            assert!(matches!(done, Err(Error::Unauthenticated(_) | Error::Forbidden(_))), "{name}, {way}: {done:?}");
        }
        // It can't give itself back what was taken, nor end anything with what it no longer is.
        let back = EditToken { scopes: Some(scopes.map(str::to_owned).to_vec()), ..EditToken::default() };
        assert!(service.tokens().edit(&access, &id, back).await.is_err(), "{way}");
        assert!(service.tokens().rotate(&access, &id, RotateToken::default()).await.is_err(), "{way}");
        assert_eq!(world.newest_events().await, before, "{way}");
    }
    let alive = world.pipeline(&world.create(&admin, scoped("alive", &scopes)).await.unwrap()).await;
    let access = world.access(&alive).await;
    for name in ["tokens.create", "tokens.edit", "repositories.create", "repositories.delete", "tokens.revoke"] {
        write(service, name, &access, &on).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
    let instance = instance_token(world, &["orgs:create", "members:invite"]).await;
    let Principal::ApiToken(own) = &instance.principal else { panic!("a token") };
    service.tokens().revoke(&world.access_to(&instance, "").await, &own.id.to_string()).await.unwrap();
    assert!(matches!(service.organizations().create(&instance, "initech").await, Err(Error::Unauthenticated(_))));
    let invited = service.invitations().create(&world.access(&instance).await, "eve@example.com", Role::Member).await;
    assert!(matches!(invited, Err(Error::Unauthenticated(_))), "{invited:?}");
}

/// Many writes at the moment at which their caller's power ends: whatever is not there when that is answered, never comes.
async fn a_write_under_way_comes_before_the_end_or_not_at_all(world: &World) {
    const WRITERS: usize = 24;
    let (service, admin) = (&world.service, world.admin().await);
    let tokens = async || {
        service
            .tokens()
            .list(&world.access(&admin).await, ListTokens { limit: 100, ..listing(StateFilter::All) })
            .await
            .unwrap()
            .tokens
            .len()
    };
    for (round, by_token) in [(0, false), (1, true), (2, false), (3, true)] {
        let member = world.person(world.acme, Role::Admin).await;
        let own = membership(world, "acme", &member).await;
        let token =
            world.create(&admin, scoped(&format!("round {round}"), &["tokens:manage", "scans:read"])).await.unwrap();
        let access = world.access(&if by_token { world.pipeline(&token).await } else { member }).await;
        let mut writers = tokio::task::JoinSet::new();
        for number in 0..WRITERS {
            let (service, access) = (service.clone(), access.clone());
            writers.spawn(async move {
                let asked = scoped(&format!("{round} {number}"), &["scans:read"]);
                service.tokens().create(&access, asked).await.is_ok()
            });
        }
        // Some are through, some wait.
        let first = writers.join_next().await.unwrap().unwrap();
        if by_token {
            service.tokens().revoke(&world.access(&admin).await, &token.detail.token.id.to_string()).await.unwrap();
        } else {
            service.members().remove(&world.access(&admin).await, &own).await.unwrap();
        }
        let then = tokens().await;
        let made = writers.join_all().await.into_iter().filter(|made| *made).count();
        assert_eq!(tokens().await, then, "{first} and {made} made");
    }
}

/// Writes of a person while they are signed out everywhere, again and again: each is done or refused, none is stuck.
async fn writes_and_endings_do_not_wait_for_each_other(world: &World) {
    let (service, admin) = (&world.service, world.admin().await);
    let user = admin.principal.person().unwrap().id;
    for round in 0..5 {
        let mut tx = world.store.begin(WritePriority::Normal).await.unwrap();
        let credential = common::session(&mut tx, user).await;
        tx.commit().await.unwrap();
        let mut other = admin.clone();
        if let Principal::Session(person) = &mut other.principal {
            person.credential = credential;
        }
        let mut writers = tokio::task::JoinSet::new();
        for number in 0..12 {
            let access = world.access(if number % 2 == 0 { &admin } else { &other }).await;
            let service = service.clone();
            let asked = scoped(&format!("{round} {number}"), &["scans:read"]);
            writers.spawn(async move { service.tokens().create(&access, asked).await.map(drop) });
        }
        let ended = service.credentials().end_all(&admin, "me").await;
        for done in writers.join_all().await.into_iter().chain([ended.map(drop)]) {
            assert!(matches!(done, Ok(()) | Err(Error::Unauthenticated(_))), "{done:?}");
        }
    }
}

/// Every use case in an organization × every role × every token that somebody of this role can make.
async fn no_token_does_what_its_maker_may_not(world: &World) {
    let service = &world.service;
    let on = targets(world, &everything(world, "ada").await).await;
    // What these end would not be there for the next one.
    let ends =
        ["organizations.delete", "repositories.delete", "projects.delete", "members.remove", "memberships.leave"];
    let names: Vec<_> = WRITES.iter().chain(READS).filter(|name| !ends.contains(name)).collect();
    let scopes: Vec<_> = service.catalogue().scopes().map(|info| info.name.to_string()).collect();
    let mut made = 0;
    for role in Role::ALL {
        let person = world.person(world.acme, role).await;
        let own_access = world.access(&person).await;
        for (level, project) in [("organization", None), ("project", Some("Website".to_owned()))] {
            for scope in &scopes {
                let name = format!("{role:?} {level} {scope}");
                let asked = CreateToken { project: project.clone(), ..scoped(&name, &[scope]) };
                let Ok(token) = world.create(&person, asked).await else { continue };
                made += 1;
                let token = world.access(&world.pipeline(&token).await).await;
                for what in &names {
                    if ask(service, what, &token, &on).await.is_ok() {
                        let own = ask(service, what, &own_access, &on).await;
                        let may = !matches!(own, Err(Error::Forbidden(_) | Error::NotFound(_)));
                        assert!(may, "{name} does {what}, which its maker may not: {own:?}");
                    }
                }
            }
        }
        let may = |level: Option<&str>, scope: &str| {
            let asked = scoped(&format!("{role:?} {level:?} {scope} again"), &[scope]);
            world.create(&person, CreateToken { project: level.map(str::to_owned), ..asked })
        };
        // Services behind take these at their word, too.
        for scope in ["repos:write", "tokens:manage", "tokens:introspect"] {
            assert_eq!(may(Some("Website"), scope).await.is_ok(), role.administers(), "{role:?} {scope}");
        }
        assert_eq!(may(Some("Website"), "org:read").await.is_ok(), role.creates_project_tokens(), "{role:?}");
    }
    assert!(made > 60, "{made}");
}

async fn a_token_of_a_project_stays_in_it(world: &World) {
    let (service, admin) = (&world.service, world.admin().await);
    service.projects().create(&world.access(&admin).await, "Elsewhere").await.unwrap();
    for (name, project) in [("org", None), ("web", Some("Website")), ("else", Some("Elsewhere"))] {
        let asked = CreateToken { project: project.map(str::to_owned), ..asked(name) };
        world.create(&admin, asked).await.unwrap();
    }
    service.auto_revoke().set(&world.access(&admin).await, 30).await.unwrap();
    world.clock.advance_days(40);
    let scopes = ["repos:write", "repos:read", "tokens:read", "tokens:manage", "org:read"];
    let asked = CreateToken { project: Some("Website".into()), ..scoped("confined", &scopes) };
    let confined = world.pipeline(&world.create(&admin, asked).await.unwrap()).await;
    let preview = service.auto_revoke().preview(&world.access(&confined).await, 30).await.unwrap();
    let names: Vec<_> = preview.tokens.iter().map(|detail| detail.token.name.as_str()).collect();
    assert_eq!((names, preview.would_revoke, preview.active), (vec!["web"], 1, 2));
    assert_eq!(service.auto_revoke().preview(&world.access(&admin).await, 30).await.unwrap().would_revoke, 3);
    service.auto_revoke().sweep(SweepKind::Manual).await.unwrap();
    assert!(service.auto_revoke().get(&world.access(&confined).await).await.unwrap().sweeps.is_empty());
    assert_eq!(service.auto_revoke().get(&world.access(&admin).await).await.unwrap().sweeps.len(), 1);
    let projects = service.projects().options(&world.access(&confined).await).await.unwrap();
    assert_eq!(projects.iter().map(|project| project.name.as_str()).collect::<Vec<_>>(), ["Website"]);
    for refused in [
        service.repositories().create(&world.access(&confined).await, "acme/mine").await.map(drop),
        service.repositories().delete(&world.access(&confined).await, "acme/api").await,
    ] {
        assert!(matches!(refused, Err(Error::Forbidden(AuthorizationError::BeyondProject))), "{refused:?}");
    }
    // One that reaches a few repositories learns nothing of the others, nor of what there is not.
    let asked = CreateToken {
        all_repositories: false,
        repositories: vec!["acme/web".into()],
        ..scoped("few", &["repos:read", "repos:write", "tokens:manage"])
    };
    let few = world.pipeline(&world.create(&admin, asked).await.unwrap()).await;
    for name in ["acme/docs", "acme/nowhere"] {
        let asked =
            CreateToken { all_repositories: false, repositories: vec![name.into()], ..scoped("x", &["repos:read"]) };
        let answers = [
            format!("{:?}", service.repositories().get(&world.access(&few).await, name).await.unwrap_err()),
            format!("{:?}", service.repositories().delete(&world.access(&few).await, name).await.unwrap_err()),
            format!("{:?}", service.tokens().create(&world.access(&few).await, asked).await.unwrap_err()),
        ];
        let expected = ["Forbidden(MissingRepository(None))"; 2];
        assert_eq!(
            (&answers[..2], &*answers[2]),
            (&expected.map(str::to_owned)[..], "Forbidden(Exceeds(\"its repositories\"))")
        );
        assert!(
            service.repositories().get_many(&world.access(&few).await, &[name.to_owned()]).await.unwrap().is_empty()
        );
    }
}

async fn however_many_ask_whether_it_is_ready_one_write_a_second_is_made(world: &World) {
    let probes = async || {
        const SQL: &str = "SELECT count FROM write_probe";
        if world.url.starts_with("sqlite") {
            let mut connection = sqlx::SqliteConnection::connect(&world.url).await.unwrap();
            sqlx::query_scalar::<_, i64>(SQL).fetch_one(&mut connection).await.unwrap()
        } else {
            let mut connection = sqlx::PgConnection::connect(&world.url).await.unwrap();
            sqlx::query_scalar::<_, i64>(SQL).fetch_one(&mut connection).await.unwrap()
        }
    };
    for second in 1..=3 {
        let mut asked = tokio::task::JoinSet::new();
        for number in 0..200 {
            let service = world.service.clone();
            asked.spawn(async move {
                // Some go away before they are answered.
                let patience = if number % 3 == 0 { Duration::ZERO } else { Duration::from_secs(60) };
                let answer = tokio::time::timeout(patience, service.health().ready()).await;
                assert!(answer.is_err() || answer == Ok(Ok(())));
            });
        }
        asked.join_all().await;
        assert_eq!(probes().await, second);
        world.clock.advance_seconds(1);
    }
    world.store.close().await;
    assert!(world.service.health().ready().await.is_err());
}

/// What takes power away has a way to the database that nothing else is on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn taking_power_away_waits_for_no_other_write() {
    let world = &common::postgres().await;
    let (service, caller) = (&world.service, everything(world, "ada").await);
    let on = targets(world, &caller).await;
    let pipeline = world.create(&caller, scoped("pipeline", &["tokens:manage", "scans:read"])).await.unwrap();
    let pipeline = world.pipeline(&pipeline).await;
    let leaked = world.create(&caller, asked("leaked")).await.unwrap().detail.token.id.to_string();
    let access = world.access(&caller).await;
    // As many as there may be of all others.
    let mut held = Vec::new();
    for _ in 0..12 {
        held.push(world.store.begin(WritePriority::Normal).await.unwrap());
    }
    let others = [
        tokio::spawn({
            let (service, access) = (service.clone(), world.access(&pipeline).await);
            async move { service.tokens().create(&access, scoped("other", &["scans:read"])).await.map(drop) }
        }),
        tokio::spawn({
            let service = service.clone();
            async move { service.maintenance().forget_nonces().await }
        }),
    ];
    service.tokens().revoke(&world.access(&pipeline).await, &leaked).await.unwrap();
    for name in [
        "tokens.edit",
        "tokens.rotate",
        "tokens.revoke_many",
        "repositories.delete",
        "projects.delete",
        "invitations.revoke",
        "auto_revoke.set",
        "members.set_role",
        "users.set_locked",
        "members.remove",
        "credentials.end",
        "credentials.end_all",
    ] {
        write(service, name, &access, &on).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
    service.operator().set_locked(&caller.principal.person().unwrap().email, true).await.unwrap();
    assert!(others.iter().all(|other| !other.is_finished()));
    drop(held);
    for other in others {
        other.await.unwrap().unwrap();
    }
}

/// Somebody else's transaction and a revocation wait for each other, and the database gives the revocation up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_power_away_is_tried_again_after_a_deadlock() {
    let world = &common::postgres().await;
    let caller = everything(world, "ada").await;
    let (on, person) = (targets(world, &caller).await, caller.principal.person().unwrap());
    let mut other = sqlx::PgConnection::connect(&world.url).await.unwrap();
    let waiting = async |kind: &str| {
        const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1 \
            AND datname = current_database()";
        let mut connection = sqlx::PgConnection::connect(&world.url).await.unwrap();
        while sqlx::query_scalar::<_, i64>(WAITING).bind(kind).fetch_one(&mut connection).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
    };
    let cases = [
        ("tokens.revoke", "api_tokens", &on.token, "organizations", world.acme.to_string()),
        ("tokens.revoke_many", "api_tokens", &on.token, "organizations", world.acme.to_string()),
        ("credentials.end", "sessions", &person.credential.to_string(), "users", person.id.to_string()),
        ("credentials.end_all", "sessions", &person.credential.to_string(), "users", person.id.to_string()),
    ];
    for (name, theirs, id, ours, our_id) in cases {
        let lock = async |connection: &mut sqlx::PgConnection, table: &str, id: &str| {
            let sql = format!("SELECT id FROM {table} WHERE id = '{id}' FOR UPDATE");
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(connection).await.map(drop)
        };
        // Never the one that is given up.
        sqlx::raw_sql("SET deadlock_timeout = '1h'; BEGIN").execute(&mut other).await.unwrap();
        lock(&mut other, theirs, id).await.unwrap();
        let done = tokio::spawn({
            let (service, access, on) = (world.service.clone(), world.access(&caller).await, on.clone());
            async move { write(&service, name, &access, &on).await }
        });
        waiting("%FOR %").await;
        lock(&mut other, ours, &our_id).await.unwrap();
        sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
        done.await.unwrap().unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
}
