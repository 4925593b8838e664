//! People, and what came of what they did.
#![allow(unreachable_pub, reason = "a module of a test has no other side")]

use latchkey_domain::{Email, Role, UserId};
use latchkey_service::{
    AuthorizationError, Caller, CreateToken, Error, ListEvents, Person, Principal, Random, SystemRandom,
};
use latchkey_store::users;

use super::{START, World, origin, scoped, session};

/// `ok`, or what refused.
pub fn outcome<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(Error::Forbidden(AuthorizationError::PeopleOnly)) => "people",
        Err(Error::Forbidden(AuthorizationError::MissingScope(_))) => "scope",
        Err(Error::Forbidden(AuthorizationError::BeyondProject)) => "project",
        Err(Error::Forbidden(_)) => "forbidden",
        Err(Error::NotFound(_)) => "not found",
        Err(Error::Conflict(_)) => "conflict",
        Err(error) => panic!("unexpected: {error:?}"),
    }
}

pub async fn membership(world: &World, organization: &str, caller: &Caller) -> String {
    let found = world.service.memberships().get(&world.access_to(caller, organization).await).await.unwrap().unwrap();
    found.member.id.to_string()
}

/// A person of this email who belongs to nothing.
pub async fn nobody(world: &World, email: &str, instance_admin: bool) -> Caller {
    let (id, email) = (UserId(SystemRandom.id(START)), Email::new(email).unwrap());
    let mut tx = world.store.begin(latchkey_store::WritePriority::Normal).await.unwrap();
    users::insert(&mut tx, id, &email, None, instance_admin, START).await.unwrap();
    let credential = session(&mut tx, id).await;
    tx.commit().await.unwrap();
    let person = Person { id, email: email.as_str().to_owned(), instance_admin, credential };
    Caller { principal: Principal::Session(person), origin: origin("203.0.113.8") }
}

/// A pipeline with an instance token of these scopes.
pub async fn instance_token(world: &World, scopes: &[&str]) -> Caller {
    let admin = nobody(world, &format!("{}@instance.example", SystemRandom.id(START)), true).await;
    let asked = CreateToken { instance: true, ..scoped(&format!("instance {scopes:?}"), scopes) };
    world.pipeline(&world.create(&admin, asked).await.unwrap()).await
}

pub async fn change(world: &World, caller: &Caller, id: &str, role: Role) -> Result<(), Error> {
    world.service.members().set_role(&world.access(caller).await, id, role).await.map(drop)
}

pub fn events() -> ListEvents {
    ListEvents { limit: 50, ..Default::default() }
}
