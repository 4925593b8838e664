//! The first start: nobody can sign in, so whoever can read the log makes the first account.

use latchkey_domain::{
    AuditAction, Email, MembershipId, OrganizationId, OrganizationName, Password, Role, Secret, SecretHash, SecretKind,
    Timestamp, UserId,
};
use latchkey_store::{StoreError, Tx, instance, memberships, organizations, users, users::User};
use serde_json::json;

use crate::passwords::{Room, Source};
use crate::recorder::{AuditEntry, system};
use crate::sign_in::{Buckets, source_of};
use crate::transaction::Purpose;
use crate::{Browser, Error, FieldError, Origin, Setup, SignedIn};

const NO_LINK: Error = Error::NotFound("set-up link");

impl Setup<'_> {
    /// Nobody can sign in yet: the instance waits for its set-up.
    pub async fn is_pending(self) -> Result<bool, Error> {
        Ok(instance::is_new(self.service.store()).await?)
    }

    /// A new one-time set-up link's secret, in the place of an earlier one; `None` once there is a user.
    pub async fn new_link(self) -> Result<Option<Secret>, Error> {
        if !self.is_pending().await? {
            return Ok(None);
        }
        let link = self.service.new_secret(SecretKind::Setup);
        let mut tx = self.service.begin_system(Purpose::Request).await?;
        instance::set_setup_hash(&mut tx, &link.hash(), self.service.now()).await?;
        tx.commit().await?;
        Ok(Some(link))
    }

    /// Whether the text is the current set-up link's secret.
    pub async fn is_link(self, link: &str) -> Result<bool, Error> {
        match setup_hash(link) {
            Some(hash) => Ok(instance::has_setup_hash(self.service.store(), &hash).await?),
            None => Ok(false),
        }
    }

    /// Uses the set-up link up: makes the instance admin with the organization `default`, and signs them in.
    pub async fn complete(
        self,
        origin: &Origin,
        browser: Browser<'_>,
        link: &str,
        email: &str,
        password: &str,
    ) -> Result<SignedIn, Error> {
        // What costs little comes first: nobody without the link has a password hashed.
        if !self.is_pending().await? {
            return Err(NO_LINK);
        }
        let room = self.service.inner.passwords.enter(Source::Network(source_of(origin.address)))?;
        let guess = self.service.count_guess(Buckets::of_link(origin.address)).await?;
        let hash = setup_hash(link).ok_or(NO_LINK)?;
        if !instance::has_setup_hash(self.service.store(), &hash).await? {
            return Err(NO_LINK);
        }
        self.service.give_back(&guess).await?;
        let (email, password_hash) = self.first_account(room, email, password).await?;
        let mut tx = self.service.begin_system(Purpose::Request).await?;
        if !instance::take_setup_hash(&mut tx, &hash).await? {
            return Err(NO_LINK);
        }
        let user = self.make_instance_admin(&mut tx, origin, &email, &password_hash).await?;
        let signed_in = self.service.open_session(&mut tx, origin, browser, user, &password_hash).await?;
        tx.commit().await?;
        Ok(signed_in)
    }

    /// Makes the instance admin from the configuration, if there is no user yet; true if it did.
    pub async fn bootstrap(self, email: &str, password: &str) -> Result<bool, Error> {
        if !self.is_pending().await? {
            return Ok(false);
        }
        let (email, password_hash) =
            self.first_account(self.service.inner.passwords.enter(Source::Inside)?, email, password).await?;
        let mut tx = self.service.begin_system(Purpose::Request).await?;
        let made = self.make_instance_admin(&mut tx, &Origin::default(), &email, &password_hash).await;
        match made {
            Ok(_) => {}
            // Another replica was quicker.
            Err(Error::Conflict(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn first_account(self, room: Room, email: &str, password: &str) -> Result<(Email, String), Error> {
        let email = Email::new(email).map_err(|error| FieldError::new("email", error));
        let password = Password::chosen(password).map_err(|error| FieldError::new("password", error));
        match (email, password) {
            (Ok(email), Ok(password)) => {
                let hash =
                    self.service.inner.passwords.hash_in(room, password, self.service.inner.random.as_ref()).await?;
                Ok((email, hash))
            }
            (email, password) => {
                let errors = [email.err(), password.err()];
                Err(Error::Invalid(errors.into_iter().flatten().collect()))
            }
        }
    }

    async fn make_instance_admin(
        self,
        tx: &mut Tx,
        origin: &Origin,
        email: &Email,
        password_hash: &str,
    ) -> Result<User, Error> {
        let now = self.service.now();
        let user = User {
            id: UserId(self.service.new_id()),
            email: email.as_str().to_owned(),
            instance_admin: true,
            created_at: now,
            locked_at: None,
        };
        users::insert(tx, user.id, email, Some(password_hash), true, now).await.map_err(|error| match error {
            StoreError::Conflict(_) => Error::Conflict(FieldError::new("email", "is taken")),
            error => error.into(),
        })?;
        self.make_organization(tx, "default", user.id, now).await?;
        let entry = AuditEntry {
            organization: None,
            action: AuditAction::InstanceSetUp,
            target: ("user", Some(user.id.0), &user.email),
            success: true,
            details: json!({}),
        };
        self.service.record(tx, &system(), origin, entry).await?;
        Ok(user)
    }

    pub(crate) async fn make_organization(
        self,
        tx: &mut Tx,
        name: &str,
        owner: UserId,
        now: Timestamp,
    ) -> Result<OrganizationId, Error> {
        let id = OrganizationId(self.service.new_id());
        let name = OrganizationName::new(name).map_err(|error| FieldError::new("name", error))?;
        organizations::insert(tx, id, &name, now).await?;
        memberships::insert(tx, MembershipId(self.service.new_id()), id, owner, Role::Owner, now).await?;
        Ok(id)
    }
}

fn setup_hash(link: &str) -> Option<SecretHash> {
    Secret::parse(link).ok().filter(|secret| secret.kind() == SecretKind::Setup).map(|secret| secret.hash())
}
