//! Write transactions. A request may have waited between the check of its credential and its write: for its body, for a
//! lock, for the database. So each write begins with a second look at the caller, whom it locks: nothing can be taken
//! away from them until the commit. `docs/revocation.md` says what follows from that.
//!
//! These are the only ways to begin a write; a test sees to it. So this is also where it is decided how urgent each is.

use std::collections::BTreeSet;
use std::time::Duration;

use latchkey_domain::{Role, TokenId, UserId};
use latchkey_store::{
    Tx, WritePriority, memberships, organizations, sessions, tokens, user_tokens, users, users::User,
};
use tokio::time::sleep;

use crate::authorization::{Action, OrganizationAccess, Power};
use crate::sessions::live_since;
use crate::{AuthenticationError, AuthorizationError, CachedToken, Caller, Error, Person, Principal, Service};

/// A write in an organization, with the caller and their power as they are in it.
pub(crate) struct Write {
    pub(crate) tx: Tx,
    pub(crate) access: OrganizationAccess,
}

/// What a write keeps others from doing in its organization, until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrganizationLock {
    /// Deleting it.
    Organization,
    /// Changing its members, and inviting.
    Members,
    /// Adding anything to it.
    Everything,
}

/// What Latchkey writes by itself: what no caller asks for, or who asks has no credential yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Ends something: by an operator, at a sign-out. Or stands before what people end: that they are still there.
    Containment,
    /// Is a part of one request: a new session or account, a use that is written before it is answered.
    Request,
    /// Counts, remembers, sweeps and tidies up: what nobody waits for, or what comes with each request.
    Bookkeeping,
}

impl Purpose {
    const fn priority(self) -> WritePriority {
        match self {
            Self::Containment => WritePriority::Urgent,
            Self::Request => WritePriority::Normal,
            Self::Bookkeeping => WritePriority::Background,
        }
    }
}

/// People administer; what pipelines do without end must not keep them waiting.
fn administering(caller: &Caller) -> WritePriority {
    if caller.principal.person().is_some() { WritePriority::Urgent } else { WritePriority::Normal }
}

/// Does what takes power away, and again if the database gave it up for another transaction.
pub(crate) async fn retry_on_deadlock<T, F: Future<Output = Result<T, Error>>>(
    work: impl Fn() -> F,
) -> Result<T, Error> {
    const TRIES: usize = 3;
    for _ in 1..TRIES {
        match work().await {
            // The other one has to come by first.
            Err(Error::GivenUp) => sleep(Duration::from_millis(100)).await,
            done => return done,
        }
    }
    work().await
}

impl Service {
    /// Begins a write of Latchkey itself.
    pub(crate) async fn begin_system(&self, purpose: Purpose) -> Result<Tx, Error> {
        Ok(self.store().begin(purpose.priority()).await?)
    }

    /// Begins a write that concerns nobody but the caller, or the whole instance; returns them as they are in it.
    pub(crate) async fn begin(&self, caller: &Caller) -> Result<(Tx, Caller), Error> {
        let mut tx = self.store().begin(WritePriority::Normal).await?;
        let caller = self.recheck_caller(&mut tx, caller, &[]).await?;
        Ok((tx, caller))
    }

    /// Begins a write that changes an account, which it locks together with the caller's own: until it ends, nobody acts
    /// as that user.
    pub(crate) async fn begin_on_user(&self, caller: &Caller, user: UserId) -> Result<(Tx, Caller, User), Error> {
        let person = caller.principal.person().ok_or(AuthorizationError::PeopleOnly)?;
        let mut tx = self.store().begin(WritePriority::Urgent).await?;
        // By id, so that two admins can't wait for each other.
        for id in BTreeSet::from([user, person.id]) {
            users::lock(&mut tx, id).await?;
        }
        let caller = self.recheck_caller(&mut tx, caller, &[]).await?;
        let user = users::lock_shared(&mut tx, user).await?.ok_or(Error::NotFound("user"))?;
        Ok((tx, caller, user))
    }

    /// Begins a write in an organization, for an action that adds or changes something.
    pub(crate) async fn begin_in(&self, access: &OrganizationAccess, action: Action) -> Result<Write, Error> {
        let priority = match action {
            Action::CreateToken(_) => WritePriority::Normal,
            _ => administering(access.caller()),
        };
        let write = self.begin_locking(access, OrganizationLock::Organization, &[], priority).await?;
        write.access.allow(action)?;
        Ok(write)
    }

    /// Begins a write in an organization, for an action that takes something away.
    pub(crate) async fn begin_ending_in(&self, access: &OrganizationAccess, action: Action) -> Result<Write, Error> {
        let write = self.begin_locking(access, OrganizationLock::Organization, &[], WritePriority::Urgent).await?;
        write.access.allow(action)?;
        Ok(write)
    }

    /// Begins a write that changes tokens, which it locks. What may be done to each is for the use case to ask.
    pub(crate) async fn begin_with_tokens(
        &self,
        access: &OrganizationAccess,
        tokens: &[TokenId],
    ) -> Result<Write, Error> {
        self.begin_locking(access, OrganizationLock::Organization, tokens, WritePriority::Urgent).await
    }

    /// Begins a write that keeps others from more than deleting the organization. What the caller may do is for the use
    /// case to ask.
    pub(crate) async fn begin_locked(
        &self,
        access: &OrganizationAccess,
        keeps: OrganizationLock,
        tokens: &[TokenId],
    ) -> Result<Write, Error> {
        self.begin_locking(access, keeps, tokens, administering(access.caller())).await
    }

    async fn begin_locking(
        &self,
        access: &OrganizationAccess,
        keeps: OrganizationLock,
        tokens: &[TokenId],
        priority: WritePriority,
    ) -> Result<Write, Error> {
        const UNKNOWN: Error = Error::NotFound("organization");
        let mut tx = self.store().begin(priority).await?;
        // Always in this order, so that two writes can't wait for each other: organization, project, user, session or
        // user token, membership, tokens by id. (Nothing is deleted without the organization, so the project may come later.)
        let there = access.is_of_instance()
            || match keeps {
                OrganizationLock::Organization => organizations::lock_shared(&mut tx, access.id()).await?,
                OrganizationLock::Members => organizations::lock(&mut tx, access.id()).await?,
                OrganizationLock::Everything => organizations::lock_exclusive(&mut tx, access.id()).await?,
            };
        if !there {
            return Err(UNKNOWN);
        }
        let caller = self.recheck_caller(&mut tx, access.caller(), tokens).await?;
        let power = match &caller.principal {
            Principal::ApiToken(_) => Power::Token,
            Principal::Session(person) | Principal::UserToken(person) => {
                let role = match person.instance_admin {
                    true => Some(Role::Owner),
                    false if access.is_of_instance() => None,
                    false => memberships::role_locked(&mut tx, access.id(), person.id).await?,
                };
                let power = Power::Role(role.ok_or(UNKNOWN)?);
                if !tokens.is_empty() {
                    tokens::lock_all(&mut tx, tokens).await?;
                }
                power
            }
        };
        Ok(Write { tx, access: access.rechecked(caller, power) })
    }

    /// Locks the caller's credential, and reads again what it is worth. A token is locked together with the tokens that
    /// the write is about.
    async fn recheck_caller(&self, tx: &mut Tx, caller: &Caller, tokens: &[TokenId]) -> Result<Caller, Error> {
        let now = self.now();
        if let Some(person) = caller.principal.person() {
            // Before what they are signed in with: whoever ends that has locked the user first.
            users::lock_shared(tx, person.id).await?;
        }
        let principal = match &caller.principal {
            Principal::Session(person) => {
                let user = sessions::lock_shared(tx, person.credential, live_since(now)).await?;
                Principal::Session(Person::new(user.ok_or(AuthenticationError::SessionEnded)?, person.credential))
            }
            Principal::UserToken(person) => {
                let token =
                    user_tokens::lock_shared(tx, person.credential).await?.ok_or(AuthenticationError::Unknown)?;
                if token.expires_at <= now {
                    return Err(AuthenticationError::Expired.into());
                }
                Principal::UserToken(Person::new(token.user, person.credential))
            }
            Principal::ApiToken(known) => {
                if tokens.is_empty() {
                    tokens::lock_shared(tx, known.id).await?;
                } else {
                    tokens::lock_all(tx, &[tokens, &[known.id]].concat()).await?;
                }
                let (found, listed) =
                    tokens::by_secret_locked(tx, &known.hash).await?.ok_or(AuthenticationError::Unknown)?;
                let listed = listed.into_iter().map(|(id, _)| id).collect();
                let again = CachedToken::again(known, found, listed);
                // A token that requires signatures only since then was perhaps not sent with one.
                again.check_conditions(caller.origin.address, known.require_signing, now)?;
                Principal::ApiToken(again.into())
            }
        };
        Ok(Caller { principal, origin: caller.origin.clone() })
    }
}
